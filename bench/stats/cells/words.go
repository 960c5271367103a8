package cells

import (
	"cmp"
	"fmt"
	"strings"

	"iomodels/bench/record"
	"iomodels/bench/stats"
)

// Machine says in one line what the run stood on.
func Machine(env record.Env) string {
	return fmt.Sprintf("%s, %d CPUs, Linux %s, %s", env.CPU, env.CPUs, env.Kernel, env.Go)
}

// Commit names the code of a run; "+changes" if it was not all committed.
func Commit(env record.Env) string {
	if env.Dirty {
		return env.Commit + "+changes"
	}
	return env.Commit
}

// BlocksNote says how many repetitions stand behind groups, and which level their intervals
// have: with few blocks it is less than 95 %, and that must be said.
func BlocksNote(groups []*Group) string {
	least, most := Blocks(groups)
	level := func(n int) string {
		return share(round(stats.Median(make([]float64, n), stats.Level).Confidence, 3))
	}
	switch {
	case most == 0:
		return "no block"
	case most == 1:
		return "1 block, which gives no interval"
	case least == most:
		return fmt.Sprintf("%d blocks; intervals are exact %s ones of the median", most, level(most))
	case least == 1:
		return fmt.Sprintf("1 to %d blocks; intervals are exact ones of the median, %s at %d blocks, "+
			"none at 1",
			most, level(most), most)
	}
	return fmt.Sprintf("%d to %d blocks; intervals are exact ones of the median, %s to %s",
		least, most, level(least), level(most))
}

// Remark says what is not sound about a group's figures, "" if nothing is; with the numbers.
func (h Health) Remark() string {
	text := h.Failed()
	if h.Verdict == invalid {
		if text != "" {
			text += "; "
		}
		text += "invalid by the generator's own verdict: " + strings.Join(h.Invalid, "; ")
	}
	return text
}

// Failed says which requests and connections failed, "" if none did.
func (h Health) Failed() string {
	var parts []string
	if len(h.Requests) > 0 {
		parts = append(parts, "failed requests: "+Classes(h.Requests))
	}
	if len(h.Connects) > 0 {
		parts = append(parts, "failed connects: "+Classes(h.Connects))
	}
	if h.Peak < h.Target {
		parts = append(parts, fmt.Sprintf("%d of %d connections at the peak", h.Peak, h.Target))
	}
	return strings.Join(parts, "; ")
}

// Gap says why the metric of a group has no figure, or fewer blocks than it was meant to
// have; "" if nothing is missing.
func (g *Group) Gap(m Metric) string {
	have := len(g.Values(m))
	if absence := g.Absence(); absence != "" {
		return absence
	}
	if have == 0 {
		return cmp.Or(m.Absent, "its records hold no "+m.Name)
	}
	if len(g.OK) >= g.Planned && have == len(g.OK) {
		return ""
	}
	text := fmt.Sprintf("%d of %d blocks", have, max(g.Planned, len(g.OK)))
	switch {
	case len(g.Out) > 0:
		text += " (" + Why(g.Out[len(g.Out)-1]) + ")"
	case len(g.OK) < g.Planned:
		text += " (the run ended before)"
	}
	return text
}

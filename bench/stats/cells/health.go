package cells

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"iomodels/bench/record"
)

// Health is what went wrong in the measured blocks of a group, added up. The figures of a
// group that is not sound are shown, and marked. One that is merely suspect is sound: its cost
// holds, and its speed and times are to be used with the reason in mind.
type Health struct {
	Blocks       int
	Verdict      string            // the generator's worst verdict on itself: valid, suspect or invalid
	Invalid      []string          // reasons of blocks that were judged invalid, each once
	Suspect      []string          // reasons of blocks that were judged suspect, numbers left out
	Requests     map[string]uint64 // failed requests by class, time-outs and unanswered ones included
	Connects     map[string]uint64 // failed connects by class
	ClosedByPeer uint64            // connections that the server closed unasked
	Unsent       uint64            // requests that became due and never found a free connection
	Target       int               // connections asked for
	Peak         int               // fewest connections at the peak, over the blocks
}

// The generator's verdicts on itself.
const (
	valid   = "valid"
	suspect = "suspect"
	invalid = "invalid"
)

// Health adds up the blocks of a group.
func (g *Group) Health() Health {
	h := Health{Blocks: len(g.OK), Requests: map[string]uint64{}, Connects: map[string]uint64{}}
	for i, r := range g.OK {
		h.judge(r.Load.Verdict, r.Load.Reasons)
		addTo(h.Requests, r.Load.Requests.Errors)
		addTo(h.Requests, map[string]uint64{
			"timeout": r.Load.Requests.Timeouts, "unanswered": r.Load.Requests.InFlight,
		})
		addTo(h.Connects, r.Load.Connections.Failed)
		h.ClosedByPeer += r.Load.Connections.ClosedByPeer
		h.Unsent += r.Load.Requests.Unsent
		h.Target = max(h.Target, r.Load.Connections.Target)
		if i == 0 || r.Load.Connections.Peak < h.Peak {
			h.Peak = r.Load.Connections.Peak
		}
	}
	return h
}

// judge takes in the generator's verdict on one block; none at all is not a good one.
func (h *Health) judge(verdict string, reasons []string) {
	if verdict == "" {
		verdict, reasons = invalid, []string{"it gave none"}
	}
	if slices.Index(verdicts(), verdict) > slices.Index(verdicts(), h.Verdict) {
		h.Verdict = verdict
	}
	for _, reason := range reasons {
		if verdict == invalid {
			h.Invalid = addOnce(h.Invalid, reason)
		} else {
			h.Suspect = addOnce(h.Suspect, WithoutNumbers(reason))
		}
	}
}

// verdicts lists the verdicts, the best first.
func verdicts() []string { return []string{"", valid, suspect, invalid} }

func addOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// WithoutNumbers makes one reason of those that differ by their figures only, so that it can
// be said once for many cells.
func WithoutNumbers(reason string) string {
	return regexp.MustCompile(`\d[\d.,]*`).ReplaceAllString(reason, "…")
}

func addTo(sum, more map[string]uint64) {
	for class, n := range more {
		if n > 0 {
			sum[class] += n
		}
	}
}

// Failures is the number of failed requests and connects together.
func (h Health) Failures() uint64 { return total(h.Requests) + total(h.Connects) }

// Sound reports whether the figures describe what was planned: no failure, every connection
// up, and no block that the generator judged invalid.
func (h Health) Sound() bool {
	return h.Blocks > 0 && h.Failures() == 0 && h.Peak >= h.Target && h.Verdict != invalid
}

func total(classes map[string]uint64) (sum uint64) {
	for _, n := range classes {
		sum += n
	}
	return sum
}

// Classes writes counts by class, largest first: "reset 12, timeout 3"; "0" if there are none.
func Classes(counts map[string]uint64) string {
	names := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case counts[a] > counts[b]:
			return -1
		case counts[a] < counts[b]:
			return 1
		}
		return 0
	})
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, ", ")
}

// Sustained reports whether an open-loop group served what it was offered: in every block at
// least 99 % of the requests that became due. (Not of the nominal rate, from which random
// arrivals in a short window stray by themselves.) Beyond that point its latencies are those
// of a queue that grows.
func (g *Group) Sustained() bool {
	for _, r := range g.OK {
		if float64(r.Replies()) < 0.99*float64(r.Load.Requests.Scheduled) {
			return false
		}
	}
	return len(g.OK) > 0
}

// Absence says why a group has no figure, in one line; "" if it has one in some block.
func (g *Group) Absence() string {
	switch {
	case len(g.OK) > 0:
		return ""
	case len(g.Out) > 0:
		return Why(g.Out[len(g.Out)-1])
	}
	return "not reached: the run ended before"
}

// Why is the first line of the reason for which a record holds no measurement.
func Why(r record.Record) string {
	if r.Skipped != "" {
		return "skipped: " + firstLine(r.Skipped)
	}
	return "failed: " + firstLine(r.Failed)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(line)
}

package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// conditions is everything about machine and code that a reader needs to judge or repeat the
// run.
func (v view) conditions() string {
	env := v.set.Env
	t := table.New("<what", "<in this run")
	add := func(what, value string) {
		if value != "" {
			t.Add(what, value)
		}
	}
	add("run", "`"+v.runDir+"`")
	if !env.Started.IsZero() {
		add("started", env.Started.UTC().Format("2006-01-02 15:04 UTC"))
	}
	add("commit", cells.Commit(env))
	add("command", code(strings.Join(env.Command, " ")))
	add("profile, seed", fmt.Sprintf("%s, %d (the seed replays the order)", env.Profile, env.Seed))
	add("blocks", fmt.Sprintf("up to %d per cell; %d cells planned", env.Blocks, len(env.Plan)))
	add("measurements", v.counts())
	add("machine", cells.Machine(env))
	add("memory", cells.Bytes.Format(float64(env.MemoryMB)*1e6))
	add("CPUs of server, generator", placement(env.Config.ServerCPUs, env.Config.LoadCPUs))
	add("CPUs where they share", placement(env.Config.SharedCPUs))
	add("congestion control", env.Congestion)
	add("open files", fmt.Sprint(env.Nofile))
	for _, name := range slices.Sorted(maps.Keys(env.Limits)) {
		add(name, env.Limits[name])
	}
	for _, name := range slices.Sorted(maps.Keys(env.Modules)) {
		add(name, env.Modules[name])
	}
	return join(t.Markdown(), v.disturbances())
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// counts says how many measurements the run holds.
func (v view) counts() string {
	ok, failed, skipped := 0, 0, 0
	for _, g := range v.set.Groups(every) {
		ok += len(g.OK)
		for _, r := range g.Out {
			if r.Failed != "" {
				failed++
			}
		}
		if len(g.Out) > 0 && g.Out[0].Skipped != "" {
			skipped++
		}
	}
	return fmt.Sprintf("%d measured, %d failed, %d cells skipped", ok, failed, skipped)
}

// placement writes lists of CPUs: "0 | 1".
func placement(sides ...[]int) string {
	var parts []string
	for _, cpus := range sides {
		if len(cpus) > 0 {
			parts = append(parts, strings.Trim(fmt.Sprint(cpus), "[]"))
		}
	}
	return strings.Join(parts, " / ")
}

// disturbances says how quiet the machine was while it measured.
func (v view) disturbances() string {
	n, repeated := 0, 0
	var foreign, steal float64
	for _, r := range v.run.Records {
		if !r.OK() {
			continue
		}
		n++
		if r.Machine.Tries > 1 {
			repeated++
		}
		foreign = max(foreign, r.Machine.ForeignCPU)
		steal += r.Machine.StealS
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("How quiet the machine was: %d of %d measurements were repeated because something "+
		"disturbed them (judged by the machine's counters alone, never by the figures); in the noisiest "+
		"one that was kept, other processes used %s CPUs; the hypervisor took %s in all measured windows "+
		"together.",
		repeated, n, cells.Ratio.Format(foreign), cells.Seconds.Format(steal))
}

package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"iomodels/bench/stats/cells"
)

// environment is everything about machine and code that a reader needs to judge or repeat the run.
func (r *reporter) environment() []pair {
	env := r.run.Env
	var out []pair
	add := func(name, value string) {
		if value != "" {
			out = append(out, pair{name, value})
		}
	}
	if !env.Started.IsZero() {
		add("started", env.Started.UTC().Format(minutes))
	}
	add("commit", cells.Commit(env))
	add("profile, seed", fmt.Sprintf("%s, %d (the seed replays the order)", env.Profile, env.Seed))
	add("blocks", fmt.Sprintf("up to %d per cell; %d cells planned", env.Blocks, len(env.Plan)))
	add("machine", cells.Machine(env))
	add("memory", cells.Bytes.Format(float64(env.MemoryMB)*1e6))
	add("CPUs of the server", strings.Trim(fmt.Sprint(env.Config.ServerCPUs), "[]"))
	add("CPUs of the generator", strings.Trim(fmt.Sprint(env.Config.LoadCPUs), "[]"))
	add("CPUs where they share", strings.Trim(fmt.Sprint(env.Config.SharedCPUs), "[]"))
	add("congestion control", env.Congestion)
	add("open files", fmt.Sprint(env.Nofile))
	for _, more := range []map[string]string{env.Identity, env.Limits, env.Modules} {
		for _, name := range slices.Sorted(maps.Keys(more)) {
			add(name, more[name])
		}
	}
	return out
}

// troubles is what went wrong: a page that shows only what worked cannot be trusted.
type troubles struct {
	Summary string
	Rows    []trouble
}

// trouble is a reason, and whom it concerns where.
type trouble struct {
	What, Models, Where string
	Cells               int
}

// concern is whom a reason concerns.
type concern struct {
	models, places []string
	cells          int
}

func (r *reporter) trouble() troubles {
	seen := map[string]*concern{}
	note := func(g *cells.Group, what string) {
		if seen[what] == nil {
			seen[what] = &concern{}
		}
		e := seen[what]
		e.cells++
		e.models = once(e.models, g.Cell.Model)
		e.places = once(e.places, cells.Place(g.Cell))
	}
	skipped, failed, doubtful := 0, 0, 0
	for _, g := range r.set.Groups(every) {
		for _, rec := range g.Out {
			if rec.Failed != "" {
				failed++
			} else {
				skipped++
			}
			note(g, cells.Why(rec))
		}
		if len(g.OK) == 0 && len(g.Out) == 0 {
			note(g, g.Absence())
		}
		h := g.Health()
		if len(g.OK) > 0 && !h.Sound() {
			doubtful++
			note(g, "read with care: "+cells.WithoutNumbers(h.Remark()))
		}
		for _, reason := range h.Suspect {
			note(g, "suspect by the generator's own verdict: "+reason)
		}
	}
	out := troubles{Summary: "Every planned cell was measured in every block, without an error or a doubt."}
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		out.Rows = append(out.Rows, r.troubleOf(what, *seen[what]))
	}
	for _, w := range r.run.Warnings {
		out.Rows = append(out.Rows, trouble{What: w})
	}
	if len(out.Rows) > 0 {
		out.Summary = fmt.Sprintf("%d measurements failed, %d were skipped, and the figures of %d cells are to be "+
			"read with care. A suspect cell's speed is to be used with the reason in mind; its cost holds.",
			failed, skipped, doubtful)
	}
	return out
}

// troubleOf writes a reason as a row; a long list of places is counted.
func (r *reporter) troubleOf(what string, c concern) trouble {
	row := trouble{what, strings.Join(c.models, ", "), strings.Join(c.places, "; "), c.cells}
	if len(c.places) > 2 {
		row.Where = fmt.Sprintf("%d kinds of load", len(c.places))
	}
	if len(c.models) == len(r.models) && len(r.models) > 1 {
		row.Models = "all"
	}
	return row
}

func once(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// limits is what no page of this suite can say.
func limits(baseline string) []string {
	return []string{
		"How these servers compare on another machine: absolute figures belong to this one. Ratios to " + baseline +
			" travel better, and still not everywhere.",
		"What a real network does: everything ran over loopback, without loss, delay, or a network card's interrupts.",
		"What TLS, HTTP/2 or a handler that does work would cost: the handlers answer with a few bytes. The more a " +
			"handler does, the less the model matters.",
		"How it scales to many cores: server and generator had a processor each, or shared one.",
		"That two models are equal where no difference is shown: it says only that this run could not tell them apart.",
		"How fast a model is where the generator was the limit; it says so itself, as \"suspect\" or \"invalid\".",
		"What the kernel does for a server outside its threads (interrupts, timers): CPU time counts threads only.",
		"How the libraries could be tuned by their authors: they are set up as their documentation recommends, and " +
			"fasthttp and net/http bring parsers of their own.",
	}
}

// definitions says how each figure is defined; the words come from where it is computed.
func definitions() []pair {
	var out []pair
	for _, m := range cells.Metrics() {
		out = append(out, pair{m.Name, m.Definition})
	}
	return out
}

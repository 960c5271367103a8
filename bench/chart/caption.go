package chart

import (
	"fmt"
	"slices"
	"strings"

	"iomodels/bench/stats/cells"
)

// caption says under which conditions the groups were measured. how explains the marks.
func caption(set *cells.Set, sc cells.Scenario, groups []*cells.Group, how string) string {
	return fmt.Sprintf("%s Load: %s%s. Over %s. Machine: %s. Commit %s.",
		how, sc, duration(groups), cells.BlocksNote(groups), cells.Machine(set.Env), cells.Commit(set.Env))
}

// duration says how long the load lasted, where it was the same everywhere.
func duration(groups []*cells.Group) string {
	seen := ""
	for _, g := range groups {
		for _, r := range g.OK {
			text := fmt.Sprintf(", %s measured", cells.Seconds.Tick(r.Load.Plan.Duration.Seconds()))
			if seen != "" && seen != text {
				return ""
			}
			seen = text
		}
	}
	return seen
}

// notes lists what a chart of the metric does not show, and what it shows with a doubt. Models
// with the same reason share a line; where names the place of a group in the chart. The
// numbers behind a doubt stand in the report.
func notes(groups []*cells.Group, m cells.Metric, where func(*cells.Group) string) []string {
	crowd := len(modelsOf(groups))
	missing, thin, failing := &roster{crowd: crowd}, &roster{crowd: crowd}, &roster{crowd: crowd}
	invalid, suspect := &roster{crowd: crowd}, &roster{crowd: crowd}
	for _, g := range groups {
		gap := g.Gap(m)
		switch {
		case len(g.Values(m)) == 0:
			missing.add(gap, g.Cell.Model, where(g))
			continue
		case gap != "":
			thin.add(gap, g.Cell.Model, where(g))
		}
		h := g.Health()
		if failed := h.Failed(); failed != "" {
			failing.add(failed, g.Cell.Model, where(g))
		}
		for _, reason := range h.Invalid {
			invalid.add(headline(reason), g.Cell.Model, where(g))
		}
		if m.Timed {
			for _, reason := range h.Suspect {
				suspect.add(headline(reason), g.Cell.Model, where(g))
			}
		}
	}
	return slices.Concat(
		missing.lines("Not drawn"), thin.lines("Fewer blocks"), failing.lines("Read with care"),
		invalid.lines("Invalid, says the generator of itself"),
		suspect.lines("Suspect, says the generator of itself"),
	)
}

// headline is the start of a reason, without numbers: "the generator was late".
func headline(reason string) string {
	reason, _, _ = strings.Cut(cells.WithoutNumbers(reason), ":")
	reason, _, _ = strings.Cut(reason, " (")
	return reason
}

func modelsOf(groups []*cells.Group) []string {
	var out []string
	for _, g := range groups {
		if !slices.Contains(out, g.Cell.Model) {
			out = append(out, g.Cell.Model)
		}
	}
	return out
}

// atConns places a group by its connections.
func atConns(g *cells.Group) string {
	return cells.Connections(g.Cell.Conns)
}

// manyConns is the same for lists of places, where the unit is shared.
func manyConns(g *cells.Group) string {
	return cells.Count.Tick(float64(g.Cell.Conns)) + " connections"
}

// atRate places a group by its offered load.
func atRate(g *cells.Group) string { return cells.Rate.Tick(g.Cell.Rate) + " req/s" }

// nowhere places groups of a chart that has only one place.
func nowhere(*cells.Group) string { return "" }

// roster collects who shares a reason, in the order of first appearance.
type roster struct {
	crowd   int // models in the chart: that many are "all models"
	entries []entry
}

// entry is a model at some places, for a reason.
type entry struct {
	reason, model string
	places        []string
}

func (r *roster) add(reason, model, place string) {
	for i, e := range r.entries {
		if e.reason == reason && e.model == model {
			if !slices.Contains(e.places, place) {
				r.entries[i].places = append(e.places, place)
			}
			return
		}
	}
	r.entries = append(r.entries, entry{reason, model, []string{place}})
}

// lines writes a line per reason: "HEAD: a, b (1k connections), c (10k connections): reason."
// Models at the same places stand together.
func (r *roster) lines(head string) []string {
	var out []string
	for _, reason := range distinct(r.entries, func(e entry) string { return e.reason }) {
		var same []entry
		for _, e := range r.entries {
			if e.reason == reason {
				same = append(same, e)
			}
		}
		line := fmt.Sprintf("%s: %s: %s", head, r.who(same), reason)
		out = append(out, strings.TrimSuffix(line, ".")+".")
	}
	return out
}

func (r *roster) who(same []entry) string {
	var parts []string
	at := func(e entry) string { return joinPlaces(e.places) }
	for _, place := range distinct(same, at) {
		var models []string
		for _, e := range same {
			if at(e) == place {
				models = append(models, e.model)
			}
		}
		text := strings.Join(models, ", ")
		if len(models) == r.crowd && r.crowd > 1 {
			text = "all models"
		}
		if place != "" {
			text += " (" + place + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// joinPlaces writes the unit that places share only once: "100, 1k connections".
func joinPlaces(places []string) string {
	_, unit, _ := strings.Cut(places[0], " ")
	var heads []string
	for _, p := range places {
		head, u, _ := strings.Cut(p, " ")
		if u != unit {
			return strings.Join(places, ", ")
		}
		heads = append(heads, head)
	}
	return strings.TrimSpace(strings.Join(heads, ", ") + " " + unit)
}

// distinct lists the values of entries, each once, in the order of first appearance.
func distinct(entries []entry, of func(entry) string) []string {
	var out []string
	for _, e := range entries {
		if v := of(e); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

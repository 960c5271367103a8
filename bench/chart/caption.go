package chart

import (
	"fmt"
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
// with the same reason share a line; where names the place of a group in the chart.
func notes(groups []*cells.Group, m cells.Metric, where func(*cells.Group) string) []string {
	missing, thin, doubtful, suspect := &roster{}, &roster{}, &roster{}, &roster{}
	for _, g := range groups {
		gap := g.Gap(m)
		switch {
		case len(g.Values(m)) == 0:
			missing.add(gap, g.Cell.Model, where(g))
			continue
		case gap != "":
			thin.add(gap, g.Cell.Model, where(g))
		}
		if h := g.Health(); !h.Sound() {
			doubtful.add(h.Remark(), g.Cell.Model, where(g))
		} else if m.Timed {
			for _, reason := range h.Suspect {
				suspect.add(reason, g.Cell.Model, where(g))
			}
		}
	}
	var out []string
	out = append(out, missing.lines("Not drawn")...)
	out = append(out, thin.lines("Fewer blocks")...)
	out = append(out, doubtful.lines("Read with care")...)
	return append(out, suspect.lines("Suspect, says the generator of itself")...)
}

// atConns places a group by its connections.
func atConns(g *cells.Group) string {
	return cells.Count.Tick(float64(g.Cell.Conns)) + " connections"
}

// atRate places a group by its offered load.
func atRate(g *cells.Group) string { return cells.Rate.Tick(g.Cell.Rate) + " req/s" }

// nowhere places groups of a chart that has only one place.
func nowhere(*cells.Group) string { return "" }

// roster collects who shares a reason, in the order of first appearance.
type roster struct {
	reasons []string
	models  map[string][]string          // by reason
	places  map[string]map[string]string // by reason, then model
}

func (r *roster) add(reason, model, place string) {
	if r.models == nil {
		r.models, r.places = map[string][]string{}, map[string]map[string]string{}
	}
	if r.places[reason] == nil {
		r.reasons = append(r.reasons, reason)
		r.places[reason] = map[string]string{}
	}
	if at, known := r.places[reason][model]; known {
		r.places[reason][model] = at + ", " + place
		return
	}
	r.models[reason] = append(r.models[reason], model)
	r.places[reason][model] = place
}

func (r *roster) lines(head string) []string {
	var out []string
	for _, reason := range r.reasons {
		var who []string
		for _, model := range r.models[reason] {
			if place := r.places[reason][model]; place != "" {
				model += " (" + place + ")"
			}
			who = append(who, model)
		}
		line := fmt.Sprintf("%s: %s: %s", head, strings.Join(who, ", "), reason)
		out = append(out, strings.TrimSuffix(line, ".")+".")
	}
	return out
}

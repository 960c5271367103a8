package chart

import (
	"fmt"
	"slices"

	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// family draws what the same requests cost while more and more connections stand open and silent:
// a wait that looks at the ready connections stays level, one that looks at all of them climbs.
func family(set *cells.Set, proto string) (Chart, bool) {
	groups := familyOf(set, proto)
	if len(groups) == 0 {
		return Chart{}, false
	}
	m := cells.Norm()
	absolute := seriesOf(set, groups, byHeld, func(g *cells.Group) stats.Interval { return g.Median(m) })
	growth := seriesOf(set, groups, byHeld, func(g *cells.Group) stats.Interval { return cells.AgainstFewest(groups, g, m) })
	if len(absolute) == 0 {
		return Chart{}, false
	}
	rows := [][]panel{{heldPanel(groups, absolute, panel{
		yTitle: "norm: server CPU over generator CPU, log scale (lower is better)", height: 330,
	})}}
	if len(growth) > 0 {
		rows = append(rows, []panel{heldPanel(groups, growth, panel{
			title:  "The same, as a ratio to the same model without silent connections",
			yTitle: "ratio, log scale (1: silent connections are free)", height: 330,
		})})
	}
	active := groups[0].Cell.Conns
	return Chart{
		Title: fmt.Sprintf("Cost per request against open connections, %s of them active: %s",
			cells.Count.Tick(float64(active)), cells.ProtoName(proto)),
		Alt: "Two line charts: the cost of a request against the connections open, one line per model. The " +
			"models that scan all connections climb, the others stay level.",
		Caption: caption(set, cells.ScenarioOf(groups[0].Cell), groups, "Points: median over blocks, set side "+
			"by side (hollow: read with care); whiskers: its interval. The ratio is taken inside each block. "+
			"The active connections keep the server busy; the others say nothing."),
		Notes: notes(groups, m, atHeld),
		page:  page{rows: rows},
	}, true
}

// familyOf finds the groups in which nothing but the number of silent connections changes.
func familyOf(set *cells.Set, proto string) []*cells.Group {
	groups := slices.DeleteFunc(ofWorkload(set, cells.Mixed, proto), func(g *cells.Group) bool {
		return g.Cell.Topology != cells.Shared
	})
	if len(cells.IdlesOf(groups)) < 2 {
		return nil
	}
	return groups
}

func byHeld(g *cells.Group) float64 { return float64(g.Held()) }

func atHeld(g *cells.Group) string {
	return cells.Count.Tick(float64(g.Held())) + " connections"
}

// heldPanel draws lines against the connections that are open, on two log axes.
func heldPanel(groups []*cells.Group, all []series, pn panel) panel {
	var held []float64
	for _, g := range groups {
		held = append(held, byHeld(g))
	}
	slices.Sort(held)
	p := newPlot("connections open (log scale)")
	measuredAxis(&p.X, slices.Compact(held), cells.Count)
	_, _, lo, hi := bounds(all)
	p.Y.Min, p.Y.Max = logRange(lo, hi)
	p.Y.Scale, p.Y.Tick.Marker = safeLog{}, logTicks{cells.Ratio}
	p.Add(gridLines{horizontal: true}, lines{sideBySide(all, apart)})
	pn.plot, pn.names = p, all
	return pn
}

// familyMemory is memory for the family tree, which holds models that the default matrix has not.
func familyMemory(set *cells.Set, proto string) (Chart, bool) {
	if len(familyOf(set, proto)) == 0 {
		return Chart{}, false
	}
	return memory(set, proto)
}

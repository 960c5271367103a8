package chart

import (
	"fmt"

	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// forest draws the cost of each model as a ratio to the baseline's, server and generator on
// one CPU: the sharpest comparison that a small noisy machine allows.
func forest(set *cells.Set, proto string) (Chart, bool) {
	sc, ok := set.Headline(cells.Closed, proto, cells.Shared)
	if !ok {
		return Chart{}, false
	}
	groups, m := set.In(sc), cells.Norm()
	groups = cells.AtConns(groups, cells.TypicalConns(groups))
	rows := ratioRows(set, groups, m)
	if len(rows) == 0 {
		return Chart{}, false
	}
	pn := ratioPanelOf(
		fmt.Sprintf("cost ratio to %s, log scale (lower is better: 0.8 costs a fifth less)", set.Baseline),
		rows, textWidth)
	return Chart{
		Title: fmt.Sprintf("Cost per request against %s, %s: %s",
			set.Baseline, atConns(groups[0]), cells.ProtoName(proto)),
		Alt: "Forest plot: the ratio of each model's norm cost to that of " + set.Baseline +
			", with intervals, cheapest first.",
		Caption: caption(set, sc, groups, "Dots (hollow: read with care): Hodges-Lehmann estimate over "+
			"blocks of the ratio inside a block; whiskers: its exact signed-rank interval. Cost is norm: "+
			"server CPU over generator CPU of the same window, which cancels the machine's changes of "+
			"speed and shows differences smaller than they are, never larger. An interval that crosses 1 "+
			"shows no difference."+letterNote(groups, m)),
		Notes: notes(groups, m, nowhere),
		page:  page{rows: [][]panel{{pn}}},
	}, true
}

// ratioRows makes a row per group that has a ratio, and one for the baseline.
func ratioRows(set *cells.Set, groups []*cells.Group, m cells.Metric) []row {
	var rows []row
	ranking, part := cells.Rank(groups, m)
	for i, g := range part {
		r := row{name: g.Cell.Model, model: g.Cell.Model, hollow: !g.Health().Sound()}
		switch iv := set.Ratio(g, m); {
		case g.Cell.Model == set.Baseline:
			r.total, r.text = stats.Interval{Value: 1, Lo: 1, Hi: 1, N: 1}, "1 (baseline)"
		case iv.OK():
			r.total, r.text = iv, m.Unit.Interval(iv)
		default:
			continue
		}
		if ranking.Letters != nil {
			r.text += "  " + ranking.Letters[i]
		}
		rows = append(rows, r)
	}
	sortRows(rows)
	if len(rows) < 2 {
		return nil
	}
	return rows
}

// letterNote explains the letters, or says why there are none.
func letterNote(groups []*cells.Group, m cells.Metric) string {
	ranking, _ := cells.Rank(groups, m)
	if ranking.Letters == nil {
		return fmt.Sprintf(" Tiers are not given: they need %d blocks.", ranking.Need)
	}
	return " Models that share a letter were not shown to differ."
}

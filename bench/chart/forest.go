package chart

import (
	"fmt"
	"slices"

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
	groups := set.In(sc)
	return ratios(set, sc, cells.AtConns(groups, cells.TypicalConns(groups)), plotted{
		metric: cells.Norm(), title: "Cost per request", axis: "lower is better: 0.8 costs a fifth less",
		about: " Cost is norm: server CPU over generator CPU of the same window, which cancels the machine's " +
			"changes of speed and shows differences smaller than they are, never larger.",
	})
}

// speedForest draws requests per second as a ratio to the baseline's where servers took turns
// with a CPU of their own. Elsewhere so few blocks stand behind speed that a picture would
// promise too much.
func speedForest(set *cells.Set, proto string) (Chart, bool) {
	for _, c := range set.Campaigns() {
		if c.Cell.Proto == proto && c.Metric.Name == cells.Throughput().Name {
			return ratios(set, cells.ScenarioOf(c.Cell), c.Groups, plotted{
				metric: c.Metric, title: "Requests per second", axis: "higher is better: 1.25 serves a quarter more",
			})
		}
	}
	return Chart{}, false
}

// plotted says which ratios a forest plot shows.
type plotted struct {
	metric             cells.Metric
	title, axis, about string
}

// ratios is a forest plot: a row per model, the baseline's line at 1, and around it the band in
// which a second server of the baseline came out.
func ratios(set *cells.Set, sc cells.Scenario, groups []*cells.Group, what plotted) (Chart, bool) {
	m := what.metric
	rows := ratioRows(set, groups, m)
	if len(rows) == 0 {
		return Chart{}, false
	}
	floor := cells.Floor(groups, m)
	pn := ratioPanelOf(fmt.Sprintf("ratio to %s, log scale (%s)", set.Baseline, what.axis), rows, floor, textWidth)
	band := ""
	if floor.OK() {
		band = fmt.Sprintf(" Grey band: a second server of %s against the first, %.3f [%.3f–%.3f]; what lies in it is "+
			"not told from noise.", set.Baseline, floor.Value, floor.Lo, floor.Hi)
	}
	return Chart{
		Title: fmt.Sprintf("%s against %s, %s: %s", what.title, set.Baseline, atConns(groups[0]), cells.ProtoName(sc.Proto)),
		Alt: fmt.Sprintf("Forest plot: the ratio of each model's %s to that of %s, with intervals, best first.",
			m.Name, set.Baseline),
		Caption: caption(set, sc, groups, "Dots (hollow: read with care): Hodges-Lehmann estimate over "+
			"blocks of the ratio inside a block; whiskers: its exact signed-rank interval."+what.about+
			" An interval that crosses 1 shows no difference."+band+letterNote(groups, m)),
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
	if !m.Lower {
		slices.Reverse(rows) // best first
	}
	if len(rows) < 2 {
		return nil
	}
	return rows
}

// letterNote explains the letters, or says why there are none.
func letterNote(groups []*cells.Group, m cells.Metric) string {
	ranking, part := cells.Rank(groups, m)
	if why := cells.NoVerdict(part, ranking); why != "" {
		return " Tiers are not given: " + why + "."
	}
	return " Models that share a letter were not shown to differ."
}

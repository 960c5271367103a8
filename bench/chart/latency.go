package chart

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
	"iomodels/loadgen"
)

// percentiles draws response time against percentile, on an axis where each further nine takes
// the same room: in an open loop what a user would wait, in a closed one the queue as well.
func percentiles(set *cells.Set, proto string) (Chart, bool) {
	var rows [][]panel
	var all []*cells.Group
	var loads []string
	if sc, ok := set.Headline(cells.Open, proto, cells.Split); ok {
		groups := set.In(sc)
		rate := cells.CommonRate(groups)
		groups = cells.AtRate(groups, rate)
		title := "Open loop, " + cells.Rate.Tick(rate) + " req/s offered: what a user would wait"
		if pn, ok := curvePanel(set, groups, title, response); ok {
			rows, all = append(rows, []panel{pn}), append(all, groups...)
			loads = append(loads, sc.String()+", "+atConns(groups[0]))
		}
	}
	closed, ok := set.Headline(cells.Closed, proto, cells.Split)
	if ok {
		groups := set.In(closed)
		n := cells.TypicalConns(groups)
		groups = cells.AtConns(groups, n)
		title := fmt.Sprintf("Closed loop, %s: mostly the queue of all the others", atConns(groups[0]))
		if pn, ok := curvePanel(set, groups, title, response); ok {
			rows, all = append(rows, []panel{pn}), append(all, groups...)
			loads = append(loads, closed.String())
		}
	}
	if len(rows) == 0 {
		return Chart{}, false
	}
	return percentilesChart(set, proto, rows, all, loads), true
}

func percentilesChart(set *cells.Set, proto string, rows [][]panel, all []*cells.Group, loads []string) Chart {
	m := cells.Response(0.5)
	return Chart{
		Title: "Response time by percentile: " + cells.ProtoName(proto),
		Alt: "Line chart: response time against percentile on a nines axis, one line per model, for " +
			fmt.Sprintf("%d kinds of load.", len(rows)),
		Caption: fmt.Sprintf("Lines: at each percentile the median of the blocks' own percentiles; "+
			"bands: its interval. Percentiles are never averaged, samples never pooled. A line ends "+
			"where a block has fewer than %d samples left. Time runs from the intended send to the last "+
			"byte. Load: %s. Over %s. Machine: %s. Commit %s.",
			cells.MinTail, strings.Join(loads, "; "), cells.BlocksNote(all), cells.Machine(set.Env),
			cells.Commit(set.Env)),
		Notes: notes(all, m, func(g *cells.Group) string {
			if g.Cell.Rate > 0 {
				return atRate(g)
			}
			return manyConns(g)
		}),
		page: page{rows: rows},
	}
}

func response(r record.Record) loadgen.Latency { return r.Load.Response }

// curvePanel draws the merged percentile curves of groups; false if there are none.
func curvePanel(
	set *cells.Set, groups []*cells.Group, title string, of func(record.Record) loadgen.Latency,
) (panel, bool) {
	var all []series
	for _, model := range set.Models {
		for _, g := range cells.OfModel(groups, model) {
			s := series{model: model}
			for _, pt := range g.CurveOf(of) {
				s.points = append(s.points, point{pt.Q, pt.At, false})
			}
			if len(s.points) > 0 {
				all = append(all, s)
			}
		}
	}
	if len(all) == 0 {
		return panel{}, false
	}
	p := newPlot("percentile (each further nine takes the same room)")
	p.X.Min, p.X.Max, _, _ = bounds(all)
	p.X.Scale, p.X.Tick.Marker = ninesScale{}, ninesTicks{}
	timeAxis(&p.Y, all)
	p.Add(gridLines{horizontal: true, vertical: true}, curves{all})
	return panel{
		title: title, yTitle: "response time, log scale (lower is better)", plot: p, height: 300, names: all,
	}, true
}

// timeAxis is a log axis of seconds.
func timeAxis(a *plot.Axis, all []series) {
	_, _, lo, hi := bounds(all)
	a.Min, a.Max = logRange(lo, hi)
	a.Scale, a.Tick.Marker = safeLog{}, logTicks{cells.Seconds}
}

// offeredLoad draws p50 and p99 against the offered load of an open loop.
func offeredLoad(set *cells.Set, proto string) (Chart, bool) {
	sc, ok := set.Headline(cells.Open, proto, cells.Split)
	if !ok {
		return Chart{}, false
	}
	groups := set.In(sc)
	var rows [][]panel
	for _, q := range []float64{0.5, 0.99} {
		if pn, ok := loadPanel(set, groups, cells.Response(q)); ok {
			rows = append(rows, []panel{pn})
		}
	}
	if len(rows) == 0 {
		return Chart{}, false
	}
	return Chart{
		Title: "Response time against offered load: " + cells.ProtoName(proto),
		Alt: "Two line charts: median and 99th percentile of the response time against the offered " +
			"load, one line per model.",
		Caption: caption(set, sc, groups, "Points: median over blocks of each block's percentile, set "+
			"side by side; whiskers: its interval. Time runs from the intended send. Hollow: the load "+
			"was not sustained, or read with care."),
		Notes: append(notes(groups, cells.Response(0.99), atRate), unsustained(groups)...),
		page:  page{rows: rows},
	}, true
}

func loadPanel(set *cells.Set, groups []*cells.Group, m cells.Metric) (panel, bool) {
	all := seriesOf(set, groups, byRate, func(g *cells.Group) stats.Interval { return g.Median(m) })
	if len(all) == 0 {
		return panel{}, false
	}
	for i, s := range all {
		for j, g := range withMetric(cells.OfModel(groups, s.model), m) {
			all[i].points[j].hollow = all[i].points[j].hollow || !g.Sustained()
		}
	}
	p := newPlot("offered load, requests per second (log scale)")
	timeAxis(&p.Y, all)
	measuredAxis(&p.X, cells.RatesOf(groups), cells.Rate)
	p.Add(gridLines{horizontal: true}, lines{sideBySide(all, apart)})
	return panel{
		yTitle: m.Name + " response time, log scale (lower is better)", plot: p, height: 270, names: all,
	}, true
}

func withMetric(groups []*cells.Group, m cells.Metric) []*cells.Group {
	var out []*cells.Group
	for _, g := range groups {
		if len(g.Values(m)) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// unsustained lists who could not serve which load.
func unsustained(groups []*cells.Group) []string {
	r := &roster{crowd: len(modelsOf(groups))}
	for _, g := range groups {
		if len(g.OK) > 0 && !g.Sustained() {
			r.add("less than 99 % of the offered load was served in some block", g.Cell.Model, atRate(g))
		}
	}
	return r.lines("Not sustained")
}

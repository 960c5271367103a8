package chart

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot"

	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// blocking draws the response time of the quick requests, while few others block their handler.
func blocking(set *cells.Set, proto string) (Chart, bool) {
	sc, ok := set.Headline(cells.Blocking, proto, "")
	if !ok {
		return Chart{}, false
	}
	groups := set.In(sc)
	pn, ok := curvePanel(set, groups, "Of the requests that do not block themselves", cells.Quick)
	if !ok {
		return Chart{}, false
	}
	return Chart{
		Title: fmt.Sprintf("What one blocking handler in a hundred does to the others, at %s: %s",
			atRate(groups[0]), cells.ProtoName(proto)),
		Alt: "Line chart: response time of the quick requests against percentile. Models whose handlers run " +
			"on the event loop climb to the time of the blocking handler, the others stay low.",
		Caption: caption(set, sc, groups, fmt.Sprintf("Lines: at each percentile the median of the blocks' own "+
			"percentiles; bands: its interval. A line ends where a block has fewer than %d samples left. Time "+
			"runs from the intended send. Names with +offload run their handlers on a pool of workers.",
			cells.MinTail)),
		Notes: notes(groups, cells.QuickResponse(0.5), nowhere),
		page:  page{rows: [][]panel{{pn}}},
	}, true
}

// idlers draws a fixed offered load on fewer and fewer of the same number of open connections.
func idlers(set *cells.Set, proto string) (Chart, bool) {
	groups := ofWorkload(set, cells.Idlers, proto)
	if len(cells.ConnsOf(groups)) < 2 {
		return Chart{}, false
	}
	rows := metricRows(set, groups, []cells.Metric{cells.ServerCPU(), cells.Response(0.99)}, func(p *plot.Plot) {
		p.X.Label.Text = fmt.Sprintf("active connections, of %s open (log scale)",
			cells.Count.Tick(float64(groups[0].Held())))
		connsAxis(&p.X, groups)
	}, byConns)
	if len(rows) == 0 {
		return Chart{}, false
	}
	return Chart{
		Title: fmt.Sprintf("The same load on fewer of %s, %s offered: %s",
			cells.Connections(groups[0].Held()), atRate(groups[0]), cells.ProtoName(proto)),
		Alt: "Two line charts: server CPU time per request and 99th percentile of the response time against " +
			"the number of active connections, one line per model.",
		Caption: caption(set, cells.ScenarioOf(groups[0].Cell), groups, "Points: median over blocks, set side "+
			"by side (hollow: read with care); whiskers: its interval. The others of the connections say "+
			"nothing. Where few are active, each carries many requests, and its socket is warm."),
		Notes: notes(groups, cells.Response(0.99), manyConns),
		page:  page{rows: rows},
	}, true
}

// handlerTime draws the same few requests with handlers that compute longer and longer.
func handlerTime(set *cells.Set, proto string) (Chart, bool) {
	groups := ofWorkload(set, cells.Handler, proto)
	paths := cells.PathsOf(groups)
	if len(paths) < 2 {
		return Chart{}, false
	}
	place := func(g *cells.Group) float64 { return float64(slices.Index(paths, g.Cell.Path)) }
	axis := func(p *plot.Plot) {
		p.X.Label.Text = "time that the handler computes (steps)"
		p.X.Min, p.X.Max = -0.3, float64(len(paths))-0.7
		p.X.Tick.Marker = pathTicks(paths)
	}
	rows := metricRows(set, groups, []cells.Metric{cells.Response(0.5)}, axis, place)
	m := cells.ServerCPU()
	relative := seriesOf(set, groups, place, func(g *cells.Group) stats.Interval { return set.Ratio(g, m) })
	if len(rows) == 0 || len(relative) == 0 {
		return Chart{}, false
	}
	p := newPlot("")
	axis(p)
	_, _, lo, hi := bounds(relative)
	ratioAxis(&p.Y, lo, hi)
	p.Add(gridLines{horizontal: true}, reference{at: 1}, lines{sideBySide(relative, apart)})
	rows = append(rows, []panel{{
		title:  "Server CPU time per request, as a ratio to " + set.Baseline + " in the same block",
		yTitle: "ratio, log scale (lower is better)", plot: p, height: 270, names: relative,
	}})
	return Chart{
		Title: fmt.Sprintf("From which handler time on the model stops to matter, %s offered: %s",
			atRate(groups[0]), cells.ProtoName(proto)),
		Alt: "Two line charts: median response time, and server CPU time per request as a ratio to " +
			set.Baseline + ", against the time a handler computes. The longer it is, the closer the models are.",
		Caption: caption(set, cells.ScenarioOf(cells.AtPath(groups, paths[0])[0].Cell), groups,
			"Points: median over blocks, set side by side (hollow: read with care); whiskers: its interval. "+
				"The load is the same at every step; only the path differs."),
		Notes: notes(groups, cells.Response(0.5), func(g *cells.Group) string { return timeOf(g.Cell.Path) }),
		page:  page{rows: rows},
	}, true
}

// metricRows makes a panel of lines per metric, each below the other, on one kind of x axis.
func metricRows(
	set *cells.Set, groups []*cells.Group, metrics []cells.Metric, axis func(*plot.Plot),
	x func(*cells.Group) float64,
) [][]panel {
	var rows [][]panel
	for _, m := range metrics {
		all := seriesOf(set, groups, x, func(g *cells.Group) stats.Interval { return g.Median(m) })
		if len(all) == 0 {
			continue
		}
		p := newPlot("")
		axis(p)
		timeAxis(&p.Y, all)
		p.Add(gridLines{horizontal: true}, lines{sideBySide(all, apart)})
		what := m.Name + " response time"
		if m.Per != "" {
			what = "server CPU time " + m.Per
		}
		rows = append(rows, []panel{{
			yTitle: what + ", log scale (lower is better)", plot: p, height: 270, names: all,
		}})
	}
	return rows
}

func pathTicks(paths []string) plot.ConstantTicks {
	var out plot.ConstantTicks
	for i, path := range paths {
		out = append(out, plot.Tick{Value: float64(i), Label: timeOf(path)})
	}
	return out
}

// timeOf writes how long the handler of a path takes.
func timeOf(path string) string {
	d, _ := cells.HandlerTime(path)
	return cells.Seconds.Tick(d.Seconds())
}

func ofWorkload(set *cells.Set, workload, proto string) []*cells.Group {
	return slices.DeleteFunc(set.Workload(workload), func(g *cells.Group) bool { return g.Cell.Proto != proto })
}

package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// throughput draws verified replies per second against connections, and below it the same as
// a ratio to the baseline: absolute figures drift with the machine, the paired ratio holds.
func throughput(set *cells.Set, proto string) (Chart, bool) {
	sc, ok := set.Headline(cells.Closed, proto, cells.Split)
	if !ok {
		return Chart{}, false
	}
	groups, m := set.In(sc), cells.Throughput()
	absolute := seriesOf(set, groups, byConns, func(g *cells.Group) stats.Interval { return g.Median(m) })
	absolute = sideBySide(absolute, apart)
	if len(absolute) == 0 {
		return Chart{}, false
	}
	rows := [][]panel{{throughputPanel(groups, absolute)}}
	relative := seriesOf(set, groups, byConns, func(g *cells.Group) stats.Interval { return set.Ratio(g, m) })
	if len(relative) > 0 {
		rows = append(rows, []panel{ratioPanel(set, groups, sideBySide(relative, apart))})
	}
	return Chart{
		Title: "Throughput against connections: " + cells.ProtoName(proto),
		Alt: fmt.Sprintf("Line chart: verified replies per second of %d models at %s connections, and "+
			"the ratio of each to %s.",
			len(absolute), conns(groups), set.Baseline),
		Caption: caption(set, sc, groups, "Points: median over blocks, set side by side (hollow: read "+
			"with care); whiskers: its interval. The ratio is taken inside each block (Hodges-Lehmann "+
			"estimate, signed-rank interval)."),
		Notes: notes(groups, m, manyConns),
		page:  page{rows: rows},
	}, true
}

// apart is how far the points of neighbouring models stand from each other.
const apart vg.Length = 3.2

func throughputPanel(groups []*cells.Group, all []series) panel {
	p := newPlot("connections (log scale)")
	_, _, _, top := bounds(all)
	p.Y.Min, p.Y.Max = 0, top*1.04
	p.Y.Tick.Marker = linearTicks{cells.Rate, 6}
	connsAxis(&p.X, groups)
	p.Add(gridLines{horizontal: true}, lines{all})
	return panel{yTitle: "verified replies per second (higher is better)", plot: p, height: 310, names: all}
}

func ratioPanel(set *cells.Set, groups []*cells.Group, all []series) panel {
	p := newPlot("connections (log scale)")
	_, _, lo, hi := bounds(all)
	ratioAxis(&p.Y, lo, hi)
	connsAxis(&p.X, groups)
	p.Add(gridLines{horizontal: true}, reference{at: 1}, lines{all})
	return panel{
		title:  "The same, as a ratio to " + set.Baseline + " in the same block",
		yTitle: "ratio, log scale (higher is better)",
		plot:   p, height: 290, names: all,
	}
}

// ratioAxis is a log axis around 1 that holds lo and hi. It always spans a tenth either way:
// zoomed in further, noise would look like a difference.
func ratioAxis(a *plot.Axis, lo, hi float64) {
	lo, hi = min(lo, 0.9), max(hi, 1.1)
	margin := math.Pow(hi/lo, 0.04)
	a.Min, a.Max = lo/margin, hi*margin
	a.Scale, a.Tick.Marker = safeLog{}, ratioTicks{}
}

// connsAxis is a log axis with a tick at each number of connections that was measured.
func connsAxis(a *plot.Axis, groups []*cells.Group) {
	var values []float64
	for _, n := range cells.ConnsOf(groups) {
		values = append(values, float64(n))
	}
	measuredAxis(a, values, cells.Count)
}

// measuredAxis is a log axis with a tick at each value that was measured, and room at both
// ends for points set side by side.
func measuredAxis(a *plot.Axis, values []float64, unit cells.Unit) {
	lo, hi := values[0], values[len(values)-1]
	room := max(math.Pow(hi/lo, 0.05), 1.1)
	a.Min, a.Max = lo/room, hi*room
	a.Scale, a.Tick.Marker = safeLog{}, atValues(values, unit)
}

func conns(groups []*cells.Group) string {
	list := cells.ConnsOf(groups)
	if len(list) == 1 {
		return cells.Count.Tick(float64(list[0]))
	}
	return cells.Count.Tick(float64(list[0])) + " to " + cells.Count.Tick(float64(list[len(list)-1]))
}

func byConns(g *cells.Group) float64 { return float64(g.Cell.Conns) }
func byRate(g *cells.Group) float64  { return g.Cell.Rate }

// seriesOf makes a line per model, in chart order, of the groups that have the figure, from left
// to right.
func seriesOf(
	set *cells.Set, groups []*cells.Group, x func(*cells.Group) float64, y func(*cells.Group) stats.Interval,
) []series {
	var out []series
	for _, model := range set.Models {
		s := series{model: model}
		for _, g := range cells.OfModel(groups, model) {
			if iv := y(g); iv.OK() {
				s.points = append(s.points, point{x(g), iv, !g.Health().Sound()})
			}
		}
		if len(s.points) > 0 {
			slices.SortStableFunc(s.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
			out = append(out, s)
		}
	}
	return out
}

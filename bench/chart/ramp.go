package chart

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// columns of small multiples in a row.
const rampColumns = 5

// ramp draws connections opened and held over time at the largest number of connections, one
// small picture per model: ten lines that all reach the top would be one line.
func ramp(set *cells.Set, proto string) (Chart, bool) {
	sc, ok := set.Headline(cells.Closed, proto, cells.Split)
	if !ok {
		return Chart{}, false
	}
	groups := set.In(sc)
	all := cells.ConnsOf(groups)
	groups = cells.AtConns(groups, all[len(all)-1])
	var shown []*cells.Group
	xMax := 0.0
	for _, g := range groups {
		if pts := g.Ramp(); len(pts) > 0 {
			shown = append(shown, g)
			xMax = max(xMax, pts[len(pts)-1].AtS)
		}
	}
	if len(shown) == 0 {
		return Chart{}, false
	}
	return Chart{
		Title: fmt.Sprintf("Opening and holding %s: %s", atConns(groups[0]), cells.ProtoName(proto)),
		Alt: "Small multiples: for each model the connections opened so far and the connections held, " +
			"over the time of a run from the first connect to the end.",
		Caption: caption(set, sc, groups, rampSpeed(shown)+"Coloured area: connections open; dark dashed "+
			"line: connections opened so far, which rises further only where connections were lost and "+
			"replaced; both the median over blocks. Time runs from the first connect through ramp, "+
			"warm-up and measurement to the end."),
		Notes: rampNotes(set, groups, shown),
		page:  page{rows: rampRows(shown, xMax), keys: rampKeys()},
	}, true
}

// rampNotes adds to the general notes who was measured but left no time series.
func rampNotes(set *cells.Set, groups, shown []*cells.Group) []string {
	out := notes(groups, cells.Throughput(), nowhere)
	r := &roster{crowd: len(modelsOf(groups))}
	for _, g := range groups {
		if len(g.OK) > 0 && len(g.Ramp()) == 0 {
			r.add("its records hold no time series", g.Cell.Model, "")
		}
	}
	return append(out, r.lines("Not drawn")...)
}

// rampSpeed says how fast the generator was told to connect.
func rampSpeed(groups []*cells.Group) string {
	if rate := groups[0].OK[0].Load.Plan.RampPerS; rate > 0 {
		return fmt.Sprintf("The generator opens %s connections per second. ", cells.Rate.Tick(rate))
	}
	return "The generator opens connections as fast as they come. "
}

func rampRows(groups []*cells.Group, xMax float64) [][]panel {
	var rows [][]panel
	for i := 0; i < len(groups); i += rampColumns {
		var line []panel
		for j := range rampColumns {
			if i+j >= len(groups) {
				line = append(line, blank())
				continue
			}
			line = append(line, rampPanel(groups[i+j], xMax, i+rampColumns >= len(groups)))
		}
		rows = append(rows, line)
	}
	return rows
}

const rampHeight vg.Length = 126

// blank keeps the grid where the last row has fewer pictures.
func blank() panel {
	p := newPlot("")
	p.HideAxes()
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	return panel{plot: p, height: rampHeight}
}

func rampPanel(g *cells.Group, xMax float64, bottom bool) panel {
	target := float64(g.Cell.Conns)
	top := target
	for _, pt := range g.Ramp() {
		top = max(top, pt.Open.Value, pt.Opened.Value)
	}
	p := newPlot("")
	if bottom {
		p.X.Label.Text = "seconds"
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, xMax, 0, top*1.08
	p.X.Tick.Marker = linearTicks{cells.Count, 3}
	p.Y.Tick.Marker = linearTicks{cells.Count, 3}
	p.Add(gridLines{horizontal: true}, rampPlot{g.Cell.Model, g.Ramp()})
	return panel{title: g.Cell.Model, plot: p, height: rampHeight, model: g.Cell.Model}
}

// rampPlot is the area of what is open under the line of what was opened.
type rampPlot struct {
	model  string
	points []cells.RampPoint
}

// Plot implements plot.Plotter.
func (r rampPlot) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	path := func(of func(cells.RampPoint) stats.Interval) []vg.Point {
		var out []vg.Point
		for _, pt := range r.points {
			out = append(out, vg.Point{X: x(math.Min(pt.AtS, p.X.Max)), Y: y(of(pt).Value)})
		}
		return out
	}
	open := path(func(pt cells.RampPoint) stats.Interval { return pt.Open })
	style := StyleOf(r.model)
	area := append([]vg.Point{{X: open[0].X, Y: y(0)}}, open...)
	area = append(area, vg.Point{X: open[len(open)-1].X, Y: y(0)})
	c.FillPolygon(alpha(style.Color, 70), area)
	c.StrokeLines(draw.LineStyle{Color: style.Color, Width: 1.6}, open)
	c.StrokeLines(openedLine(), path(func(pt cells.RampPoint) stats.Interval { return pt.Opened }))
}

func openedLine() draw.LineStyle {
	return draw.LineStyle{Color: ink(), Width: 0.9, Dashes: []vg.Length{3, 2}}
}

func rampKeys() []key {
	gray := rgb(0x59636E)
	return []key{
		{"connections open", func(c draw.Canvas, box vg.Rectangle) {
			c.SetColor(alpha(gray, 70))
			c.Fill(box.Path())
			c.StrokeLine2(draw.LineStyle{Color: gray, Width: 1.6}, box.Min.X, box.Max.Y, box.Max.X, box.Max.Y)
		}},
		{"connections opened so far", func(c draw.Canvas, box vg.Rectangle) {
			mid := (box.Min.Y + box.Max.Y) / 2
			c.StrokeLine2(openedLine(), box.Min.X, mid, box.Max.X, mid)
		}},
	}
}

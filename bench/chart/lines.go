package chart

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"iomodels/bench/stats"
)

// series is one model's line.
type series struct {
	model  string
	points []point
	shift  vg.Length // to the right, so that the whiskers of many models do not cover each other
}

// point is one measured place on it.
type point struct {
	x      float64
	y      stats.Interval
	hollow bool // the figure is there, and so is a reason for caution in the notes
}

// sideBySide shifts series apart by a step each.
func sideBySide(all []series, step vg.Length) []series {
	for i := range all {
		all[i].shift = (vg.Length(i) - vg.Length(len(all)-1)/2) * step
	}
	return all
}

// lines draws series with points few enough to have a glyph and a whisker each.
type lines struct{ all []series }

// Plot implements plot.Plotter.
func (l lines) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, s := range l.all {
		style := StyleOf(s.model)
		var path []vg.Point
		for _, pt := range s.points {
			path = append(path, vg.Point{X: x(pt.x) + s.shift, Y: y(pt.y.Value)})
		}
		c.StrokeLines(style.line(1.5), path)
		for i, pt := range s.points {
			if pt.y.Bounded() {
				bar := draw.LineStyle{Color: style.Color, Width: 1}
				c.StrokeLine2(bar, path[i].X, y(pt.y.Lo), path[i].X, y(pt.y.Hi))
			}
		}
	}
	for _, s := range l.all { // above all lines, or a crossing line would hide a point
		for _, pt := range s.points {
			StyleOf(s.model).mark(c, vg.Point{X: x(pt.x) + s.shift, Y: y(pt.y.Value)}, glyphRadius, pt.hollow)
		}
	}
}

// curves draws series with many points: a band for the intervals below, the lines above, so
// that no band hides a line.
type curves struct{ all []series }

// Plot implements plot.Plotter.
func (cv curves) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	edge := func(s series, of func(stats.Interval) float64) []vg.Point {
		var out []vg.Point
		for _, pt := range s.points {
			out = append(out, vg.Point{X: x(pt.x), Y: y(of(pt.y))})
		}
		return out
	}
	for _, s := range cv.all {
		upper := edge(s, func(iv stats.Interval) float64 { return iv.Hi })
		lower := edge(s, func(iv stats.Interval) float64 { return iv.Lo })
		slices.Reverse(lower)
		if len(upper) > 1 {
			c.FillPolygon(alpha(StyleOf(s.model).Color, bandAlpha), append(upper, lower...))
		}
	}
	for _, s := range cv.all {
		c.StrokeLines(StyleOf(s.model).line(1.5), edge(s, func(iv stats.Interval) float64 { return iv.Value }))
	}
}

// bandAlpha keeps ten bands over each other lighter than one line.
const bandAlpha = 26

func alpha(c color.NRGBA, a uint8) color.NRGBA {
	c.A = a
	return c
}

// bounds returns the smallest and largest coordinates, intervals included.
func bounds(all []series) (xLo, xHi, yLo, yHi float64) {
	xLo, yLo = math.Inf(1), math.Inf(1)
	xHi, yHi = math.Inf(-1), math.Inf(-1)
	for _, s := range all {
		for _, pt := range s.points {
			xLo, xHi = min(xLo, pt.x), max(xHi, pt.x)
			yLo, yHi = min(yLo, pt.y.Lo, pt.y.Value), max(yHi, pt.y.Hi, pt.y.Value)
		}
	}
	return xLo, xHi, yLo, yHi
}

// gridLines draws a faint line at each labelled tick of the value axis.
type gridLines struct{ vertical, horizontal bool }

// Plot implements plot.Plotter.
func (g gridLines) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := draw.LineStyle{Color: grid(), Width: 0.6}
	if g.horizontal {
		for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
			if !t.IsMinor() {
				c.StrokeLine2(style, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
			}
		}
	}
	if g.vertical {
		for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
			if !t.IsMinor() {
				c.StrokeLine2(style, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
			}
		}
	}
}

// noiseBand shades a range of the horizontal axis: what lies in it is not told from noise.
type noiseBand struct{ of stats.Interval }

// Plot implements plot.Plotter.
func (b noiseBand) Plot(c draw.Canvas, p *plot.Plot) {
	if !b.of.Bounded() {
		return
	}
	x, _ := p.Transforms(&c)
	lo, hi := x(b.of.Lo), x(b.of.Hi)
	c.FillPolygon(alpha(soft(), bandAlpha), []vg.Point{
		{X: lo, Y: c.Min.Y},
		{X: hi, Y: c.Min.Y},
		{X: hi, Y: c.Max.Y},
		{X: lo, Y: c.Max.Y},
	})
}

// reference is a straight line that others are compared with: the baseline.
type reference struct {
	at       float64
	vertical bool
}

// Plot implements plot.Plotter.
func (r reference) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := draw.LineStyle{Color: ink(), Width: 0.9}
	if r.vertical {
		c.StrokeLine2(style, x(r.at), c.Min.Y, x(r.at), c.Max.Y)
		return
	}
	c.StrokeLine2(style, c.Min.X, y(r.at), c.Max.X, y(r.at))
}

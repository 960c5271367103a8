package chart

import (
	"cmp"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"iomodels/bench/stats"
)

// row is one model in a chart of rows: a bar from zero, or a dot on a ratio axis.
type row struct {
	name   string
	model  string         // decides the colour; empty: grey, not a model
	parts  []float64      // of a bar, from zero on; the first is solid, the next lighter
	total  stats.Interval // end of the bar, or place of the dot, with its interval
	text   string         // figures, beside the end
	hollow bool
}

// rowChart draws rows from the top down, one unit of the y axis each.
type rowChart struct {
	rows []row
	dots bool // no bars; figures stand in a column at the right
}

// partTint is the lightness of the second part of a bar.
const partTint = 0.55

// figureGap stands between a row and its figures.
const figureGap vg.Length = 7

// Plot implements plot.Plotter.
func (rc rowChart) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	half := (y(0) - y(-1)) * 0.31
	for i, r := range rc.rows {
		mid := y(-float64(i))
		if !rc.dots {
			r.bar(c, x, mid, half)
		}
		r.whisker(c, x, mid, half)
		if rc.dots {
			r.style().mark(c, vg.Point{X: x(r.total.Value), Y: mid}, 1.4*glyphRadius, r.hollow)
		}
		end := x(r.end())
		if rc.dots {
			end = c.Max.X
		}
		writeBeside(c, sans(captionSize, ink()), vg.Point{X: end + figureGap, Y: mid}, r.text)
	}
}

func (r row) style() Style {
	if r.model == "" {
		return Style{Color: rgb(0x9AA1A8), Glyph: Square}
	}
	return StyleOf(r.model)
}

func (r row) bar(c draw.Canvas, x func(float64) vg.Length, mid, half vg.Length) {
	from := 0.0
	for i, value := range r.parts {
		to := from + max(value, 0)
		fill := r.style().Tint(partTint * float64(i))
		corners := []vg.Point{
			{X: x(from), Y: mid - half},
			{X: x(to), Y: mid - half},
			{X: x(to), Y: mid + half},
			{X: x(from), Y: mid + half},
		}
		c.FillPolygon(fill, corners)
		if r.hollow {
			c.FillPolygon(color.White, corners)
		}
		c.StrokeLines(draw.LineStyle{Color: r.style().Color, Width: 0.6}, append(corners, corners[0]))
		from = to
	}
}

// whisker draws the interval of the total, if it has one.
func (r row) whisker(c draw.Canvas, x func(float64) vg.Length, mid, half vg.Length) {
	if !r.total.Bounded() {
		return
	}
	lo, hi := x(r.total.Lo), x(r.total.Hi)
	for _, style := range []draw.LineStyle{
		{Color: rgb(0xFFFFFF), Width: 2.3}, // or it would drown in a dark bar
		{Color: ink(), Width: 0.9},
	} {
		c.StrokeLine2(style, lo, mid, hi, mid)
		for _, end := range []vg.Length{lo, hi} {
			c.StrokeLine2(style, end, mid-half/2, end, mid+half/2)
		}
	}
}

// sortRows puts the smallest total first; rows without a figure come last.
func sortRows(rows []row) {
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.key(), b.key()) })
}

func (r row) key() float64 {
	if !r.total.OK() {
		return math.Inf(1)
	}
	return r.total.Value
}

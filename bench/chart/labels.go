package chart

import (
	"cmp"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// labelGap is the least distance of two labels: closer, and their letters touch.
const labelGap vg.Length = 13

// The parts of a direct label: a leader from the end of the line, a piece of the line itself
// with its glyph, the name.
const (
	leaderWidth vg.Length = 16
	sampleWidth vg.Length = 22
	nameGap     vg.Length = 5
)

// nameColumn is the room that the labels of series need to the right of a plot.
func nameColumn(all []series) vg.Length {
	widest := vg.Length(0)
	for _, s := range all {
		widest = max(widest, sans(tickSize, ink()).Width(s.model))
	}
	return leaderWidth + sampleWidth + nameGap + widest + 2
}

// nameLines writes the name of each series beside the end of its line. dc is the data area of
// the plot; the names stand to the right of it, at least labelGap apart.
func nameLines(dc draw.Canvas, p *plot.Plot, all []series) {
	x, y := p.Transforms(&dc)
	var ends []series
	for _, s := range all {
		if len(s.points) > 0 {
			ends = append(ends, s)
		}
	}
	last := func(s series) point { return s.points[len(s.points)-1] }
	slices.SortStableFunc(ends, func(a, b series) int { return cmp.Compare(last(a).y.Value, last(b).y.Value) })
	wanted := make([]vg.Length, len(ends))
	for i, s := range ends {
		wanted[i] = y(last(s).y.Value)
	}
	for i, at := range spread(wanted, labelGap, dc.Min.Y+labelGap/2, dc.Max.Y) {
		s, style := ends[i], StyleOf(ends[i].model)
		left := dc.Max.X + leaderWidth
		end := vg.Point{X: x(last(s).x) + s.shift + glyphRadius + 2, Y: wanted[i]}
		c := dc
		c.StrokeLines(draw.LineStyle{Color: leader(), Width: 0.6},
			[]vg.Point{end, {X: max(end.X, dc.Max.X+3), Y: wanted[i]}, {X: left - 2, Y: at}})
		sample(c, style, vg.Point{X: left, Y: at})
		writeBeside(c, sans(tickSize, ink()), vg.Point{X: left + sampleWidth + nameGap, Y: at}, s.model)
	}
}

// sample draws a short piece of a model's line with its glyph, starting at the left.
func sample(c draw.Canvas, style Style, at vg.Point) {
	c.StrokeLine2(style.line(1.6), at.X, at.Y, at.X+sampleWidth, at.Y)
	style.mark(c, vg.Point{X: at.X + sampleWidth/2, Y: at.Y}, glyphRadius, false)
}

// spread moves positions, sorted ascending, as little as possible (least squares) so that
// neighbours are gap apart and all lie within lo..hi; too many for the room share what there
// is. It is isotonic regression: with i*gap taken off each, "gap apart" becomes "not falling",
// and pooling whatever falls gives the nearest such positions.
func spread(wanted []vg.Length, gap, lo, hi vg.Length) []vg.Length {
	n := len(wanted)
	if n == 0 {
		return nil
	}
	if need := vg.Length(n-1) * gap; need > hi-lo {
		gap = (hi - lo) / vg.Length(max(n-1, 1))
	}
	type pool struct {
		mean vg.Length
		size int
	}
	var pools []pool
	for i, w := range wanted {
		p := pool{w - vg.Length(i)*gap, 1}
		for len(pools) > 0 && pools[len(pools)-1].mean > p.mean {
			q := pools[len(pools)-1]
			pools = pools[:len(pools)-1]
			p.mean = (q.mean*vg.Length(q.size) + p.mean*vg.Length(p.size)) / vg.Length(q.size+p.size)
			p.size += q.size
		}
		pools = append(pools, p)
	}
	var out []vg.Length
	highest := hi - vg.Length(n-1)*gap // the top one must still fit
	for _, p := range pools {
		for range p.size {
			out = append(out, min(max(p.mean, lo), highest)+vg.Length(len(out))*gap)
		}
	}
	return out
}

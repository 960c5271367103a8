package chart

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"iomodels/bench/stats/cells"
)

// What pages that draw for themselves share with the pictures: ticks, ranges and the shapes of
// points. A model and an axis then look the same in both.

// Tick is a labelled place on an axis.
type Tick struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

// LinearTicks places about n labels at 1-2-5 steps.
func LinearTicks(unit cells.Unit, n int, lo, hi float64) []Tick {
	return labelled(linearTicks{unit, n}.Ticks(lo, hi))
}

// LogTicks labels 1-2-5 steps, or the powers of ten of a wide range.
func LogTicks(unit cells.Unit, lo, hi float64) []Tick {
	return labelled(logTicks{unit}.Ticks(lo, hi))
}

// RatioTicks labels even steps around 1.
func RatioTicks(lo, hi float64) []Tick { return labelled(ratioTicks{}.Ticks(lo, hi)) }

// NinesTicks labels quantiles on an axis where each further nine takes the same room.
func NinesTicks(lo, hi float64) []Tick { return labelled(ninesTicks{}.Ticks(lo, hi)) }

// LogRange widens a range of positive values to the 1-2-5 steps around it.
func LogRange(lo, hi float64) (float64, float64) { return logRange(lo, hi) }

// NiceStep is the smallest of 1, 2, 5, 10 ... that is at least x.
func NiceStep(x float64) float64 { return niceStep(x) }

func labelled(ticks []plot.Tick) []Tick {
	var out []Tick
	for _, t := range ticks {
		if !t.IsMinor() {
			out = append(out, Tick{t.Value, t.Label})
		}
	}
	return out
}

// Corners are the corners of the glyph around the origin, y upwards, for a circle of radius r.
func (g Glyph) Corners(r float64) [][2]float64 {
	var out [][2]float64
	for _, p := range g.outline(vg.Length(r)) {
		out = append(out, [2]float64{float64(p.X), float64(p.Y)})
	}
	return out
}

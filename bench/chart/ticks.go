package chart

import (
	"math"

	"gonum.org/v1/plot"

	"iomodels/bench/stats/cells"
)

// linearTicks places about n labelled ticks at 1-2-5 steps, written in the unit.
type linearTicks struct {
	unit cells.Unit
	n    int
}

// Ticks implements plot.Ticker.
func (t linearTicks) Ticks(lo, hi float64) []plot.Tick {
	if math.IsNaN(hi-lo) || math.IsInf(hi-lo, 0) {
		return nil // or they would fill the memory
	}
	step := niceStep((hi - lo) / float64(max(t.n, 1)))
	var out []plot.Tick
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+step*1e-9; i++ {
		v := i*step + 0 // not -0
		out = append(out, plot.Tick{Value: v, Label: t.unit.Tick(v)})
	}
	return out
}

// niceStep is the smallest of 1, 2, 5, 10 ... that is at least x.
func niceStep(x float64) float64 {
	if x <= 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return 1
	}
	decade := math.Pow(10, math.Floor(math.Log10(x)))
	for _, f := range []float64{1, 2, 5} {
		if f*decade >= x*(1-1e-9) {
			return f * decade
		}
	}
	return 10 * decade
}

// logTicks labels 1-2-5 steps of a log axis, or only the powers of ten where the range is
// wide; the steps between stay as short marks.
type logTicks struct{ unit cells.Unit }

// Ticks implements plot.Ticker.
func (t logTicks) Ticks(lo, hi float64) []plot.Tick {
	if lo <= 0 || hi <= lo || math.IsInf(hi/lo, 0) {
		return nil
	}
	decades := math.Log10(hi / lo)
	var out []plot.Tick
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		for f := 1; f <= 9; f++ {
			v := float64(f) * math.Pow(10, e)
			if v < lo*(1-1e-9) || v > hi*(1+1e-9) {
				continue
			}
			labelled := f == 1 || (decades <= 3.5 && (f == 2 || f == 5)) || (decades <= 0.8 && f <= 7)
			tick := plot.Tick{Value: v}
			if labelled {
				tick.Label = t.unit.Tick(v)
			}
			out = append(out, tick)
		}
	}
	return out
}

// ratioTicks labels a log axis of ratios around 1 in even steps.
type ratioTicks struct{}

// Ticks implements plot.Ticker.
func (ratioTicks) Ticks(lo, hi float64) []plot.Tick {
	if hi/lo > 12 {
		return logTicks{cells.Ratio}.Ticks(lo, hi)
	}
	var out []plot.Tick
	last := 0.0
	for _, v := range []float64{
		0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2, 2.5, 3, 4, 5, 7, 10,
	} {
		if v < lo*(1-1e-9) || v > hi*(1+1e-9) {
			continue
		}
		tick := plot.Tick{Value: v}
		// Labels keep their distance, but 1 is always written: it is the baseline.
		if v == 1 || last == 0 || (v/last > math.Pow(hi/lo, 0.07) && (v > 1 || 1/v > math.Pow(hi/lo, 0.07))) {
			tick.Label, last = cells.Ratio.Tick(v), v
		}
		out = append(out, tick)
	}
	return out
}

// atValues labels exactly what was measured.
func atValues(values []float64, unit cells.Unit) plot.ConstantTicks {
	var out plot.ConstantTicks
	for _, v := range values {
		out = append(out, plot.Tick{Value: v, Label: unit.Tick(v)})
	}
	return out
}

// ninesTicks labels an axis on which each further nine takes the same room.
type ninesTicks struct{}

// Ticks implements plot.Ticker.
func (ninesTicks) Ticks(lo, hi float64) []plot.Tick {
	var out []plot.Tick
	for _, q := range []float64{0, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 0.99999} {
		if lo <= q && q <= hi {
			out = append(out, plot.Tick{Value: q, Label: cells.Ratio.Tick(math.Round(q*1e7) / 1e5)})
		}
	}
	return out
}

// ninesScale is the axis itself. Its range must end below 1.
type ninesScale struct{}

// Normalize implements plot.Normalizer.
func (ninesScale) Normalize(lo, hi, q float64) float64 {
	return (cells.Nines(q) - cells.Nines(lo)) / (cells.Nines(hi) - cells.Nines(lo))
}

// safeLog is a log scale that puts what cannot be shown at the low end: an interval may reach
// down to zero, and that must not end the program.
type safeLog struct{}

// Normalize implements plot.Normalizer.
func (safeLog) Normalize(lo, hi, x float64) float64 {
	return plot.LogScale{}.Normalize(lo, hi, max(x, lo))
}

// logRange widens a range to the 1-2-5 steps around it.
func logRange(lo, hi float64) (float64, float64) {
	if lo <= 0 || hi < lo {
		return 1, 10
	}
	down := func(x float64) float64 {
		decade := math.Pow(10, math.Floor(math.Log10(x)))
		for _, f := range []float64{5, 2} {
			if f*decade <= x {
				return f * decade
			}
		}
		return decade
	}
	lo, hi = down(lo*0.999), niceStep(hi*1.001)
	return lo, hi
}

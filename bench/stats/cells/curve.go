package cells

import (
	"math"
	"slices"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/loadgen"
)

// CurvePoint is a percentile over the blocks of a group.
type CurvePoint struct {
	Q  float64        // 0 .. 1
	At stats.Interval // seconds; the median of the blocks' own percentiles, and its interval
}

// A merged curve begins at curveStart, since nobody asks for the luckiest requests and their
// extremes would stretch the axis; its points are curveStep apart. Both are in nines.
const (
	curveStart = 0.05 // about the 11th percentile
	curveStep  = 0.05
)

// Curve merges the response-time curves of the blocks: at each percentile the median of the
// blocks' values, with its interval. Samples are never pooled, because one bad block would
// own the tail, and percentiles are never averaged. The curve ends where any block has fewer
// than MinTail samples left.
func (g *Group) Curve() []CurvePoint {
	return g.CurveOf(func(r record.Record) loadgen.Latency { return r.Load.Response })
}

// CurveOf is Curve for another time than the response time of all requests.
func (g *Group) CurveOf(of func(record.Record) loadgen.Latency) []CurvePoint {
	var curves [][]loadgen.Quantile
	end := math.Inf(1)
	for _, r := range g.OK {
		c, n := of(r).Curve, of(r).Count
		if len(c) == 0 || n < MinTail {
			continue
		}
		curves = append(curves, c)
		end = min(end, Nines(c[len(c)-1].Q), Nines(1-MinTail/float64(n)))
	}
	if len(curves) == 0 {
		return nil
	}
	var out []CurvePoint
	for i := 0; ; i++ {
		x := curveStart + float64(i)*curveStep
		if x > end {
			return out
		}
		q := 1 - math.Pow(10, -x)
		values := make([]float64, len(curves))
		for j, c := range curves {
			values[j] = valueAt(c, q)
		}
		out = append(out, CurvePoint{q, stats.Median(values, stats.Level)})
	}
}

// Nines maps a quantile to the axis on which each further nine takes the same room:
// 0.9 to 1, 0.99 to 2, 0.999 to 3.
func Nines(q float64) float64 { return -math.Log10(1 - min(q, 1-1e-12)) }

// valueAt reads a curve at q, in seconds: straight lines between its points on the nines axis.
func valueAt(c []loadgen.Quantile, q float64) float64 {
	i, found := slices.BinarySearchFunc(c, q, func(p loadgen.Quantile, q float64) int {
		switch {
		case p.Q < q:
			return -1
		case p.Q > q:
			return 1
		}
		return 0
	})
	switch {
	case found || i == 0:
		return float64(c[i].NS) / 1e9
	case i == len(c):
		return float64(c[i-1].NS) / 1e9
	}
	a, b := c[i-1], c[i]
	w := (Nines(q) - Nines(a.Q)) / (Nines(b.Q) - Nines(a.Q))
	return (float64(a.NS) + w*float64(b.NS-a.NS)) / 1e9
}

// RampPoint is the state of a run at one time, over the blocks of a group.
type RampPoint struct {
	AtS    float64
	Opened stats.Interval // connections opened since the start, replaced ones included
	Open   stats.Interval // connections open
}

// Ramp merges the connection counts over time, from the first connect to the end of the
// shortest block. Between two ticks a count is taken as it was at the earlier one.
func (g *Group) Ramp() []RampPoint {
	var series [][]loadgen.Interval
	end := math.Inf(1)
	for _, r := range g.OK {
		if iv := r.Load.Intervals; len(iv) > 0 {
			series = append(series, iv)
			end = min(end, iv[len(iv)-1].AtS)
		}
	}
	if len(series) == 0 {
		return nil
	}
	zero := stats.Median(make([]float64, len(series)), stats.Level)
	out := []RampPoint{{0, zero, zero}}
	for _, tick := range series[0] {
		if tick.AtS > end {
			break
		}
		opened, open := make([]float64, len(series)), make([]float64, len(series))
		for i, s := range series {
			opened[i], open[i] = countsAt(s, tick.AtS)
		}
		out = append(out, RampPoint{
			tick.AtS, stats.Median(opened, stats.Level), stats.Median(open, stats.Level),
		})
	}
	return out
}

// countsAt adds up what was opened until t, and returns what was open then. Ticks of two
// blocks differ by a little jitter, so half a tick of grace decides what still belongs to t.
func countsAt(s []loadgen.Interval, t float64) (opened, open float64) {
	grace := s[0].AtS / 2
	for _, tick := range s {
		if tick.AtS > t+grace {
			break
		}
		opened += float64(tick.Opened)
		open = float64(tick.Open)
	}
	return opened, open
}

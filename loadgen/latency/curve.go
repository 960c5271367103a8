package latency

import (
	"bufio"
	"fmt"
	"io"
	"math"
)

// Point is one point of a percentile curve.
type Point struct {
	Q     float64 // share of the samples at or below NS
	NS    int64
	Count uint64 // samples at or below NS
}

// pointsPerNine is how many points a curve has between 90 % and 99 %, 99 % and 99.9 %, ...
const pointsPerNine = 10

// Curve returns the percentile curve for a nines axis: points equally spaced in log(1-q),
// from the median's side up to 1 - 1/n. Beyond that a curve would show a single sample many
// times over.
func (h *Histogram) Curve() []Point {
	if h.n == 0 {
		return nil
	}
	var points []Point
	for k := 0; ; k++ {
		tail := math.Pow(10, -float64(k)/pointsPerNine)
		if tail*float64(h.n) < 1 {
			break
		}
		points = append(points, h.point(1-tail))
	}
	if last := h.point(1 - 1/float64(h.n)); last.Q > points[len(points)-1].Q {
		points = append(points, last)
	}
	return points
}

func (h *Histogram) point(q float64) Point {
	value, below := h.rank(h.rankOf(q))
	return Point{Q: q, NS: value, Count: below}
}

// WriteHGRM writes the distribution as the text that HdrHistogram's tools and plotters read.
// unit is how many nanoseconds one printed unit has: 1e6 prints milliseconds.
func (h *Histogram) WriteHGRM(w io.Writer, unit float64) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")
	for _, p := range h.Curve() {
		fmt.Fprintf(out, "%12.6f %14.12f %10d %14.2f\n", float64(p.NS)/unit, p.Q, p.Count, 1/(1-p.Q))
	}
	fmt.Fprintf(out, "%12.6f %14.12f %10d\n", float64(h.max)/unit, 1.0, h.n)
	fmt.Fprintf(out, "#[Mean    = %12.6f, StdDeviation   = %12.6f]\n", h.Mean()/unit, h.StdDev()/unit)
	fmt.Fprintf(out, "#[Max     = %12.6f, Total count    = %12d]\n", float64(h.max)/unit, h.n)
	fmt.Fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", maxBits-h.bits+1, 1<<(h.bits-1))
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write percentile distribution: %w", err)
	}
	return nil
}

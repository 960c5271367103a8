package selftest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"iomodels/loadgen/latency"
	"iomodels/loadgen/pace"
)

func arithmetic() []Experiment {
	return []Experiment{
		{
			Number: 1, Name: "Histogram", Quick: true, run: histogramMatchesSort,
			Shows: "percentiles, count and sum are those of the samples; merging loses nothing",
			Setup: "10,000,000 values of each distribution, against an exact sort; and split in 8 and" +
				" merged",
		},
		{
			Number: 2, Name: "Schedules", Quick: true, run: schedulesMatchClosedForm,
			Shows: "due times are those of the formula, to the nanosecond: rounding does not add up",
			Setup: "1,000,000 due times of each schedule",
		},
		{
			Number: 3, Name: "Poisson process", Quick: true, run: poissonIsPoisson,
			Shows: "the arrivals are independent, as those of many users are",
			Setup: "100,000 gaps at 5,000/s; counts in windows of 10 ms",
		},
	}
}

// histogramQuantiles are compared with the sort.
var histogramQuantiles = []float64{0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1}

func histogramMatchesSort(t *Trial) error {
	const parts = 8
	n := int(10e6 * t.lab.Scale)
	draw := rand.New(rand.NewPCG(1, 2))
	values := make([]int64, n)
	for _, d := range []struct {
		name string
		next func() int64
	}{
		{"lognormal", func() int64 { return int64(math.Exp(draw.NormFloat64()*2 + 10)) }},
		{"Pareto", func() int64 { return int64(min(50_000*math.Pow(1-draw.Float64(), -1/1.2), 1<<41)) }},
		{"constant", func() int64 { return 87_654_321 }},
		{"zero", func() int64 { return 0 }},
		{"top of the range", func() int64 { return 1<<42 - 1 }},
	} {
		whole, merged := latency.New(latency.Exact), latency.New(latency.Exact)
		split := make([]*latency.Histogram, parts)
		for i := range split {
			split[i] = latency.New(latency.Exact)
		}
		var sum uint64
		for i := range values {
			v := d.next()
			values[i] = v
			whole.Record(v)
			split[i%parts].Record(v)
			sum += uint64(v)
		}
		for _, h := range split {
			merged.Merge(h)
		}
		slices.Sort(values)
		t.most(d.name+": largest error of a quantile", " %", 0.1, worstQuantile(whole, values), noise{})
		t.holds(d.name+": count, sum, maximum", "exact", exactness(whole, uint64(n), sum, values[n-1]),
			whole.Count() == uint64(n) && whole.Sum() == sum && whole.Max() == values[n-1])
		same := equality(whole, merged)
		t.holds(d.name+": merged from 8", "equal", same, same == "equal")
	}
	return nil
}

// worstQuantile is the largest relative error in percent.
func worstQuantile(h *latency.Histogram, sorted []int64) (worst float64) {
	for _, q := range histogramQuantiles {
		rank := max(int(math.Ceil(q*float64(len(sorted))*(1-1e-14))), 1)
		want := float64(sorted[rank-1])
		if off := math.Abs(float64(h.Quantile(q)) - want); off > 0 {
			worst = max(worst, 100*off/max(want, 1))
		}
	}
	return worst
}

func exactness(h *latency.Histogram, n, sum uint64, largest int64) string {
	if h.Count() == n && h.Sum() == sum && h.Max() == largest {
		return "exact"
	}
	return fmt.Sprintf("%d, %d, %d", h.Count(), h.Sum(), h.Max())
}

func equality(a, b *latency.Histogram) string {
	if a.Count() == b.Count() && a.Sum() == b.Sum() && a.Max() == b.Max() &&
		slices.Equal(a.Curve(), b.Curve()) {
		return "equal"
	}
	return "different"
}

func schedulesMatchClosedForm(t *Trial) error {
	const n, rate, burst = 1_000_000, 33_333.0, 50
	constant := pace.Even(pace.Constant(rate), pace.Share{})
	// t_k = (k + 1/2) / R
	t.most("constant: largest error", " ns", 1, worstDue(constant, n, func(k float64) float64 {
		return (k + 0.5) / rate
	}), noise{})
	// The group g of b requests is due at once: t = (g + 1/2) b / R
	bursts := pace.Burst(pace.Constant(rate), burst, pace.Share{})
	t.most("bursts of 50: largest error", " ns", 1, worstDue(bursts, n, func(k float64) float64 {
		return (math.Floor(k/burst) + 0.5) * burst / rate
	}), noise{})
	// a t + (b-a) t^2 / 2T = k + 1/2, solved for t
	const from, to, over = 1000.0, 19_000.0, 100.0
	ramp := pace.Even(pace.Ramp(from, to, over*time.Second), pace.Share{})
	slope := (to - from) / over
	t.most("ramp: largest error", " ns", 1, worstDue(ramp, n, func(k float64) float64 {
		return (-from + math.Sqrt(from*from+2*slope*(k+0.5))) / slope
	}), noise{})
	total := sort.Search(2*n, func(k int) bool {
		at, _ := ramp.Due(uint64(k))
		return at >= over*time.Second
	})
	// (a + b) / 2 * T
	t.near("ramp: requests in all", "", (from+to)/2*over, 1, float64(total), noise{})
	shared := 0.0
	for loop := range 3 {
		one := pace.Even(pace.Constant(rate), pace.Share{Loop: loop, Loops: 3})
		shared = max(shared, worstDue(one, n/3, func(k float64) float64 {
			return (3*k + float64(loop) + 0.5) / rate
		}))
	}
	t.most("constant, on three loops: largest error", " ns", 1, shared, noise{})
	return nil
}

// worstDue is the largest difference to the closed form, in ns.
func worstDue(s pace.Schedule, n uint64, seconds func(k float64) float64) (worst float64) {
	for k := range n {
		at, _ := s.Due(k)
		worst = max(worst, math.Abs(float64(at)-1e9*seconds(float64(k))))
	}
	return worst
}

func poissonIsPoisson(t *Trial) error {
	const n, rate = 100_000, 5000.0
	const window = 10 * time.Millisecond
	s := pace.Poisson(pace.Constant(rate), 1, pace.Share{})
	gaps, counts := make([]float64, n), map[time.Duration]float64{}
	last, largest := time.Duration(0), time.Duration(0)
	for i := range gaps {
		at, _ := s.Due(uint64(i))
		gaps[i], last = (at-last).Seconds()*rate, at
		counts[at/window]++
		largest = at / window
	}
	mean, sd := meanAndSD(gaps)
	t.within("mean gap, of 1/R", "", 1, 1, mean, noise{})
	t.near("variation of the gaps (CV)", "", 1, 0.01, sd/mean, noise{})
	exponential := func(x float64) float64 { return 1 - math.Exp(-x) }
	t.most("Kolmogorov-Smirnov distance", "", kolmogorovLimit(n), kolmogorov(gaps, exponential), noise{})
	perWindow := make([]float64, 0, largest)
	for w := range largest { // the last window is not whole
		perWindow = append(perWindow, counts[w])
	}
	m, deviation := meanAndSD(perWindow)
	// The variance of k counts, over their mean, is one, give or take 3 sqrt(2/k).
	t.near("variance / mean of counts", "", 1, 3*math.Sqrt(2/float64(len(perWindow))),
		deviation*deviation/m, noise{})
	return nil
}

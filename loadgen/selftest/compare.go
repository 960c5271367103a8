package selftest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"iomodels/loadgen"
	"iomodels/loadgen/oracle"
)

func comparing() []Experiment {
	return []Experiment{
		{
			Number: 27, Name: "Warm-up", run: warmup,
			Shows: "what was due in the warm-up is cut off, and counted",
			Setup: "replies held for 50 ms until 10 ms before the end of a warm-up of 3 s, then for 1 ms;" +
				" 1,000/s, 3 s more",
		},
		{
			Number: 28, Name: "Confidence", run: coverage,
			Shows: "an interval over repetitions can be trusted; one from the samples of a single run" +
				" cannot, where samples depend on each other",
			Setup: "p99 of 40 runs of 3 s each, of exponential delays (4,000/s) and of M/M/1 at 0.8" +
				" (12,800/s); intervals over 10 windows of 300 ms against the order statistics of the" +
				" run's samples",
		},
		{
			Number: 29, Name: "A/A and A/B", run: comparisons,
			Shows: "equal servers are seldom called different, and a difference of 5 % is found",
			Setup: "20 pairs of 4 + 4 slices of 250 ms in the order ABBABAAB; 2 ms against 2 ms and" +
				" against 2.1 ms; \"different\" if all p50 of one lie above all of the other (by chance:" +
				" in 2 of 70 cases)",
		},
	}
}

func warmup(t *Trial) error {
	const rate, before = 1000, 10 * time.Millisecond
	length := t.seconds(3)
	rule := oracle.Step(50*time.Millisecond, time.Millisecond, length-before)
	m, r, err := t.known(oracle.Spec{Rule: rule, Warmup: length}, loadgen.Plan{
		Conns: 256, Rate: rate, Warmup: length, Duration: length,
	})
	if err != nil {
		return err
	}
	base := ms(base(m, r))
	t.near("requests cut off", "", rate*length.Seconds(), 1, float64(m.WarmupOK), noise{})
	t.near("requests measured", "", rate*length.Seconds(), 1, float64(m.Requests.OK), noise{})
	t.near("p99 after the cut, less the shortest round trip", " ms", 1.05, 0.05,
		ms(float64(m.Response.P99))-base, noise{q: 0.99, times: passes, unit: 1e6})
	cut := 0.0
	for _, i := range m.Intervals {
		if i.Phase == loadgen.PhaseWarmup {
			cut = i.AtS
		}
	}
	start := float64(m.Generator.StartNS) / 1e9
	t.holds("the cut in the time series", "at the end of a warm-up interval",
		fmt.Sprintf("after %.1f s", cut), cut > length.Seconds() && start > 0)
	return nil
}

func coverage(t *Trial) error {
	n := t.rounds(40)
	independent := queue{truth: func(q float64) float64 { return exponentialQuantile(2, q) }}
	dependent := queue{
		random: true, exponential: true, rho: 0.8,
		truth: func(q float64) float64 { return mm1Quantile(0.8, q) },
	}
	needed := math.Ceil(float64(n) * 34 / 40)
	for _, c := range []struct {
		name string
		q    queue
	}{{"exponential", independent}, {"M/M/1", dependent}} {
		repeated, spoilt, naive := 0, 0, 0
		for run := range n {
			i, err := t.intervals(c.q, uint64(run)+1)
			if err != nil {
				return err
			}
			repeated += count(i.windows)
			spoilt += count(i.spoilt)
			naive += count(i.ranks)
		}
		t.mostOf(c.name+": intervals over windows that cover the truth, of "+fmt.Sprint(n), needed, repeated,
			spoilt)
		if c.q.rho > 0 {
			t.most(c.name+": intervals from one run's samples that do, of "+fmt.Sprint(n), "", needed-1,
				float64(naive), noise{})
		}
	}
	return nil
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// covered says which of two 95 % intervals for p99 cover the truth.
type covered struct {
	windows bool // from how the p99 of ten windows vary around that of the run
	spoilt  bool // they do not, and the machine explains it
	ranks   bool // from the ranks of the samples, n p -+ 1.96 sqrt(n p (1-p)): if they are independent
}

// intervals carries out one run.
func (t *Trial) intervals(q queue, seed uint64) (c covered, err error) {
	const windows, p = 10, 0.99
	length := 3 * time.Second
	warm := 500 * time.Millisecond
	plan := loadgen.Plan{
		Conns: 1024, Rate: 4000, Seed: seed, Duration: length, Warmup: warm, Interval: length / windows,
	}
	spec := oracle.Spec{Rule: oracle.Exponential(2 * time.Millisecond), Seed: seed, Warmup: warm}
	if q.rho > 0 {
		plan.Rate, plan.Arrival = q.rho*sideBySide*1000, loadgen.ArrivalPoisson
		spec.Rule = oracle.Queue(time.Millisecond, sideBySide, true, true)
	}
	var m measurement
	var r oracle.Report
	seen, err := t.part(func() (err error) {
		m, r, err = t.known(spec, plan)
		return err
	})
	if err != nil {
		return c, err
	}
	late, _ := noise{q: p, times: passes, unit: 1e6, truth: q.truth, spread: 1 / (1 - q.rho)}.excuses(seen)
	truth, less := q.truth(p), ms(offset(m, r))
	var p99 []float64
	for _, i := range m.Intervals {
		if i.Phase == loadgen.PhaseMeasure && i.OK > 0 {
			p99 = append(p99, ms(float64(i.P99))-less)
		}
	}
	whole := ms(float64(m.Histograms.Response.Quantile(p))) - less
	off, half := whole-truth, section(p99, whole)
	c.windows = math.Abs(off) <= half
	c.spoilt = !c.windows && off > 0 && off <= half+late
	n := float64(m.Histograms.Response.Count())
	half = 1.96 * math.Sqrt(n*p*(1-p)) / n
	low := ms(float64(m.Histograms.Response.Quantile(p-half))) - less
	high := ms(float64(m.Histograms.Response.Quantile(p+half))) - less
	c.ranks = low <= truth && truth <= high
	return c, nil
}

func comparisons(t *Trial) error {
	pairs := t.rounds(20)
	for _, c := range []struct {
		name string
		a, b time.Duration
	}{
		{"A/A", 2 * time.Millisecond, 2 * time.Millisecond},
		{"A/B, 5 % slower", 2 * time.Millisecond, 2100 * time.Microsecond},
	} {
		different, spoilt := 0, 0
		for pair := range pairs {
			var d bool
			seen, err := t.part(func() (err error) {
				d, err = t.differ(c.a, c.b, uint64(pair)+1)
				return err
			})
			if err != nil {
				return err
			}
			late, _ := noise{q: 0.5, times: passes, unit: 1}.excuses(seen)
			different += count(d)
			spoilt += count(!d && late >= float64(c.b-c.a)) // medians can move by as much as they differ
		}
		if c.a == c.b {
			t.most(c.name+": pairs called different, of "+fmt.Sprint(pairs), "", float64(pairs)*3/20,
				float64(different), noise{})
		} else {
			t.mostOf(c.name+": pairs called different, of "+fmt.Sprint(pairs), 0.9*float64(pairs), different,
				spoilt)
		}
	}
	return nil
}

// differ compares two oracles, slice by slice, and reports whether all medians of one lie above
// all of the other.
func (t *Trial) differ(a, b time.Duration, seed uint64) (bool, error) {
	var handles [2]*oracle.Handle
	for i, d := range []time.Duration{a, b} {
		h, err := t.oracle(oracle.Spec{Rule: oracle.Fixed(d), Log: 10_000})
		if err != nil {
			return false, err
		}
		handles[i] = h
	}
	var medians [2][]float64
	for _, which := range []int{0, 1, 1, 0, 1, 0, 0, 1} {
		m, err := t.load(handles[which], loadgen.Plan{
			Conns: 64, Rate: 4000, Seed: seed, Duration: 250 * time.Millisecond,
		})
		if err != nil {
			return false, err
		}
		medians[which] = append(medians[which], float64(m.Histograms.Response.Quantile(0.5)))
	}
	below := func(a, b []float64) bool { return slices.Max(a) < slices.Min(b) }
	return below(medians[0], medians[1]) || below(medians[1], medians[0]), t.cleanUp()
}

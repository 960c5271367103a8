package oracle

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

// holds asks a rule about n requests that arrive every gap, and returns how long each is held.
func holds(t *testing.T, r Rule, n int, arrivals func(i int) time.Duration) []float64 {
	t.Helper()
	release, err := r.Releaser(7)
	if err != nil {
		t.Fatal(err)
	}
	held := make([]float64, n)
	for i := range held {
		at := arrivals(i)
		due := release(uint64(i), at)
		if due < at {
			t.Fatalf("request %d arrives at %v and is released at %v", i, at, due)
		}
		held[i] = (due - at).Seconds() * 1e3
	}
	return held
}

func every(gap time.Duration) func(int) time.Duration {
	return func(i int) time.Duration { return time.Duration(i) * gap }
}

// poisson returns arrivals at rate per second.
func poisson(rate float64) func(int) time.Duration {
	draw, at := rand.New(rand.NewPCG(3, 4)), 0.0
	return func(int) time.Duration {
		at += draw.ExpFloat64() / rate
		return time.Duration(at * 1e9)
	}
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func quantile(v []float64, q float64) float64 {
	return slices.Sorted(slices.Values(v))[int(q*float64(len(v)))]
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %v, want %v ± %v", what, got, want, tolerance)
	}
}

func TestFixedAndTwoPointAreExact(t *testing.T) {
	for _, h := range holds(t, Fixed(5*ms), 100, every(ms)) {
		near(t, "delay", h, 5, 0)
	}
	long := 0
	for _, h := range holds(t, TwoPoint(ms, 100*ms, 100), 1000, every(ms)) {
		if h == 100 {
			long++
		} else {
			near(t, "delay", h, 1, 0)
		}
	}
	near(t, "long delays", float64(long), 10, 0)
}

func TestZeroRuleReleasesAtOnce(t *testing.T) {
	for _, h := range holds(t, Rule{}, 10, every(ms)) {
		near(t, "delay", h, 0, 0)
	}
}

func TestExponentialQuantiles(t *testing.T) {
	for name, c := range map[string]struct {
		rule      Rule
		n         int
		tolerance float64 // relative
	}{
		"independent": {Exponential(2 * ms), 300_000, 0.03},
		"even":        {EvenExponential(2 * ms), 40_000, 0.005},
	} {
		t.Run(name, func(t *testing.T) {
			held := holds(t, c.rule, c.n, every(ms))
			near(t, "mean", mean(held), 2, 2*c.tolerance)
			for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
				want := -2 * math.Log(1-q)
				near(t, "quantile", quantile(held, q), want, c.tolerance*want)
			}
		})
	}
}

// TestQueues compares the recursion with the textbook: mean time in the system, in units of the
// mean service time, at utilisation rho. M/M/1: 1/(1-rho); M/D/1: 1 + rho/(2(1-rho)); D/D/1: 1.
func TestQueues(t *testing.T) {
	const n, servers = 600_000, 16
	for name, c := range map[string]struct {
		random, exponential bool
		rho, want           float64
	}{
		"M/M/1 at 0.5": {true, true, 0.5, 2},
		"M/M/1 at 0.8": {true, true, 0.8, 5},
		"M/D/1 at 0.5": {true, false, 0.5, 1.5},
		"M/D/1 at 0.8": {true, false, 0.8, 3},
		"D/D/1 at 0.8": {false, false, 0.8, 1},
		"D/M/1 at 0.5": {false, true, 0.5, 1.255},
		"D/M/1 at 0.8": {false, true, 0.8, 2.693},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rate := c.rho * servers * 1000
			arrivals := every(time.Duration(1e9 / rate))
			if c.random {
				arrivals = poisson(rate)
			}
			held := holds(t, Queue(ms, servers, c.random, c.exponential), n, arrivals)
			near(t, "mean", mean(held), c.want, 0.04*c.want)
		})
	}
}

func TestQueueServesOneAtATime(t *testing.T) {
	held := holds(t, Queue(2*ms, 1, false, false), 4, every(ms))
	if want := []float64{2, 3, 4, 5}; !slices.Equal(held, want) {
		t.Errorf("held %v ms, want %v", held, want)
	}
}

func TestStallAndStep(t *testing.T) {
	held := holds(t, StallEach(200*ms, 1000*ms), 20, every(100*ms))
	want := []float64{0, 0, 0, 0, 200, 100, 0, 0, 0, 0}
	if !slices.Equal(held, append(want, want...)) {
		t.Errorf("held %v ms, want %v twice", held, want)
	}
	held = holds(t, Step(50*ms, ms, 300*ms), 5, every(100*ms))
	if want := []float64{50, 50, 50, 1, 1}; !slices.Equal(held, want) {
		t.Errorf("held %v ms, want %v", held, want)
	}
}

func TestEqualSeedsDecideEqually(t *testing.T) {
	for _, r := range []Rule{Exponential(ms), EvenExponential(ms), Queue(ms, 4, true, true)} {
		if a, b := holds(t, r, 100, every(ms)), holds(t, r, 100, every(ms)); !slices.Equal(a, b) {
			t.Errorf("%+v: %v and %v", r, a[:3], b[:3])
		}
	}
}

func TestBadRulesAreRefused(t *testing.T) {
	for name, r := range map[string]Rule{
		"unknown":       {Kind: "whim"},
		"negative":      Fixed(-1),
		"one in none":   TwoPoint(ms, ms, 0),
		"no server":     Queue(ms, 0, false, false),
		"only stall":    StallEach(ms, ms),
		"negative step": Step(ms, -ms, 0),
	} {
		if _, err := r.Releaser(1); err == nil {
			t.Errorf("%s is taken for a rule", name)
		}
	}
}

func TestHeapReleasesInOrder(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 1))
	var h heap
	for i := range uint64(1000) {
		h.push(entry{at: time.Duration(draw.IntN(50)), index: i})
	}
	for last := h.pop(); len(h) > 0; {
		next := h.pop()
		if next.before(last) {
			t.Fatalf("%+v after %+v", next, last)
		}
		last = next
	}
}

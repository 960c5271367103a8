package pace

import (
	"math"
	"sort"
	"testing"
	"time"
)

const million = 1_000_000

func due(t *testing.T, s Schedule, n uint64) time.Duration {
	t.Helper()
	at, paced := s.Due(n)
	if !paced {
		t.Fatalf("request %d is not paced", n)
	}
	return at
}

func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %v, want %v ± %v", what, got, want, tolerance)
	}
}

func TestClosedIsNeverDue(t *testing.T) {
	for _, n := range []uint64{0, 1, million} {
		if _, paced := Closed().Due(n); paced {
			t.Fatalf("request %d of a closed loop is paced", n)
		}
	}
}

func TestConstantMatchesClosedForm(t *testing.T) {
	for _, rate := range []float64{0.5, 3, 1000, 33_333, 1e6} {
		s := Even(Constant(rate), Share{})
		for n := uint64(0); n < million; n += 97 {
			want := (float64(n) + 0.5) / rate * 1e9
			within(t, "due time in ns", float64(due(t, s, n)), want, 1)
		}
	}
}

func TestConstantHasExactCountAndSpacing(t *testing.T) {
	s := Even(Constant(1000), Share{})
	if got := due(t, s, 9999); got >= 10*time.Second {
		t.Errorf("the last request of 10 s at 1000/s is due at %v", got)
	}
	if got := due(t, s, 10_000); got < 10*time.Second {
		t.Errorf("one request too many: due at %v", got)
	}
	for n := uint64(1); n < 1000; n++ {
		if gap := due(t, s, n) - due(t, s, n-1); gap != time.Millisecond {
			t.Fatalf("gap before request %d is %v", n, gap)
		}
	}
}

func TestLoopsTogetherKeepOneSchedule(t *testing.T) {
	const loops = 3
	one := Even(Constant(1000), Share{})
	for loop := range loops {
		s := Even(Constant(1000), Share{loop, loops})
		for n := range uint64(1000) {
			want := due(t, one, n*loops+uint64(loop))
			if got := due(t, s, n); got != want {
				t.Fatalf("loop %d request %d is due at %v, want %v", loop, n, got, want)
			}
		}
	}
}

func TestRampTotalAndClosedForm(t *testing.T) {
	const from, to, over = 1000.0, 9000.0, 100.0
	s := Even(Ramp(from, to, over*time.Second), Share{})
	total := sort.Search(million, func(n int) bool { return due(t, s, uint64(n)) >= over*time.Second })
	within(t, "requests in the ramp", float64(total), (from+to)/2*over, 1)
	slope := (to - from) / over
	for n := uint64(0); n < uint64(total); n += 13 {
		c := float64(n) + 0.5
		want := (-from + math.Sqrt(from*from+2*slope*c)) / slope * 1e9
		within(t, "due time in ns", float64(due(t, s, n)), want, 1)
	}
	end := due(t, s, uint64(total))
	within(t, "gap after the ramp", float64(due(t, s, uint64(total)+1)-end), 1e9/to, 1)
}

func TestRampDownToZeroEnds(t *testing.T) {
	s := Even(Ramp(1000, 0, 10*time.Second), Share{})
	if got := due(t, s, 4999); got > 10*time.Second {
		t.Errorf("the last request is due at %v", got)
	}
	if got := due(t, s, 5000); got != Never {
		t.Errorf("a request after the end is due at %v, want never", got)
	}
}

func TestStepsKeepEachRate(t *testing.T) {
	rates := []float64{100, 0, 2000, 500}
	s := Even(Steps(0, time.Second, rates...), Share{})
	counts := make([]float64, len(rates))
	for n := uint64(0); due(t, s, n) < 4*time.Second; n++ {
		counts[due(t, s, n)/time.Second]++
	}
	for i, rate := range rates {
		within(t, "requests in a step", counts[i], rate, 1)
	}
}

func TestBurstReleasesAtOneTime(t *testing.T) {
	const size = 50
	s := Burst(Constant(1000), size, Share{})
	for n := uint64(0); n < 100*size; n++ {
		want := time.Duration(n/size)*50*time.Millisecond + 25*time.Millisecond
		if got := due(t, s, n); got != want {
			t.Fatalf("request %d is due at %v, want %v", n, got, want)
		}
	}
}

func TestWhenInvertsDue(t *testing.T) {
	profiles := map[string]Profile{
		"constant": Constant(1234),
		"ramp":     Ramp(10, 5000, 3*time.Second),
		"down":     Ramp(5000, 10, 3*time.Second),
		"steps":    Steps(300*time.Millisecond, 500*time.Millisecond, 100, 4000, 20),
	}
	for name, p := range profiles {
		t.Run(name, func(t *testing.T) {
			for at := time.Millisecond; at < 10*time.Second; at += 7 * time.Millisecond {
				within(t, "When(Due(t))", float64(p.When(p.Due(at))), float64(at), 2)
			}
		})
	}
}

func TestPoissonIsPoisson(t *testing.T) {
	const n, rate = 100_000, 5000.0
	s := Poisson(Constant(rate), 7, Share{})
	gaps := make([]float64, n)
	var last time.Duration
	var sum, squares float64
	for i := range gaps {
		at := due(t, s, uint64(i))
		gaps[i] = (at - last).Seconds() * rate // of mean one
		sum, squares, last = sum+gaps[i], squares+gaps[i]*gaps[i], at
	}
	mean := sum / n
	within(t, "mean gap", mean, 1, 0.01)
	within(t, "coefficient of variation", math.Sqrt(squares/n-mean*mean)/mean, 1, 0.01)
	within(t, "Kolmogorov-Smirnov distance", kolmogorov(gaps), 0, 1.63/math.Sqrt(n))
	const window = 10 * time.Millisecond
	within(t, "dispersion of counts", dispersion(t, s, n, window), 1, 3*math.Sqrt(2/(n/50.0)))
}

// kolmogorov is the largest distance between the sample and the exponential distribution.
func kolmogorov(gaps []float64) float64 {
	sort.Float64s(gaps)
	var d float64
	for i, g := range gaps {
		f := 1 - math.Exp(-g)
		d = max(d, f-float64(i)/float64(len(gaps)), float64(i+1)/float64(len(gaps))-f)
	}
	return d
}

// dispersion is variance over mean of the counts per window: one for a Poisson process.
func dispersion(t *testing.T, s Schedule, n uint64, window time.Duration) float64 {
	windows := int(due(t, s, n-1) / window)
	counts := make([]float64, windows)
	for i := range n {
		if w := int(due(t, s, i) / window); w < windows {
			counts[w]++
		}
	}
	var sum, squares float64
	for _, c := range counts {
		sum, squares = sum+c, squares+c*c
	}
	mean := sum / float64(windows)
	return (squares/float64(windows) - mean*mean) / mean
}

func TestPoissonStreamsAddUpAndDiffer(t *testing.T) {
	const loops, rate = 4, 10_000.0
	var total int
	firsts := map[time.Duration]bool{}
	for loop := range loops {
		s := Poisson(Constant(rate), 11, Share{loop, loops})
		firsts[due(t, s, 0)] = true
		total += sort.Search(million, func(n int) bool { return due(t, s, uint64(n)) >= 10*time.Second })
	}
	within(t, "requests of all loops in 10 s", float64(total), 10*rate, 4*math.Sqrt(10*rate))
	if len(firsts) != loops {
		t.Errorf("loops share a stream: first due times %v", firsts)
	}
}

func TestPoissonRepeatsBySeedAndGoesBack(t *testing.T) {
	a, b := Poisson(Constant(100), 3, Share{}), Poisson(Constant(100), 3, Share{})
	other := Poisson(Constant(100), 4, Share{})
	late := due(t, a, 5000)
	if got := due(t, b, 5000); got != late {
		t.Errorf("one seed, two schedules: %v and %v", late, got)
	}
	if got := due(t, other, 5000); got == late {
		t.Errorf("two seeds, one schedule: %v", got)
	}
	if early, again := due(t, b, 17), due(t, Poisson(Constant(100), 3, Share{}), 17); early != again {
		t.Errorf("going back gives %v, want %v", early, again)
	}
}

func TestPoissonThroughRampHasTheRampsTotal(t *testing.T) {
	s := Poisson(Ramp(1000, 9000, 10*time.Second), 5, Share{})
	total := sort.Search(million, func(n int) bool { return due(t, s, uint64(n)) >= 10*time.Second })
	within(t, "requests in the ramp", float64(total), 50_000, 4*math.Sqrt(50_000))
}

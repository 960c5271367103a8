package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(a, b, eps float64) bool { return math.Abs(a-b) <= eps }

func TestMedianIntervalByHand(t *testing.T) {
	tests := []struct {
		name   string
		xs     []float64
		want   Interval
		isNone bool
	}{
		{name: "nothing", xs: nil, isNone: true},
		{name: "a missing value", xs: []float64{1, math.NaN()}, isNone: true},
		{name: "one value has no interval", xs: []float64{7}, want: Interval{7, 7, 7, 0, 1}},
		{name: "two", xs: []float64{4, 2}, want: Interval{3, 2, 4, 0.5, 2}},
		{name: "five reach 93.75 %", xs: []float64{5, 1, 4, 2, 3}, want: Interval{3, 1, 5, 0.9375, 5}},
		{name: "six reach 96.875 %", xs: []float64{6, 5, 1, 4, 2, 3}, want: Interval{3.5, 1, 6, 0.96875, 6}},
		// Tables of the sign-test interval: n = 10 takes the 2nd and 9th value at 97.85 %.
		{name: "ten", xs: []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, want: Interval{5.5, 2, 9, 0.978515625, 10}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Median(tt.xs, Level)
			if tt.isNone {
				if got.OK() {
					t.Fatalf("got %+v, want no estimate", got)
				}
				return
			}
			if !near(got.Confidence, tt.want.Confidence, 1e-9) {
				t.Errorf("confidence %v, want %v", got.Confidence, tt.want.Confidence)
			}
			got.Confidence = tt.want.Confidence
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestMedianLeavesItsInputAlone(t *testing.T) {
	xs := []float64{3, 1, 2}
	Median(xs, Level)
	HodgesLehmann(xs, Level)
	if !slices.Equal(xs, []float64{3, 1, 2}) {
		t.Errorf("input was reordered: %v", xs)
	}
}

// TestHodgesLehmannAgainstPublishedExample uses the depression scale of Hollander and Wolfe
// (nine patients before and after): estimate -0.46, 96.1 % interval from -0.786 to -0.010,
// one-sided p 0.0195 for the fall.
func TestHodgesLehmannAgainstPublishedExample(t *testing.T) {
	before := []float64{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30}
	after := []float64{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}
	ds := make([]float64, len(before))
	for i := range ds {
		ds[i] = after[i] - before[i]
	}
	iv := HodgesLehmann(ds, Level)
	if !near(iv.Value, -0.46, 1e-9) || !near(iv.Lo, -0.786, 1e-9) || !near(iv.Hi, -0.010, 1e-9) {
		t.Errorf("got %+v, want -0.46 in [-0.786, -0.010]", iv)
	}
	if !near(iv.Confidence, 0.961, 5e-4) {
		t.Errorf("confidence %v, want 0.961", iv.Confidence)
	}
	if p := SignedRank(ds); !near(p.Less, 0.01953125, 1e-12) || !near(p.TwoSided, 0.0390625, 1e-12) {
		t.Errorf("p-values %+v, want 0.01953125 and 0.0390625", p)
	}
}

// enumerate computes the tails the slow way: every pattern of signs is equally likely.
func enumerate(ds []float64) Tails {
	var kept []float64
	for _, d := range ds {
		if d != 0 {
			kept = append(kept, d)
		}
	}
	rank := func(i int) float64 { // midrank of |kept[i]|
		smaller, equal := 0, 0
		for _, d := range kept {
			switch a, b := math.Abs(d), math.Abs(kept[i]); {
			case a < b:
				smaller++
			case a == b:
				equal++
			}
		}
		return float64(smaller) + float64(equal+1)/2
	}
	observed := 0.0
	for i, d := range kept {
		if d > 0 {
			observed += rank(i)
		}
	}
	var less, greater int
	for pattern := range 1 << len(kept) {
		sum := 0.0
		for i := range kept {
			if pattern>>i&1 == 1 {
				sum += rank(i)
			}
		}
		if sum <= observed {
			less++
		}
		if sum >= observed {
			greater++
		}
	}
	all := float64(int(1) << len(kept))
	l, g := float64(less)/all, float64(greater)/all
	return Tails{l, g, min(1, 2*min(l, g))}
}

func TestSignedRankEqualsEnumeration(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 11 {
		for round := range 20 {
			ds := make([]float64, n)
			for i := range ds {
				ds[i] = rng.NormFloat64() + 0.3
				if round%2 == 1 { // with ties and zeros
					ds[i] = math.Round(2 * ds[i])
				}
			}
			got, want := SignedRank(ds), enumerate(ds)
			if !near(got.Less, want.Less, 1e-12) || !near(got.Greater, want.Greater, 1e-12) ||
				!near(got.TwoSided, want.TwoSided, 1e-12) {
				t.Fatalf("n=%d %v: got %+v, want %+v", n, ds, got, want)
			}
		}
	}
}

// TestIntervalInvertsTheTest: a shift lies in the interval exactly when the test at the
// interval's own level does not reject it.
func TestIntervalInvertsTheTest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		ds := make([]float64, 8)
		for i := range ds {
			ds[i] = rng.NormFloat64()
		}
		iv := HodgesLehmann(ds, Level)
		for _, mu := range []float64{iv.Lo - 1e-6, iv.Lo + 1e-6, iv.Hi - 1e-6, iv.Hi + 1e-6} {
			shifted := make([]float64, len(ds))
			for i, d := range ds {
				shifted[i] = d - mu
			}
			rejected := SignedRank(shifted).TwoSided <= 1-iv.Confidence+1e-12
			if rejected == iv.Contains(mu) {
				t.Fatalf("%+v: shift %v rejected=%v but contained=%v", iv, mu, rejected, iv.Contains(mu))
			}
		}
	}
}

// TestCoverage re-runs the table that chose these methods: how often the interval holds the
// truth, over seeded replicates. Tolerances are three standard errors.
func TestCoverage(t *testing.T) {
	normal := func(r *rand.Rand) float64 { return r.NormFloat64() }
	outliers := func(r *rand.Rand) float64 {
		if r.Float64() < 0.1 {
			return 5 * r.NormFloat64()
		}
		return r.NormFloat64()
	}
	skewed := func(r *rand.Rand) float64 { return r.ExpFloat64() - math.Ln2 } // median 0
	tests := []struct {
		name  string
		n     int
		noise func(*rand.Rand) float64
		ci    func([]float64, float64) Interval
		want  float64
	}{
		{"Hodges-Lehmann, normal, 6", 6, normal, HodgesLehmann, 0.969},
		{"Hodges-Lehmann, normal, 10", 10, normal, HodgesLehmann, 0.951},
		{"Hodges-Lehmann, normal, 20", 20, normal, HodgesLehmann, 0.950},
		{"Hodges-Lehmann, outliers, 12", 12, outliers, HodgesLehmann, 0.958},
		{"median, normal, 5", 5, normal, Median, 0.9375},
		{"median, normal, 10", 10, normal, Median, 0.9785},
		{"median, skewed, 20", 20, skewed, Median, 0.9586},
	}
	const replicates = 4000
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(uint64(i), 99))
			held := 0
			xs := make([]float64, tt.n)
			var stated float64
			for range replicates {
				for j := range xs {
					xs[j] = tt.noise(rng)
				}
				iv := tt.ci(xs, Level)
				stated = iv.Confidence
				if iv.Contains(0) {
					held++
				}
			}
			got := float64(held) / replicates
			tolerance := 3 * math.Sqrt(tt.want*(1-tt.want)/replicates)
			if !near(got, tt.want, tolerance) {
				t.Errorf("covers %.4f, want %.4f +- %.4f", got, tt.want, tolerance)
			}
			if !near(stated, tt.want, 0.006) {
				t.Errorf("states %.4f, want about %.4f", stated, tt.want)
			}
		})
	}
}

func TestPairedRatioCancelsWhatThePairShares(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var a, b []float64
	for range 12 {
		machine := math.Exp(0.3 * rng.NormFloat64()) // the machine's speed of that block
		a = append(a, 100*machine*1.15*math.Exp(0.01*rng.NormFloat64()))
		b = append(b, 100*machine*math.Exp(0.01*rng.NormFloat64()))
	}
	iv := PairedRatio(a, b, Level)
	if !iv.Contains(1.15) || iv.Hi-iv.Lo > 0.04 {
		t.Errorf("got %+v, want a narrow interval around 1.15", iv)
	}
}

func TestPairedRatioRefusesWhatHasNoRatio(t *testing.T) {
	if iv := PairedRatio([]float64{1, 0}, []float64{1, 1}, Level); iv.OK() {
		t.Errorf("a zero has no ratio, got %+v", iv)
	}
	if iv := PairedRatio([]float64{1}, []float64{1, 1}, Level); iv.OK() {
		t.Errorf("unequal lengths are no pairs, got %+v", iv)
	}
}

func TestAutocorrelation(t *testing.T) {
	rising := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	alternating := []float64{1, -1, 1, -1, 1, -1, 1, -1}
	if r := Autocorrelation(rising); r < 0.6 {
		t.Errorf("rising: %v, want strongly positive", r)
	}
	if r := Autocorrelation(alternating); r > -0.8 {
		t.Errorf("alternating: %v, want strongly negative", r)
	}
	if r := Autocorrelation([]float64{2, 2, 2, 2}); r != 0 {
		t.Errorf("constant: %v, want 0", r)
	}
}

func TestWithinMargin(t *testing.T) {
	tight := []float64{.001, -.002, .003, -.001, .002, .001, -.003, .002}
	if !WithinMargin(tight, 0.03) {
		t.Error("a tight sample around 0 was not found equivalent")
	}
	if WithinMargin(tight[:2], 0.03) {
		t.Error("two values cannot show equivalence")
	}
	if WithinMargin([]float64{.1, .11, .09, .1, .12, .1, .1, .09}, 0.03) {
		t.Error("a 10 % difference was called equivalent")
	}
}

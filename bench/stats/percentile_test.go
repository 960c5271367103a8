package stats

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSupports(t *testing.T) {
	for _, tc := range []struct {
		name   string
		n      uint64
		q      float64
		beyond int
		want   bool
	}{
		{"nothing", 0, 0.5, 0, false},
		{"p99 of 10,000 has 100 beyond", 10000, 0.99, 100, true},
		{"one short", 9999, 0.99, 100, false},
		{"p99.9 needs ten times as many", 10000, 0.999, 100, false},
		{"p99.9 of 100,000", 100000, 0.999, 100, true},
		{"the near side is the small one", 10000, 0.01, 100, true},
		{"p50", 60, 0.5, 30, true},
	} {
		if got := Supports(tc.n, tc.q, tc.beyond); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// TestQuantileRanksNeedSamples: the smallest samples that have a finite 95 % interval.
func TestQuantileRanksNeedSamples(t *testing.T) {
	for q, least := range map[float64]int{0.5: 6, 0.9: 29, 0.99: 299, 0.999: 2995} {
		if _, _, _, ok := QuantileRanks(least-1, q, Level); ok {
			t.Errorf("%v has an interval from %d samples", q, least-1)
		}
		lo, hi, confidence, ok := QuantileRanks(least, q, Level)
		if !ok || hi != least-1 || confidence < Level {
			t.Errorf("%v of %d: [%d, %d] at %v, ok %v", q, least, lo, hi, confidence, ok)
		}
	}
}

func TestQuantileRanksAgreeWithTheMedians(t *testing.T) {
	for n := 6; n < 60; n++ {
		k, confidence := medianRank(n, Level)
		lo, hi, got, ok := QuantileRanks(n, 0.5, Level)
		if !ok || lo != k || hi != n-1-k || !near(got, confidence, 1e-9) {
			t.Errorf("n=%d: [%d, %d] at %v, the median has [%d, %d] at %v", n, lo, hi, got, k, n-1-k, confidence)
		}
	}
}

func TestQuantileRanksCover(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 1))
	const n, q, replicates = 1000, 0.99, 3000
	lo, hi, confidence, ok := QuantileRanks(n, q, Level)
	if !ok || hi-lo > 20 {
		t.Fatalf("[%d, %d], ok %v: wider than it needs to be", lo, hi, ok)
	}
	held := 0
	xs := make([]float64, n)
	for range replicates {
		for i := range xs {
			xs[i] = rng.Float64() // its quantile q is q
		}
		slices.Sort(xs)
		if xs[lo] <= q && q <= xs[hi] {
			held++
		}
	}
	expect(t, "coverage", float64(held)/replicates, confidence, 0.013)
}

func TestQuantileRanksRefuseNonsense(t *testing.T) {
	for _, q := range []float64{0, 1, -1, 2} {
		if _, _, _, ok := QuantileRanks(100, q, Level); ok {
			t.Errorf("quantile %v has an interval", q)
		}
	}
	if _, _, _, ok := QuantileRanks(0, 0.5, Level); ok {
		t.Error("no sample has an interval")
	}
}

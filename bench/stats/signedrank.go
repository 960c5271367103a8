package stats

import (
	"cmp"
	"math"
	"slices"
)

// HodgesLehmann estimates the centre of differences that are symmetric about it: the median
// of all Walsh averages (ds[i]+ds[j])/2, i <= j. Its interval inverts the exact signed-rank
// test. One wild block moves it little; with clean data it loses almost nothing to the mean.
func HodgesLehmann(ds []float64, level float64) Interval {
	n := len(ds)
	if n == 0 || slices.ContainsFunc(ds, math.IsNaN) {
		return Interval{}
	}
	walsh := make([]float64, 0, n*(n+1)/2)
	for i, a := range ds {
		for _, b := range ds[i:] {
			walsh = append(walsh, a/2+b/2)
		}
	}
	slices.Sort(walsh)
	k, confidence := walshRank(n, level)
	return Interval{
		Value: middle(walsh), Lo: walsh[k], Hi: walsh[len(walsh)-1-k],
		Confidence: confidence, N: n,
	}
}

// PairedRatio estimates a/b from pairs of the same block: Hodges-Lehmann over the logarithms
// of the ratios, taken back. Pairs with a value that is not positive have no ratio and yield
// no estimate at all: dropping them would choose the data by the outcome.
func PairedRatio(a, b []float64, level float64) Interval {
	if len(a) != len(b) {
		return Interval{}
	}
	return HodgesLehmann(logRatios(a, b), level).Map(math.Exp)
}

// logRatios returns ln(a[i]/b[i]); NaN where there is none, which the estimators refuse.
func logRatios(a, b []float64) []float64 {
	ds := make([]float64, len(a))
	for i := range a {
		ds[i] = math.NaN()
		if a[i] > 0 && b[i] > 0 {
			ds[i] = math.Log(a[i]) - math.Log(b[i])
		}
	}
	return ds
}

// walshRank returns the largest k for which the k-th Walsh average from either end, counted
// from 0, still bounds an interval of the level, and the level it has.
func walshRank(n int, level float64) (k int, confidence float64) {
	ranks := make([]int, n)
	for i := range ranks {
		ranks[i] = 2 * (i + 1)
	}
	null := nullDistribution(ranks)
	below := 0.0 // P(T+ <= k); statistics are doubled, so only every other one occurs
	for i := 0; 2*i < len(null); i++ {
		below += null[2*i]
		c := max(1-2*below, 0)
		if i > 0 && c < level-1e-12 {
			break
		}
		k, confidence = i, c
		if c < level {
			break
		}
	}
	return k, confidence
}

// Tails are the exact p-values of a signed-rank test.
type Tails struct {
	Less     float64 // how likely a rank sum this small is when the centre is 0
	Greater  float64 // how likely one this large is
	TwoSided float64 // twice the smaller, at most 1
}

// SignedRank tests whether ds are symmetric about 0, by Wilcoxon's signed-rank test. The
// distribution is exact for every n, and with ties it is the exact conditional one over
// midranks. Zeros carry no sign and are left out. To test against a margin, shift ds by it.
func SignedRank(ds []float64) Tails {
	mags := make([]signed, 0, len(ds))
	for _, d := range ds {
		switch {
		case math.IsNaN(d):
			return Tails{1, 1, 1}
		case d != 0:
			mags = append(mags, signed{math.Abs(d), d > 0})
		}
	}
	ranks, positive := doubledMidranks(mags)
	null := nullDistribution(ranks)
	var t Tails
	for s, p := range null {
		if s <= positive {
			t.Less += p
		}
		if s >= positive {
			t.Greater += p
		}
	}
	t.Less, t.Greater = min(t.Less, 1), min(t.Greater, 1)
	t.TwoSided = min(1, 2*min(t.Less, t.Greater))
	return t
}

type signed struct {
	size     float64
	positive bool
}

// doubledMidranks ranks by size; tied values share the mean of their ranks, and everything is
// doubled to stay in whole numbers. It also returns the rank sum of the positive ones.
func doubledMidranks(ms []signed) (ranks []int, positive int) {
	slices.SortFunc(ms, func(a, b signed) int { return cmp.Compare(a.size, b.size) })
	ranks = make([]int, len(ms))
	for i := 0; i < len(ms); {
		j := i
		for j < len(ms) && ms[j].size == ms[i].size {
			j++
		}
		for k := i; k < j; k++ {
			ranks[k] = i + 1 + j // (i+1 + j) / 2, doubled
			if ms[k].positive {
				positive += ranks[k]
			}
		}
		i = j
	}
	return ranks, positive
}

// nullDistribution returns P(sum = s) for every sum s of the ranks whose signs are positive,
// when each sign is a fair coin. It adds one rank at a time instead of enumerating 2^n sign
// patterns: the same numbers, in n^3 steps.
func nullDistribution(ranks []int) []float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	p := make([]float64, total+1)
	p[0] = 1
	reached := 0
	for _, r := range ranks {
		reached += r
		for s := reached; s >= 0; s-- {
			with := 0.0
			if s >= r {
				with = p[s-r]
			}
			p[s] = p[s]/2 + with/2
		}
	}
	return p
}

// WithinMargin reports whether the centre of ds is shown to lie within ±margin: the two
// one-sided tests at 5 % each, which is a 90 % interval inside the margin.
func WithinMargin(ds []float64, margin float64) bool {
	iv := HodgesLehmann(ds, 0.90)
	return iv.Confidence >= 0.90 && -margin < iv.Lo && iv.Hi < margin
}

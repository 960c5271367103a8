// Package stats turns repeated measurements into statements that can be defended.
//
// # What is a sample
//
// One value per block, never per request. A block is a fresh set of processes in random
// order; requests inside it share the machine's mood of that minute, so counting them as
// independent makes any difference look certain. An interval over n values here always means
// n blocks.
//
// # Which methods, and why
//
//   - A figure alone: the median, with the exact interval that order statistics give. It
//     assumes nothing about the distribution except that blocks are independent.
//   - A figure against another: the ratio inside each block, as a logarithm; over the blocks
//     the Hodges-Lehmann estimate with the interval of the exact signed-rank test. The
//     machine is common to both halves of a pair and cancels.
//   - Many pairs at once: Holm's correction, then a compact letter display. "No difference
//     shown" is an answer.
//   - When to stop: by the width of the intervals at a few fixed looks, never by what they show.
//     See Stopping.
//
// Both intervals are exact, so they exist only at certain levels, and below six values none
// reaches 95 %: five give 93.75 %. Every Interval therefore carries the level it achieved.
//
// # What is missing on purpose
//
// There is no function that averages or merges percentiles: the mean of two p99 is the p99 of
// nothing. Take the percentile inside each block, then treat it as one value of that block.
// There is no bootstrap: at these sample sizes its percentile intervals cover too little.
package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/combin"
)

// Level is the confidence that is asked for everywhere unless said otherwise.
const Level = 0.95

// Interval is an estimate and the range that holds the truth with probability Confidence.
// The zero value means "no data": see OK.
type Interval struct {
	Value float64 `json:"value"`
	Lo    float64 `json:"lo"`
	Hi    float64 `json:"hi"`
	// Confidence is the level that Lo..Hi achieves, at least the level asked for where n
	// allows it. With too few values it is less, and with one value it is 0: Lo = Hi = Value.
	Confidence float64 `json:"confidence"`
	N          int     `json:"n"` // values (blocks) behind it
}

// OK reports whether there is an estimate at all.
func (iv Interval) OK() bool { return iv.N > 0 }

// Bounded reports whether Lo and Hi say anything: one value has no interval.
func (iv Interval) Bounded() bool { return iv.N > 1 }

// Contains reports whether x lies within the interval.
func (iv Interval) Contains(x float64) bool { return iv.Lo <= x && x <= iv.Hi }

// Map applies a monotone function to the estimate and its bounds; a falling one swaps them.
func (iv Interval) Map(f func(float64) float64) Interval {
	if !iv.OK() {
		return iv
	}
	iv.Value, iv.Lo, iv.Hi = f(iv.Value), f(iv.Lo), f(iv.Hi)
	if iv.Lo > iv.Hi {
		iv.Lo, iv.Hi = iv.Hi, iv.Lo
	}
	return iv
}

// Median estimates the median of the distribution that xs came from, with the narrowest
// symmetric order-statistic interval of at least the level asked for, or the whole range
// when n is too small. xs is not changed; a NaN in it yields no estimate.
func Median(xs []float64, level float64) Interval {
	n := len(xs)
	if n == 0 || slices.ContainsFunc(xs, math.IsNaN) {
		return Interval{}
	}
	s := slices.Sorted(slices.Values(xs))
	k, confidence := medianRank(n, level)
	return Interval{Value: middle(s), Lo: s[k], Hi: s[n-1-k], Confidence: confidence, N: n}
}

// medianRank returns the largest k for which the interval from the k-th to the (n-1-k)-th
// order statistic, counted from 0, still has the level, and the level it has.
//
// The median lies below the k-th smallest value when at most k values fall below the median,
// and the number that do is binomial (n, 1/2) whatever the distribution.
func medianRank(n int, level float64) (k int, confidence float64) {
	below := 0.0 // P(at most k values below the median)
	for i := 0; i <= (n-1)/2; i++ {
		below += math.Exp(logChoose(n, i) - float64(n)*math.Ln2)
		c := max(1-2*below, 0)
		if i > 0 && c < level-1e-12 {
			break
		}
		k, confidence = i, c
		if c < level {
			break // the whole range is already less than was asked for
		}
	}
	return k, confidence
}

// logChoose is the logarithm of the binomial coefficient: exact enough, and it does not
// overflow for any number of blocks.
func logChoose(n, k int) float64 {
	return combin.LogGeneralizedBinomial(float64(n), float64(k))
}

// middle is the median of sorted values.
func middle(s []float64) float64 {
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return s[n/2-1]/2 + s[n/2]/2
}

// Autocorrelation is the lag-1 correlation of xs in their order, 0 for fewer than three
// values. Blocks that remember their predecessor make every interval too narrow: beyond
// 2/sqrt(n) in size it deserves a warning.
func Autocorrelation(xs []float64) float64 {
	n := len(xs)
	if n < 3 {
		return 0
	}
	mean := 0.0
	for _, x := range xs {
		mean += x / float64(n)
	}
	var lagged, total float64
	for i, x := range xs {
		total += (x - mean) * (x - mean)
		if i > 0 {
			lagged += (x - mean) * (xs[i-1] - mean)
		}
	}
	if total == 0 {
		return 0
	}
	return lagged / total
}

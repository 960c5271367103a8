package stats

import (
	"cmp"
	"slices"
)

// Holm returns the p-values adjusted for having asked len(ps) questions: those at most alpha
// can all be believed together, with a chance of alpha of even one false alarm, whatever the
// dependence between them.
func Holm(ps []float64) []float64 {
	order := ascending(ps)
	adjusted := make([]float64, len(ps))
	floor := 0.0 // adjusted values never fall: a larger p cannot be the stronger evidence
	for rank, i := range order {
		floor = max(floor, min(1, float64(len(ps)-rank)*ps[i]))
		adjusted[i] = floor
	}
	return adjusted
}

// BlocksForHolm is the least number of blocks at which one of m two-sided signed-rank tests
// can be significant at alpha after Holm: below it no data whatever could show a difference.
func BlocksForHolm(m int, alpha float64) int {
	smallest := 2.0 // the smallest p of n blocks is 2/2^n
	for n := 0; ; n++ {
		if smallest*float64(m) <= alpha {
			return n
		}
		smallest /= 2
	}
}

// ascending returns the indices of xs, smallest first; equal values keep their order.
func ascending(xs []float64) []int {
	order := make([]int, len(xs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(xs[a], xs[b]) })
	return order
}

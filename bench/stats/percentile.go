package stats

import (
	"gonum.org/v1/gonum/stat/distuv"
)

// Supports reports whether n samples carry the quantile q: at least beyond of them must lie on
// its far side. With a handful there, the figure would be an accident.
func Supports(n uint64, q float64, beyond int) bool {
	const rounding = 1e-9 // 1-0.99 is a little less than 0.01
	return n > 0 && float64(n)*min(q, 1-q) >= float64(beyond)*(1-rounding)
}

// QuantileRanks returns the order statistics, counted from 0, between which the quantile q of
// a population lies with at least the level, for n independent samples; they leave at most
// half of what may be missed on either side where that is possible. ok is false where not
// even the whole range reaches the level: p99 needs 299 samples for 95 %, p99.9 needs 2,995.
//
// Requests of one run are not independent. An interval from these ranks speaks of that run,
// never of the server; only blocks do.
func QuantileRanks(n int, q, level float64) (lo, hi int, confidence float64, ok bool) {
	if n < 1 || q <= 0 || q >= 1 {
		return 0, 0, 0, false
	}
	below := distuv.Binomial{N: float64(n), P: q} // samples below the quantile
	// The quantile lies in [x(lo), x(hi)] when more than lo and at most hi samples are below it.
	covers := func(lo, hi int) float64 { return below.CDF(float64(hi)) - below.CDF(float64(lo)) }
	lo, hi = 0, n-1
	if whole := covers(lo, hi); whole < level {
		return lo, hi, max(whole, 0), false
	}
	miss := (1 - level) / 2
	for lo+1 < hi && below.CDF(float64(lo+1)) <= miss {
		lo++
	}
	for hi-1 > lo && 1-below.CDF(float64(hi-1)) <= miss {
		hi--
	}
	for covers(lo, hi) < level { // one end misses more than its half: give back at the other
		if lo > 0 {
			lo--
		} else {
			hi++
		}
	}
	return lo, hi, covers(lo, hi), true
}

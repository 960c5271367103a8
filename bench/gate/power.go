package gate

import (
	"math"
	"math/rand/v2"

	"iomodels/bench/stats"
)

// The sizes of the timed gate's tests.
const (
	familyAlpha  = 0.01 // chance of even one false alarm in the first stage, over all tests
	confirmAlpha = 0.05 // and of each of them in the second
	slowdown     = 0.03 // what is smaller than this is nobody's business
	leastBlocks  = 12
	power        = 0.8 // with which a change must be found to be called detectable
)

// BlocksFor is the least number of blocks with which one of so many tests can fail at all: the
// smallest p-value of n blocks is 2^-n.
func BlocksFor(tests int) int {
	n := leastBlocks
	for math.Pow(2, -float64(n))*float64(tests) > familyAlpha {
		n++
	}
	return n
}

// beyond asks whether the centre of logs is shown to lie above the margin: the p-value of the
// one-sided signed-rank test.
func beyond(logs []float64) float64 {
	shifted := make([]float64, len(logs))
	for i, x := range logs {
		shifted[i] = x - math.Log1p(slowdown)
	}
	return stats.SignedRank(shifted).Greater
}

// detectable is the slow-down, as a share, that a test finds which reaches so many standard
// deviations beyond the margin, when the logarithms of the blocks spread by sd.
func detectable(reach, sd float64) float64 {
	const hopeless = 10 // ten times as slow; beyond it nobody wants to know how much
	return min(math.Expm1(math.Log1p(slowdown)+reach*sd), hopeless)
}

// effect is how many standard deviations the truth must lie beyond the margin for both stages
// to fail with the usual power. It is found by simulation with a fixed seed: near the least
// number of blocks the test is so coarse that no formula holds.
func effect(n int, alpha float64) float64 {
	const draws = 500
	first, second := critical(n, alpha), critical(n, confirmAlpha)
	rng := rand.New(rand.NewPCG(uint64(n), 0x90e7))
	noise := make([][]float64, draws)
	for i := range noise {
		noise[i] = make([]float64, n)
		for j := range noise[i] {
			noise[i][j] = rng.NormFloat64()
		}
	}
	found := func(d float64) float64 {
		var passed [2]float64
		for _, xs := range noise {
			sum := rankSum(xs, d)
			if sum >= first {
				passed[0]++
			}
			if sum >= second {
				passed[1]++
			}
		}
		return passed[0] / draws * passed[1] / draws
	}
	lo, hi := 0.0, 8.0
	for hi-lo > 0.01 {
		if mid := (lo + hi) / 2; found(mid) >= power {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi
}

// critical is the smallest rank sum of the positive values that is significant at the level.
func critical(n int, level float64) int {
	most := n * (n + 1) / 2
	for sum := most; sum >= 0; sum-- {
		ds := make([]float64, n)
		left := sum
		for rank := n; rank > 0; rank-- { // the largest ranks that fit make up any sum
			ds[rank-1] = -float64(rank)
			if rank <= left {
				ds[rank-1], left = float64(rank), left-rank
			}
		}
		if stats.SignedRank(ds).Greater > level {
			return sum + 1
		}
	}
	return 0
}

// rankSum is that of the positive values of xs+d: the number of pairs, each value with itself
// included, whose sum is positive.
func rankSum(xs []float64, d float64) (sum int) {
	for i, x := range xs {
		for _, y := range xs[i:] {
			if x+y+2*d > 0 {
				sum++
			}
		}
	}
	return sum
}

// spread is the standard deviation of the blocks.
func spread(logs []float64) float64 {
	n := float64(len(logs))
	if n < 2 {
		return math.Inf(1)
	}
	mean, sum := 0.0, 0.0
	for _, x := range logs {
		mean += x / n
	}
	for _, x := range logs {
		sum += (x - mean) * (x - mean)
	}
	return math.Sqrt(sum / (n - 1))
}

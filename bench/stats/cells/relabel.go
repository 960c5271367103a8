package cells

import (
	"math"
	"math/rand/v2"

	"iomodels/bench/stats"
)

// Relabelled is what became of many comparisons of servers with themselves.
type Relabelled struct {
	Runs     int     // pseudo-campaigns
	Tests    int     // comparisons in them: one per server
	Alarms   int     // of those, false ones, each test for itself at 5 %
	Families int     // pseudo-campaigns with a false alarm after Holm over their servers
	Verdicts int     // pseudo-campaigns in which a difference would have been reported
	Nominal  float64 // the rate of Alarms that the exact test has at these numbers of blocks
}

// Relabel makes pseudo-campaigns from stored slices: in each block the turns of a server are dealt
// out at random to an "A" and a "B", which are then compared like two servers. Both are the
// same server, so every difference is a false alarm; noise, drift and outliers are the real
// ones. The seed replays it.
func (s *Set) Relabel(runs int, seed uint64) Relabelled {
	out := Relabelled{Runs: runs}
	campaigns := s.Campaigns()
	if len(campaigns) == 0 {
		return Relabelled{}
	}
	rng := rand.New(rand.NewPCG(seed, 0xaa))
	expected := 0.0
	for range runs {
		c := campaigns[rng.IntN(len(campaigns))]
		var ps []float64
		large := make([]bool, 0, len(c.Groups))
		for _, g := range c.Groups {
			ds := g.deal(rng)
			est := stats.HodgesLehmann(ds, stats.Level)
			if est.Confidence < stats.Level {
				continue
			}
			p := stats.SignedRank(ds).TwoSided
			ps, large = append(ps, p), append(large, math.Abs(est.Value) >= math.Log1p(c.Margin()))
			out.Tests++
			expected += 1 - est.Confidence
			if p <= stats.DefaultAlpha {
				out.Alarms++
			}
		}
		family, verdict := false, false
		for i, p := range stats.Holm(ps) {
			family = family || p <= stats.DefaultAlpha
			verdict = verdict || (p < stats.DefaultAlpha && large[i])
		}
		out.Families += count(family)
		out.Verdicts += count(verdict)
	}
	out.Nominal = expected / float64(max(out.Tests, 1))
	return out
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// deal splits the turns of each block at random in two halves, and returns the logarithms of the
// ratios of their costs.
func (g *Group) deal(rng *rand.Rand) []float64 {
	var ds []float64
	for _, r := range g.OK {
		half := len(r.Slices) / 2
		var sums [2]float64
		for place, i := range rng.Perm(len(r.Slices)) {
			if place < 2*half {
				sums[place/half] += r.Slices[i].Norm()
			}
		}
		if half > 0 && sums[0] > 0 && sums[1] > 0 {
			ds = append(ds, math.Log(sums[0]/sums[1]))
		}
	}
	return ds
}

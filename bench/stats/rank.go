package stats

import (
	"math"
	"slices"
)

// Arm is one candidate of a comparison: its value in each block that it ran in.
type Arm struct {
	Name   string
	Blocks map[int]float64 // block number -> value, positive
}

// Rule says when two arms differ. The zero value of a field is its default.
type Rule struct {
	Alpha     float64 // chance of even one false "different" in the whole family; 0.05
	Margin    float64 // ratios closer to 1 than this are of no practical interest; 0.03
	Noise     float64 // how far two equal arms came out apart: what is closer to 1 is not different; 0
	MinBlocks int     // below it no verdict is given at all; 12
	Lower     bool    // a lower value is better (time, bytes); default: higher
}

// The defaults of Rule.
const (
	DefaultAlpha     = 0.05
	DefaultMargin    = 0.03
	DefaultMinBlocks = 12
)

func (r Rule) withDefaults() Rule {
	if r.Alpha == 0 {
		r.Alpha = DefaultAlpha
	}
	if r.Margin == 0 {
		r.Margin = DefaultMargin
	}
	if r.MinBlocks == 0 {
		r.MinBlocks = DefaultMinBlocks
	}
	return r
}

// Verdict is what may be said about a pair.
type Verdict string

// The verdicts of a pair.
const (
	Different  Verdict = "different"  // significant after Holm, and larger than the margin
	Equivalent Verdict = "equivalent" // shown to lie within the margin
	Unresolved Verdict = "unresolved" // neither: more blocks or less noise are needed
)

// Pair is the comparison of two arms, over the blocks that both ran in.
type Pair struct {
	A, B    int      // indices into the arms
	Ratio   Interval // A / B
	P       float64  // two-sided signed-rank, after Holm over the whole family
	Verdict Verdict
}

// Ranking is what a family of arms shows.
type Ranking struct {
	Order   []int    // arm indices, best first by estimate; the order alone is no verdict
	Letters []string // per arm: arms that share a letter were not shown to differ; nil without verdict
	Tiers   []int    // per arm, from 1: not shown to differ from the leader of the tier; nil without verdict
	Pairs   []Pair   // all pairs A < B
	Blocks  int      // the fewest blocks that a pair has in common
	Need    int      // blocks that a verdict needs
}

// Enough reports whether there are blocks for a verdict.
func (r Ranking) Enough() bool { return r.Blocks >= r.Need }

// Forbid takes all verdicts back: for data that the machine has spoilt. The ratios stay.
func (r *Ranking) Forbid() {
	r.Letters, r.Tiers = nil, nil
	for i := range r.Pairs {
		r.Pairs[i].Verdict = Unresolved
	}
}

// Rank compares every pair of arms inside their common blocks. Overlap of two intervals is
// not a test, so nothing here is read off the intervals of single arms.
func Rank(arms []Arm, rule Rule) Ranking {
	rule = rule.withDefaults()
	r := Ranking{Pairs: allPairs(arms)}
	r.Need = max(rule.MinBlocks, BlocksForHolm(max(len(r.Pairs), 1), rule.Alpha))
	for i, p := range r.Pairs {
		if i == 0 || p.Ratio.N < r.Blocks {
			r.Blocks = p.Ratio.N
		}
	}
	r.Order = order(arms, rule.Lower)
	judge(arms, r, rule)
	if len(arms) > 1 && r.Enough() {
		r.Letters, r.Tiers = letterRanks(r, len(arms))
	}
	return r
}

// allPairs estimates every ratio; verdicts wait for Holm, which needs all p-values.
func allPairs(arms []Arm) []Pair {
	var pairs []Pair
	for a := range arms {
		for b := a + 1; b < len(arms); b++ {
			va, vb := common(arms[a], arms[b])
			ds := logRatios(va, vb)
			pairs = append(pairs, Pair{
				A: a, B: b,
				Ratio:   HodgesLehmann(ds, Level).Map(math.Exp),
				P:       SignedRank(ds).TwoSided,
				Verdict: Unresolved,
			})
		}
	}
	return pairs
}

// judge fills in the adjusted p-values and, if there are blocks for it, the verdicts.
func judge(arms []Arm, r Ranking, rule Rule) {
	ps := make([]float64, len(r.Pairs))
	for i, p := range r.Pairs {
		ps[i] = p.P
	}
	margin := math.Log1p(rule.Margin)
	apart := max(margin, math.Log1p(rule.Noise))
	for i, adjusted := range Holm(ps) {
		p := &r.Pairs[i]
		p.P = adjusted
		switch {
		case !r.Enough() || !p.Ratio.OK():
		case adjusted < rule.Alpha && math.Abs(math.Log(p.Ratio.Value)) >= apart:
			p.Verdict = Different
		case WithinMargin(logRatios(common(arms[p.A], arms[p.B])), margin):
			p.Verdict = Equivalent
		}
	}
}

// order sorts by the estimated ratio to the first arm: paired, so that an arm that missed a
// bad block does not gain by it. Arms without a common block come last.
func order(arms []Arm, lower bool) []int {
	keys := make([]float64, len(arms))
	for i, arm := range arms {
		a, b := common(arm, arms[0])
		est := HodgesLehmann(logRatios(a, b), Level)
		keys[i] = math.Inf(1)
		if est.OK() {
			keys[i] = -est.Value
			if lower {
				keys[i] = est.Value
			}
		}
	}
	return ascending(keys)
}

// letterRanks turns the verdicts into letters and tiers, both per arm.
func letterRanks(r Ranking, n int) (letters []string, tiers []int) {
	different := make(map[[2]int]bool)
	for _, p := range r.Pairs {
		if p.Verdict == Different {
			different[[2]int{p.A, p.B}], different[[2]int{p.B, p.A}] = true, true
		}
	}
	ranked := Letters(n, func(i, j int) bool { return different[[2]int{r.Order[i], r.Order[j]}] })
	letters, tiers = make([]string, n), make([]int, n)
	tier, leader := 0, -1
	for place, arm := range r.Order {
		letters[arm] = ranked[place]
		if leader < 0 || different[[2]int{leader, arm}] {
			tier, leader = tier+1, arm
		}
		tiers[arm] = tier
	}
	return letters, tiers
}

// common returns the values of two arms in the blocks that both have, in block order.
func common(a, b Arm) (va, vb []float64) {
	var blocks []int
	for block := range a.Blocks {
		if _, ok := b.Blocks[block]; ok {
			blocks = append(blocks, block)
		}
	}
	slices.Sort(blocks)
	for _, block := range blocks {
		va, vb = append(va, a.Blocks[block]), append(vb, b.Blocks[block])
	}
	return va, vb
}

package cells

import (
	"maps"
	"math"
	"slices"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/disturb"
)

// Campaign is one headline: a workload on which servers took turns inside blocks, so that who is
// better can be said. Groups are the candidates; the twin is not one of them.
type Campaign struct {
	Cell     record.Cell // the condition: a cell without a model
	Metric   Metric      // what is judged: cost where server and generator share a CPU, speed where not
	Groups   []*Group    // candidates that have figures; Ranking points into it
	Ranking  stats.Ranking
	Floor    stats.Interval            // twin over baseline: how far nothing strays from 1; not OK: no twin
	Blocks   int                       // that count
	Dropped  int                       // that do not
	Causes   map[string]int            // why they do not, numbers left out, and in how many blocks
	GivenUp  int                       // of those dropped, the ones of attempts before the last
	Unfit    bool                      // too many of the last attempt were dropped: no verdict
	Repeated int                       // tries of slices beyond the first, in the blocks that count
	Unsteady map[string]stats.Interval // model -> first turns over second ones, where these differ
	baseline string
	counts   func(block int) bool
}

// condition is everything of a cell but who serves it. Package bench says the same of a plan.
func condition(c record.Cell) record.Cell {
	c.Model, c.Offload, c.Arm = "", 0, ""
	return c
}

// arrangeCampaigns drops the disturbed blocks of each headline, for all its servers, and takes the
// twins out of the candidates: nobody is to be ranked against the baseline twice.
func (s *Set) arrangeCampaigns() {
	byCondition := map[record.Cell][]*Group{}
	var order []record.Cell
	for _, g := range s.groups {
		if !g.tookTurns() && g.Cell.Arm == "" {
			continue
		}
		at := condition(g.Cell)
		if byCondition[at] == nil {
			order = append(order, at)
		}
		byCondition[at] = append(byCondition[at], g)
	}
	for _, at := range order {
		groups := byCondition[at]
		drop(groups)
		i := slices.IndexFunc(groups, func(g *Group) bool { return g.Cell.Arm == record.Twin })
		for _, g := range groups {
			if i >= 0 && g != groups[i] {
				g.Twin = groups[i]
			}
		}
	}
	s.groups = slices.DeleteFunc(s.groups, func(g *Group) bool { return g.Cell.Arm != "" })
}

// tookTurns reports whether the group was measured in slices.
func (g *Group) tookTurns() bool { return len(g.OK) > 0 && len(g.OK[0].Slices) > 0 }

// judge says which blocks count, from readings of the machine only. An attempt that was given up
// counts for nothing, whatever its blocks were like: with the quiet ones of a busy time the result
// would hang on when one looked. Whether the machine was fit is said of the last attempt.
func judge(groups []*Group) (verdict disturb.Campaign, numbers []int, givenUp int) {
	blocks, numbers := machineOf(groups)
	last := 0 // attempt; its first block comes after all of those before it
	for _, g := range groups {
		for _, r := range slices.Concat(g.OK, g.Dropped) {
			at := slices.Index(numbers, r.Block)
			if r.Attempt > last || r.Attempt == last && at < givenUp {
				last, givenUp = r.Attempt, at
			}
		}
	}
	verdict = turnLimits().Campaign(blocks[givenUp:])
	if givenUp == 0 {
		return verdict, numbers, 0
	}
	before := turnLimits().Campaign(blocks[:givenUp])
	for i, causes := range before.Causes {
		before.Causes[i] = append(causes, "its attempt was given up")
	}
	verdict.Causes = slices.Concat(before.Causes, verdict.Causes)
	verdict.Dropped += givenUp
	return verdict, numbers, givenUp
}

// drop moves the records of disturbed blocks aside.
func drop(groups []*Group) {
	verdict, numbers, _ := judge(groups)
	for _, g := range groups {
		g.Unfit, g.Disturbed = verdict.Unfit, verdict.Dropped
		if g.Unfit {
			continue
		}
		var kept []record.Record
		for _, r := range g.OK {
			if verdict.Kept(slices.Index(numbers, r.Block)) {
				kept = append(kept, r)
			} else {
				g.Dropped = append(g.Dropped, r)
			}
		}
		g.OK = kept
	}
}

// turnLimits are the limits of a headline's blocks. The speed of the machine may change: turns take
// that from all alike, and the yardstick takes it out. What is left to the probe are blocks on
// half or twice the speed of the others.
func turnLimits() disturb.Limits { return disturb.Limits{Drift: 3} }

// machineOf collects what is known of the machine in each block, over all its servers, and the
// numbers of the blocks.
func machineOf(groups []*Group) (blocks []disturb.Block, numbers []int) {
	for _, g := range groups {
		for _, r := range slices.Concat(g.OK, g.Dropped) {
			numbers = append(numbers, r.Block)
		}
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	blocks = make([]disturb.Block, len(numbers))
	for _, g := range groups {
		for _, r := range slices.Concat(g.OK, g.Dropped) {
			b := &blocks[slices.Index(numbers, r.Block)]
			for _, s := range r.Slices {
				b.Slices = append(b.Slices, disturb.Slice{Seconds: s.Seconds, Machine: s.Machine})
			}
			if len(r.ProbeS) == 2 {
				b.ProbeBefore, b.ProbeAfter = r.ProbeS[0], r.ProbeS[1]
			}
		}
	}
	return blocks, numbers
}

// Campaigns are the headlines of the run, in the order of the groups.
func (s *Set) Campaigns() []Campaign {
	var out []Campaign
	var seen []record.Cell
	for _, g := range s.groups {
		at := condition(g.Cell)
		if (g.tookTurns() || len(g.Dropped) > 0) && !slices.Contains(seen, at) {
			seen = append(seen, at)
			out = append(out, s.Campaign(at))
		}
	}
	return out
}

// Campaign is the headline of a condition.
func (s *Set) Campaign(at record.Cell) Campaign {
	c := Campaign{
		Cell: at, Metric: Throughput(), Causes: map[string]int{}, Unsteady: map[string]stats.Interval{},
		baseline: s.Baseline,
	}
	if at.Topology == Shared {
		c.Metric = Norm()
	}
	all := s.Groups(func(cell record.Cell) bool { return condition(cell) == at })
	c.Ranking, c.Groups = Rank(all, c.Metric)
	c.Floor = Floor(all, c.Metric)
	judged := all
	for _, g := range all {
		if g.Twin != nil {
			judged = append(slices.Clone(all), g.Twin)
			break
		}
	}
	for _, g := range judged {
		for _, r := range g.OK {
			for _, t := range r.Slices {
				c.Repeated += max(t.Machine.Tries-1, 0)
			}
		}
		if ratio := firstOverSecond(g); ratio.Confidence >= stats.Level && !ratio.Contains(1) {
			c.Unsteady[g.Cell.Model] = ratio
		}
	}
	verdict, numbers, givenUp := judge(judged)
	c.Dropped, c.GivenUp, c.Unfit = verdict.Dropped, givenUp, verdict.Unfit
	c.Blocks = len(numbers) - c.Dropped
	c.counts = func(block int) bool { return verdict.Kept(slices.Index(numbers, block)) }
	for _, causes := range verdict.Causes {
		var once []string
		for _, cause := range causes {
			once = addOnce(once, WithoutNumbers(cause))
		}
		for _, cause := range once {
			c.Causes[cause]++
		}
	}
	return c
}

// firstOverSecond is the check of the warm-up, which is the same for all servers and tuned for
// none: the cost of a server's first turn over that of its last, which is long after.
func firstOverSecond(g *Group) stats.Interval {
	var first, last []float64
	for _, r := range g.OK {
		if n := len(r.Slices); n > 1 {
			first, last = append(first, r.Slices[0].Norm()), append(last, r.Slices[n-1].Norm())
		}
	}
	return stats.PairedRatio(first, last, stats.Level)
}

// Floor is the noise floor of a metric among groups that took turns: the ratio of the baseline's
// twin to the baseline. It is not OK where there was no twin.
func Floor(groups []*Group, m Metric) stats.Interval {
	for _, g := range groups {
		if g.Twin != nil && g.Cell.Model == g.Twin.Cell.Model && g.Cell.Offload == g.Twin.Cell.Offload {
			return stats.Rank([]stats.Arm{g.Twin.Arm(m), g.Arm(m)}, stats.Rule{}).Pairs[0].Ratio
		}
	}
	return stats.Interval{}
}

// noise is how far from 1 the noise floor reaches, as a share; 0: there is none.
func noise(groups []*Group, m Metric) float64 {
	floor := Floor(groups, m)
	if !floor.OK() || floor.Confidence < stats.Level-1e-12 {
		return 0
	}
	return math.Expm1(max(math.Abs(math.Log(floor.Lo)), math.Abs(math.Log(floor.Hi))))
}

// Margin is how far from 1 a ratio of the campaign must be to be called different: the practical
// margin, or the noise floor where that is wider.
func (c Campaign) Margin() float64 { return max(stats.DefaultMargin, noise(c.Groups, c.Metric)) }

// Evidence is what a stopping rule may know: of each candidate and of the twin against the
// baseline. Servers that broke in some block are not waited for.
func (c Campaign) Evidence() []stats.Evidence {
	i := slices.IndexFunc(c.Groups, func(g *Group) bool { return g.Cell.Model == c.baseline })
	if i < 0 {
		i = 0
	}
	var out []stats.Evidence
	for j, g := range c.Groups {
		others := []*Group{g}
		if i == j && len(c.Groups) > 1 {
			others = nil
		}
		if i == j && g.Twin != nil {
			others = []*Group{g.Twin}
		}
		for _, other := range others {
			arms := []stats.Arm{c.counted(other), c.counted(c.Groups[i])}
			if len(arms[0].Blocks) == c.Blocks && len(arms[1].Blocks) == c.Blocks {
				r := stats.Rank(arms, stats.Rule{})
				out = append(out, r.Evidence(arms, r.Pairs[0]))
			}
		}
	}
	return out
}

// counted is a group in the blocks that count.
func (c Campaign) counted(g *Group) stats.Arm {
	arm := g.Arm(c.Metric)
	maps.DeleteFunc(arm.Blocks, func(block int, _ float64) bool { return !c.counts(block) })
	return arm
}

// Missing is how many blocks a verdict lacks; 0: none does.
func (c Campaign) Missing() int {
	if len(c.Groups) < 2 {
		return 0
	}
	return max(c.Ranking.Need-c.Ranking.Blocks, 0)
}

// WithDropped says what the dropped blocks would have changed: tiers must not hang on them. "" if
// none was dropped.
func (s *Set) WithDropped(c Campaign) string {
	if c.Dropped == 0 || c.Unfit || c.Ranking.Letters == nil {
		return ""
	}
	var whole []*Group
	for _, g := range c.Groups {
		all := *g
		all.OK = slices.Concat(g.OK, g.Dropped)
		whole = append(whole, &all)
	}
	ranking, part := Rank(whole, c.Metric)
	letters := map[string]string{}
	for i, g := range part {
		letters[g.Cell.Model] = ranking.Letters[i]
	}
	for i, g := range c.Groups {
		if letters[g.Cell.Model] != c.Ranking.Letters[i] {
			return "With the dropped blocks the letters would be others: read them with care."
		}
	}
	return "With the dropped blocks the letters would be the same."
}

package cells

import (
	"fmt"

	"iomodels/bench/stats"
)

// Agreement is how the verdicts of two runs stand to each other.
type Agreement struct {
	Pairs          int // judged in both runs
	Same           int // different the same way round in both, or equivalent or unresolved in both
	OneSided       int // different in one of the runs only: less was shown, nothing else
	Contradictions []Contradiction
}

// Contradiction is a pair that was called different both times, each time the other way round.
type Contradiction struct {
	Place, Metric string
	A, B          string
	First, Second stats.Interval // A / B in either run
}

func (c Contradiction) String() string {
	return fmt.Sprintf("%s, %s: %s / %s was %s, is %s", c.Place, c.Metric, c.A, c.B,
		Ratio.Interval(c.First), Ratio.Interval(c.Second))
}

// Agree holds the verdicts of two runs against each other, pair by pair, in every headline that
// both have.
func Agree(first, second *Set) Agreement {
	var out Agreement
	for _, c := range first.Campaigns() {
		other := second.Campaign(c.Cell)
		if c.Ranking.Letters == nil || other.Ranking.Letters == nil {
			continue
		}
		verdicts := map[[2]string]stats.Pair{}
		for _, p := range other.Ranking.Pairs {
			verdicts[other.names(p)] = p
		}
		for _, p := range c.Ranking.Pairs {
			names := c.names(p)
			q, ok := verdicts[names]
			if !ok {
				if q, ok = verdicts[[2]string{names[1], names[0]}]; ok {
					q.Ratio = q.Ratio.Map(func(x float64) float64 { return 1 / x })
				}
			}
			if ok {
				out.hold(c, names, p, q)
			}
		}
	}
	return out
}

func (c Campaign) names(p stats.Pair) [2]string {
	return [2]string{c.Groups[p.A].Cell.Model, c.Groups[p.B].Cell.Model}
}

// hold compares the two verdicts of a pair.
func (a *Agreement) hold(c Campaign, names [2]string, p, q stats.Pair) {
	a.Pairs++
	first, second := p.Verdict == stats.Different, q.Verdict == stats.Different
	switch {
	case first && second && (p.Ratio.Value > 1) != (q.Ratio.Value > 1):
		a.Contradictions = append(a.Contradictions, Contradiction{
			Place: Place(c.Cell), Metric: c.Metric.Name, A: names[0], B: names[1], First: p.Ratio, Second: q.Ratio,
		})
	case first == second:
		a.Same++
	default:
		a.OneSided++
	}
}

// Tiers are the models of each tier, best first; nil without a verdict.
func (c Campaign) Tiers() [][]*Group {
	if c.Ranking.Tiers == nil {
		return nil
	}
	var out [][]*Group
	for _, i := range c.Ranking.Order {
		tier := c.Ranking.Tiers[i]
		for len(out) < tier {
			out = append(out, nil)
		}
		out[tier-1] = append(out[tier-1], c.Groups[i])
	}
	return out
}

// NoVerdict says why there is none: too few blocks, and how many are missing, or a machine that
// was too busy; "" if there is one, or only one candidate.
func NoVerdict(groups []*Group, ranking stats.Ranking) string {
	if ranking.Letters != nil || len(groups) < 2 {
		return ""
	}
	for _, g := range groups {
		if g.Unfit {
			return fmt.Sprintf("the machine was too busy: no verdict, %d of %d blocks were disturbed", g.Disturbed, len(g.OK))
		}
	}
	return fmt.Sprintf("too few blocks: no verdict, %d missing of %d", ranking.Need-ranking.Blocks, ranking.Need)
}

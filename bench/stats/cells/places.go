package cells

import (
	"cmp"
	"slices"

	"iomodels/bench/record"
)

// ConnsOf lists the numbers of connections of groups, ascending.
func ConnsOf(groups []*Group) []int {
	return distinct(groups, func(c record.Cell) int { return c.Conns })
}

// RatesOf lists the offered loads of groups, ascending.
func RatesOf(groups []*Group) []float64 {
	return distinct(groups, func(c record.Cell) float64 { return c.Rate })
}

func distinct[T cmp.Ordered](groups []*Group, of func(record.Cell) T) []T {
	var out []T
	for _, g := range groups {
		out = append(out, of(g.Cell))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// AtConns returns those of groups that have n connections.
func AtConns(groups []*Group, n int) []*Group {
	return where(groups, func(c record.Cell) bool { return c.Conns == n })
}

// AtRate returns those of groups that were offered the rate.
func AtRate(groups []*Group, rate float64) []*Group {
	return where(groups, func(c record.Cell) bool { return c.Rate == rate })
}

// OfModel returns those of groups that one model served, in the order given.
func OfModel(groups []*Group, model string) []*Group {
	return where(groups, func(c record.Cell) bool { return c.Model == model })
}

func where(groups []*Group, keep func(record.Cell) bool) []*Group {
	var out []*Group
	for _, g := range groups {
		if keep(g.Cell) {
			out = append(out, g)
		}
	}
	return out
}

// TypicalConns picks the number of connections that single-point charts show: 1,000 where it
// was measured, else the largest below it, else the smallest there is.
func TypicalConns(groups []*Group) int {
	const typical = 1000
	conns := ConnsOf(groups)
	if len(conns) == 0 {
		return 0
	}
	best := conns[0]
	for _, n := range conns {
		if n <= typical {
			best = n
		}
	}
	return best
}

// CommonRate is the highest offered load that every model which was measured at it sustained,
// so that all can be compared there; if there is none, the lowest that was measured; or 0.
func CommonRate(groups []*Group) float64 {
	best := 0.0
	for _, rate := range RatesOf(groups) {
		sustained, measured := true, false
		for _, g := range AtRate(groups, rate) {
			if len(g.OK) > 0 {
				sustained, measured = sustained && g.Sustained(), true
			}
		}
		if measured && (sustained || best == 0) {
			best = rate
		}
	}
	return best
}

// Held is how many connections stand open at a group, silent ones included.
func (g *Group) Held() int { return g.Cell.Conns + g.Cell.Idle }

// MostHeld finds, among all groups of a protocol that have the metric, the one that holds
// most connections, and returns its scenario with all groups that differ by model only.
func (s *Set) MostHeld(proto string, m Metric) (Scenario, []*Group) {
	var best *Group
	for _, g := range s.groups {
		if g.Cell.Proto == proto && len(g.Values(m)) > 0 && (best == nil || g.Held() > best.Held()) {
			best = g
		}
	}
	if best == nil {
		return Scenario{}, nil
	}
	sc := ScenarioOf(best.Cell)
	return sc, AtRate(AtConns(s.In(sc), best.Cell.Conns), best.Cell.Rate)
}

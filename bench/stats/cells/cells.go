// Package cells arranges the records of a run for whoever draws or tabulates them: repetitions
// of one cell become a Group, a figure over its blocks an interval, a figure against the
// baseline a paired ratio. Charts, tables, CSV and verdicts all read the same Set, so they
// cannot disagree.
//
// Nothing is dropped here without a trace: cells that were skipped, failed or never reached
// keep their group, with the reason. Only what a model does not speak has no group.
package cells

import (
	"cmp"
	"slices"
	"strings"

	"iomodels/bench/record"
	"iomodels/bench/stats"
)

// Baseline is the model that others are compared with unless Options say otherwise: what a
// Go programmer writes first.
const Baseline = "goroutine"

// Set is a run, grouped. It is built once and only read afterwards.
type Set struct {
	Env      record.Env
	Baseline string
	Models   []string // in chart order: the registry's, then strangers by name
	groups   []*Group // in the order of Models, then by connections and rate
	byCell   map[record.Cell]*Group
}

// Group is one cell with its repetitions.
type Group struct {
	Cell    record.Cell
	Planned int             // blocks it was meant to have; 0: it was not in the plan
	OK      []record.Record // measured, one per block, in block order
	Out     []record.Record // skipped or failed, in the order they happened
	// Of a headline, whose servers took turns, only; see Campaign.
	Dropped []record.Record // measured, but something disturbed the block: for nobody does it count
	// Disturbed is how many blocks something disturbed. Where Unfit, they are in OK all the same:
	// there is nothing better, and no verdict hangs on them.
	Disturbed int
	Twin      *Group // a second server of the baseline in the same blocks; nil: there was none
	Unfit     bool   // so many blocks were disturbed that no verdict is given
}

// New groups the records of a run. Of several measurements of one cell in one block the
// latest counts: an earlier one was repeated for a reason.
func New(env record.Env, records []record.Record, baseline string) *Set {
	baseline = cmp.Or(baseline, env.Config.Baseline, Baseline)
	s := &Set{Env: env, Baseline: baseline, byCell: map[record.Cell]*Group{}}
	for i, cell := range env.Plan {
		g := s.group(labelled(cell))
		g.Planned = env.Blocks
		if i < len(env.Repeats) {
			g.Planned = env.Repeats[i]
		}
	}
	ordered := slices.Clone(records)
	slices.SortStableFunc(ordered, func(a, b record.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, r := range ordered {
		r.Cell = labelled(r.Cell)
		g := s.group(r.Cell)
		if r.OK() {
			g.add(r)
		} else {
			g.Out = append(g.Out, r)
		}
	}
	s.groups = slices.DeleteFunc(s.groups, s.foreign)
	s.arrangeCampaigns()
	s.Models = models(env, s.groups)
	slices.SortStableFunc(s.groups, s.compare)
	return s
}

func (s *Set) group(cell record.Cell) *Group {
	g, ok := s.byCell[cell]
	if !ok {
		g = &Group{Cell: cell}
		s.byCell[cell] = g
		s.groups = append(s.groups, g)
	}
	return g
}

func (g *Group) add(r record.Record) {
	i, found := slices.BinarySearchFunc(g.OK, r.Block, func(have record.Record, block int) int {
		return cmp.Compare(have.Block, block)
	})
	if found {
		g.OK[i] = r
		return
	}
	g.OK = slices.Insert(g.OK, i, r)
}

// foreign reports whether a group is about a protocol that its model does not speak. That is
// a property of the model, shown with it, and not a gap in the measurements.
func (s *Set) foreign(g *Group) bool {
	if len(g.OK) > 0 {
		return false
	}
	for _, m := range s.Env.Models {
		if m.Name == ModelOf(g.Cell.Model) {
			return len(m.Protocols) > 0 && !slices.Contains(m.Protocols, g.Cell.Proto)
		}
	}
	return false
}

// offloaded follows the name of a model whose handlers run on a worker pool. It is then a model of
// its own wherever figures are compared: what differs is where handlers run, and nothing else.
const offloaded = " +offload"

func labelled(c record.Cell) record.Cell {
	if c.Offload > 0 {
		c.Model += offloaded
	}
	return c
}

// ModelOf is the model of the registry behind a name in a chart.
func ModelOf(name string) string { return strings.TrimSuffix(name, offloaded) }

// models lists the models of the groups in the order of the registry, then those it does not
// know. A model of the registry that the run was not about has no row anywhere.
func models(env record.Env, groups []*Group) []string {
	present := map[string]bool{}
	for _, g := range groups {
		present[g.Cell.Model] = true
	}
	var known, strangers []string
	for _, m := range env.Models {
		for _, name := range []string{m.Name, m.Name + offloaded} {
			if present[name] {
				known = append(known, name)
				delete(present, name)
			}
		}
	}
	for name := range present {
		strangers = append(strangers, name)
	}
	slices.Sort(strangers)
	return append(known, slices.Compact(strangers)...)
}

// compare orders groups by scenario, connections, rate and model.
func (s *Set) compare(a, b *Group) int {
	return cmp.Or(
		ScenarioOf(a.Cell).compare(ScenarioOf(b.Cell)),
		cmp.Compare(a.Cell.Conns, b.Cell.Conns),
		cmp.Compare(a.Cell.Rate, b.Cell.Rate),
		cmp.Compare(slices.Index(s.Models, a.Cell.Model), slices.Index(s.Models, b.Cell.Model)),
	)
}

// Groups returns the groups whose cell passes the filter, ordered by scenario, connections,
// rate and model.
func (s *Set) Groups(keep func(record.Cell) bool) []*Group {
	var out []*Group
	for _, g := range s.groups {
		if keep(g.Cell) {
			out = append(out, g)
		}
	}
	return out
}

// Group returns the group of a cell, nil if there is none.
func (s *Set) Group(cell record.Cell) *Group { return s.byCell[cell] }

// Blocks returns the fewest and the most blocks measured in any of the groups that have
// been measured at all.
func Blocks(groups []*Group) (least, most int) {
	for _, g := range groups {
		n := len(g.OK)
		if n == 0 {
			continue
		}
		if least == 0 || n < least {
			least = n
		}
		most = max(most, n)
	}
	return least, most
}

// Values are the metric in each block that has it, in block order.
func (g *Group) Values(m Metric) []float64 {
	var xs []float64
	for _, r := range g.OK {
		if v, ok := m.Of(r); ok {
			xs = append(xs, v)
		}
	}
	return xs
}

// Median is the metric over the blocks that have it.
func (g *Group) Median(m Metric) stats.Interval {
	return stats.Median(g.Values(m), stats.Level)
}

// Arm is the group as a candidate of a comparison.
func (g *Group) Arm(m Metric) stats.Arm {
	arm := stats.Arm{Name: g.Cell.Model, Blocks: map[int]float64{}}
	for _, r := range g.OK {
		if v, ok := m.Of(r); ok {
			arm.Blocks[r.Block] = v
		}
	}
	return arm
}

// Ratio is the metric of g over that of the baseline in the same cell, paired by block. It
// is not OK for the baseline itself and where no block has both.
func (s *Set) Ratio(g *Group, m Metric) stats.Interval {
	cell := g.Cell
	cell.Model, cell.Offload = s.Baseline, 0
	base := s.byCell[cell]
	if base == nil || base == g {
		return stats.Interval{}
	}
	ranking := stats.Rank([]stats.Arm{g.Arm(m), base.Arm(m)}, stats.Rule{Lower: m.Lower})
	return ranking.Pairs[0].Ratio
}

// Rank compares all groups that have the metric with each other, pair by pair. The second
// result holds the groups that took part; the indices of the ranking point into it. What is
// closer to 1 than the noise floor is not called different; on a machine that was too busy,
// nothing is.
func Rank(groups []*Group, m Metric) (stats.Ranking, []*Group) {
	var arms []stats.Arm
	var part []*Group
	for _, g := range groups {
		if arm := g.Arm(m); len(arm.Blocks) > 0 {
			arms, part = append(arms, arm), append(part, g)
		}
	}
	ranking := stats.Rank(arms, stats.Rule{Lower: m.Lower, Noise: noise(groups, m)})
	if slices.ContainsFunc(part, func(g *Group) bool { return g.Unfit }) {
		ranking.Forbid()
	}
	return ranking, part
}

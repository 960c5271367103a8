package cells

import (
	"math"

	"iomodels/bench/stats"
)

// Figure is one metric of one group over its blocks: what is exported, kept in the history,
// and told in words.
type Figure struct {
	Group  *Group
	Metric Metric
	Median stats.Interval // of the blocks; it belongs to the machine of the run
	Ratio  stats.Interval // to the baseline in the same blocks; not OK for the baseline itself
	// R1 is the lag-1 autocorrelation of the logarithms behind Ratio, or behind Median where
	// there is no ratio; Remembers says that it is too large for the intervals to hold.
	R1        float64
	Remembers bool
}

// Figures returns the metrics of every group that has them, group by group in the order of
// Groups. Groups without a sound measurement are left out unless all is set: formats without
// a place for a doubt must not carry a doubtful figure.
func (s *Set) Figures(metrics []Metric, all bool) []Figure {
	var out []Figure
	for _, g := range s.groups {
		if !all && !g.Health().Sound() {
			continue
		}
		for _, m := range metrics {
			if f := s.figure(g, m); f.Median.OK() {
				out = append(out, f)
			}
		}
	}
	return out
}

func (s *Set) figure(g *Group, m Metric) Figure {
	f := Figure{Group: g, Metric: m, Median: g.Median(m), Ratio: s.Ratio(g, m)}
	base := g.Cell
	base.Model = s.Baseline
	logs := make([]float64, 0, len(g.OK))
	for _, r := range g.OK {
		v, ok := m.Of(r)
		if f.Ratio.OK() {
			var reference float64
			if reference, ok = s.byCell[base].at(r.Block, m); ok {
				v /= reference
			}
		}
		if ok && v > 0 {
			logs = append(logs, math.Log(v))
		}
	}
	f.R1, f.Remembers = stats.Autocorrelation(logs), stats.Remembers(logs)
	return f
}

// at is the metric of a group in one block.
func (g *Group) at(block int, m Metric) (float64, bool) {
	for _, r := range g.OK {
		if r.Block == block {
			return m.Of(r)
		}
	}
	return 0, false
}

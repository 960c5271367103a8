package report

import (
	"fmt"
	"strconv"

	"iomodels/bench/report/table"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// Figures is every figure of a run as one long table, in base units (seconds, bytes, per
// second), for programs: a row per cell and metric.
func Figures(set *cells.Set) *table.Table {
	t := table.New("<model", "<proto", "<workload", "<topology", "conns", "idle", "size", "pipeline",
		"<path", "rate", "<metric", "<better", "blocks", "median", "lo", "hi", "confidence",
		"ratio", "ratio_lo", "ratio_hi", "<baseline")
	for _, g := range set.Groups(every) {
		for _, m := range cells.Metrics() {
			iv := g.Median(m)
			if !iv.OK() {
				continue
			}
			c := g.Cell
			row := []string{
				c.Model, c.Proto, c.Workload, c.Topology, fmt.Sprint(c.Conns), fmt.Sprint(c.Idle),
				fmt.Sprint(c.Size), fmt.Sprint(c.Pipeline), c.Path, digits(c.Rate), m.Name, better(m), fmt.Sprint(iv.N),
				digits(iv.Value), digits(iv.Lo), digits(iv.Hi), digits(iv.Confidence),
			}
			t.Add(append(row, ratioFigures(set, g, m)...)...)
		}
	}
	return t
}

func ratioFigures(set *cells.Set, g *cells.Group, m cells.Metric) []string {
	iv := set.Ratio(g, m)
	if g.Cell.Model == set.Baseline {
		iv = stats.Interval{Value: 1, Lo: 1, Hi: 1, N: 1}
	}
	if !iv.OK() {
		return []string{"", "", "", set.Baseline}
	}
	return []string{digits(iv.Value), digits(iv.Lo), digits(iv.Hi), set.Baseline}
}

func better(m cells.Metric) string {
	if m.Lower {
		return "lower"
	}
	return "higher"
}

// digits writes six significant digits: more than any of these figures has.
func digits(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

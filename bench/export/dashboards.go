package export

import (
	"fmt"
	"io"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// githubEntry is one series of github-action-benchmark.
type githubEntry struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	Range string  `json:"range,omitempty"`
	Extra string  `json:"extra,omitempty"`
}

func githubBigger(w io.Writer, _ *record.Run, set *cells.Set) error {
	return encode(w, githubEntries(set, false))
}

func githubSmaller(w io.Writer, _ *record.Run, set *cells.Set) error {
	return encode(w, githubEntries(set, true))
}

// githubEntries are the ratios of one direction: the tool compares a value with the one before
// it, from whatever machine that came.
func githubEntries(set *cells.Set, lower bool) []githubEntry {
	entries := []githubEntry{} // an empty array, never null
	figures(set, func(c column, f cells.Figure) {
		if c.metric.Lower != lower || !f.Ratio.OK() {
			return
		}
		entries = append(entries, githubEntry{
			Name:  f.Group.Cell.BenchName() + " " + c.slug,
			Unit:  "ratio to " + set.Baseline,
			Value: f.Ratio.Value,
			Range: rangeText(f.Ratio),
			Extra: fmt.Sprintf("%d blocks; %s of the machine of that run: %s", f.Ratio.N,
				c.metric.Name, c.metric.Unit.Interval(f.Median)),
		})
	})
	return entries
}

// rangeText is the interval with the level that it has: "0.98–1.04 (95 %)"; "" without one.
func rangeText(iv stats.Interval) string {
	if !iv.Bounded() {
		return ""
	}
	return fmt.Sprintf("%.4g–%.4g (%.3g %%)", iv.Lo, iv.Hi, 100*iv.Confidence)
}

// bencherMetric is a value with its bounds, in Bencher's words.
type bencherMetric struct {
	Value float64  `json:"value"`
	Lower *float64 `json:"lower_value,omitempty"`
	Upper *float64 `json:"upper_value,omitempty"`
}

// bencher writes absolute figures, which Bencher keeps apart by testbed, and the ratios beside
// them under a measure of their own.
func bencher(w io.Writer, _ *record.Run, set *cells.Set) error {
	benchmarks := map[string]map[string]bencherMetric{}
	figures(set, func(c column, f cells.Figure) {
		name := f.Group.Cell.BenchName()
		if benchmarks[name] == nil {
			benchmarks[name] = map[string]bencherMetric{}
		}
		benchmarks[name][c.slug] = bencherOf(f.Median, c.scale)
		if f.Ratio.OK() {
			benchmarks[name][c.slug+"-ratio"] = bencherOf(f.Ratio, 1)
		}
	})
	return encode(w, benchmarks)
}

func bencherOf(iv stats.Interval, scale float64) bencherMetric {
	m := bencherMetric{Value: scale * iv.Value}
	if iv.Bounded() {
		lo, hi := scale*iv.Lo, scale*iv.Hi
		m.Lower, m.Upper = &lo, &hi
	}
	return m
}

package cells

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"iomodels/bench/record"
)

// Limit is a bound on a metric of every cell: "p99>10ms" is passed by a cell whose median is more.
type Limit struct {
	Text   string
	metric Metric
	passed func(v float64) bool
}

// errorsMetric counts the failed requests and connects of a block: no figure of its own in tables,
// but what people forbid first.
func errorsMetric() Metric {
	return Metric{Name: "errors", Unit: Count, Lower: true, Of: func(r record.Record) (float64, bool) {
		h := (&Group{OK: []record.Record{r}}).Health()
		return float64(h.Failures()), true
	}}
}

// suffixes are what may follow the number of a limit, with the factor to the base unit.
func suffixes() map[string]float64 {
	return map[string]float64{
		"": 1, "k": 1e3, "M": 1e6, "%": 1e-2, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9,
		"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9,
	}
}

// ParseLimit reads "METRIC>NUMBER" with a unit, as in 'p99>10ms', 'req/s<50k', 'errors>0'. The
// operators are >, >=, < and <=; metrics are named as in the glossary.
func ParseLimit(text string) (Limit, error) {
	parts := regexp.MustCompile(`^\s*(.+?)\s*(>=|<=|>|<)\s*([0-9.]+)\s*([a-zA-Zµ%]*)\s*$`).FindStringSubmatch(text)
	if parts == nil {
		return Limit{}, fmt.Errorf("limit %q: want METRIC>NUMBER, as in 'p99>10ms' or 'req/s<50k'", text)
	}
	metrics := append(Metrics(), errorsMetric())
	at := slices.IndexFunc(metrics, func(m Metric) bool { return m.Name == parts[1] })
	if at < 0 {
		var names []string
		for _, m := range metrics {
			names = append(names, m.Name)
		}
		return Limit{}, fmt.Errorf("limit %q: no metric %q (there are: %s)", text, parts[1], strings.Join(names, ", "))
	}
	bound, err := strconv.ParseFloat(parts[3], 64)
	factor, known := suffixes()[parts[4]]
	if err != nil || !known {
		return Limit{}, fmt.Errorf("limit %q: %q is no quantity", text, parts[3]+parts[4])
	}
	bound *= factor
	compare := map[string]func(v float64) bool{
		">": func(v float64) bool { return v > bound }, ">=": func(v float64) bool { return v >= bound },
		"<": func(v float64) bool { return v < bound }, "<=": func(v float64) bool { return v <= bound },
	}
	return Limit{Text: strings.TrimSpace(text), metric: metrics[at], passed: compare[parts[2]]}, nil
}

// Hold returns the cells that pass the limit, in words, and how many cells have the metric at all:
// a limit that nothing could pass holds nothing.
func (s *Set) Hold(l Limit) (passed []string, asked int) {
	for _, g := range s.groups {
		iv := g.Median(l.metric)
		if !iv.OK() {
			continue
		}
		asked++
		if l.passed(iv.Value) {
			passed = append(passed, fmt.Sprintf("%s, %s: %s %s", g.Cell.Model, Place(g.Cell), l.metric.Name,
				l.metric.Unit.Interval(iv)))
		}
	}
	return passed, asked
}

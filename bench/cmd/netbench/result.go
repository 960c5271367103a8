package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"iomodels/bench"
	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
)

// resultMetrics are the columns of the table a run ends with: what was served, what a user
// waited, what it cost, and how the cost compares with the generator's.
func resultMetrics() []cells.Metric {
	return []cells.Metric{
		cells.Throughput(), cells.Response(0.50), cells.Response(0.99),
		cells.ServerCPU(), cells.Norm(), cells.Syscalls(),
	}
}

// printResult prints one table row per cell, and what went wrong.
func (a *app) printResult(run *record.Run) error {
	for _, w := range run.Warnings {
		a.say("%s", w)
	}
	set := cells.New(run.Env, run.Records, "")
	metrics := resultMetrics()
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "CELL\tBLOCKS")
	for _, m := range metrics {
		fmt.Fprint(tw, "\t", strings.ToUpper(m.Name))
	}
	fmt.Fprintln(tw, "\tNOTE")
	for _, g := range set.Groups(func(record.Cell) bool { return true }) {
		if len(g.OK) == 0 {
			continue // said below
		}
		fmt.Fprintf(tw, "%s\t%d", bench.CellName(g.Cell), len(g.OK))
		for _, m := range metrics {
			fmt.Fprint(tw, "\t", median(g, m))
		}
		fmt.Fprintf(tw, "\t%s\n", note(g.Health()))
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	printGaps(a, run.Records)
	fmt.Fprintln(a.stdout, run.Dir)
	return nil
}

func median(g *cells.Group, m cells.Metric) string {
	iv := g.Median(m)
	if !iv.OK() {
		return "–"
	}
	return m.Unit.Format(iv.Value)
}

// note says in a word why a row must be read with care.
func note(h cells.Health) string {
	var parts []string
	if h.Verdict != "valid" {
		parts = append(parts, h.Verdict)
	}
	if n := h.Failures(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d errors", n))
	}
	return strings.Join(parts, ", ")
}

// printGaps lists what was skipped or failed, the same reason once.
func printGaps(a *app, records []record.Record) {
	count := map[string]int{}
	var order []string
	for _, rec := range records {
		text := ""
		switch {
		case rec.Skipped != "":
			text = "skipped: " + rec.Skipped
		case rec.Failed != "":
			text = "failed: " + bench.CellName(rec.Cell) + ": " + rec.Failed
		default:
			continue
		}
		if count[text]++; count[text] == 1 {
			order = append(order, text)
		}
	}
	for _, text := range order {
		fmt.Fprintf(a.stderr, "%s (%d cells)\n", text, count[text])
	}
}

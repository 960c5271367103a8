package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"iomodels/bench"
	"iomodels/bench/record"
	"iomodels/bench/report"
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
		fmt.Fprintf(a.stderr, "netbench: %s\n", w)
	}
	set := cells.New(run.Env, run.Records, "")
	groups := set.Groups(func(record.Cell) bool { return true })
	groups = slices.DeleteFunc(groups, func(g *cells.Group) bool { return len(g.OK) == 0 }) // reported apart
	if len(groups) > 0 {
		if err := a.printGroups(groups); err != nil {
			return err
		}
	}
	for _, t := range report.Verdicts(set) { // last, where they are seen
		fmt.Fprintf(a.stdout, "\n%s", t.Text())
	}
	for _, g := range gaps(run.Records, failed) {
		fmt.Fprintf(a.stderr, "failed in %d blocks: %s\n", g.cells, g.reason)
	}
	fmt.Fprintln(a.stdout, run.Dir)
	return nil
}

func (a *app) printGroups(groups []*cells.Group) error {
	metrics := resultMetrics()
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "CELL\tBLOCKS")
	for _, m := range metrics {
		fmt.Fprint(tw, "\t", strings.ToUpper(m.Name))
	}
	fmt.Fprintln(tw, "\tNOTE")
	for _, g := range groups {
		fmt.Fprintf(tw, "%s\t%d", bench.CellName(g.Cell), len(g.OK))
		for _, m := range metrics {
			fmt.Fprint(tw, "\t", median(g, m))
		}
		fmt.Fprintf(tw, "\t%s\n", note(g.Health()))
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
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

// gap is a reason for missing figures, and how many cells it cost.
type gap struct {
	reason string
	cells  int
}

// gaps collects reasons, each once, in the order in which they occurred. reasonOf returns ""
// for a record that lacks nothing.
func gaps(records []record.Record, reasonOf func(record.Record) string) []gap {
	var out []gap
	for _, rec := range records {
		reason := reasonOf(rec)
		if reason == "" {
			continue
		}
		i := slices.IndexFunc(out, func(g gap) bool { return g.reason == reason })
		if i < 0 {
			i = len(out)
			out = append(out, gap{reason: reason})
		}
		out[i].cells++
	}
	return out
}

func skipped(rec record.Record) string { return rec.Skipped }

func failed(rec record.Record) string {
	if rec.Failed == "" {
		return ""
	}
	return bench.CellName(rec.Cell) + ": " + rec.Failed
}

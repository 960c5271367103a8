package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"iomodels/bench"
	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
)

// compareVerdicts holds the verdicts of two runs against each other. Verdicts rest on ratios inside
// a run, so runs of two machines may be asked, too; they are told so.
func (a *app) compareVerdicts(runA, runB *record.Run) error {
	for _, differ := range machines(runA.Env, runB.Env) {
		a.say("note: different machines: %s", differ)
	}
	out := cells.Agree(cells.New(runA.Env, runA.Records, ""), cells.New(runB.Env, runB.Records, ""))
	if out.Pairs == 0 {
		return &exitError{exitUnavailable, errors.New("the runs share no verdict: each needs headlines with enough blocks")}
	}
	fmt.Fprintf(a.stdout, "%d pairs have a verdict in both runs: %d the same, %d shown different in one run only, "+
		"%d contradict\n", out.Pairs, out.Same, out.OneSided, len(out.Contradictions))
	for _, c := range out.Contradictions {
		fmt.Fprintf(a.stdout, "  %s\n", c)
	}
	if n := len(out.Contradictions); n > 0 {
		return &exitError{exitFailed, fmt.Errorf("%d verdicts contradict each other", n)}
	}
	return nil
}

// compareRatios prints the ratios of either run to its own baseline in columns of their own: all
// that runs of two machines may be asked.
func (a *app) compareRatios(runA, runB *record.Run) error {
	sets := [2]*cells.Set{cells.New(runA.Env, runA.Records, ""), cells.New(runB.Env, runB.Records, "")}
	metrics := []cells.Metric{cells.Norm(), cells.Throughput()}
	for i, set := range sets {
		fmt.Fprintf(a.stdout, "%c: %s, commit %s, ratios to %s\n", 'A'+i, cells.Machine(set.Env), cells.Commit(set.Env),
			set.Baseline)
	}
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "CELL")
	for _, m := range metrics {
		fmt.Fprintf(tw, "\tA: %s\tB: %s", m.Name, m.Name)
	}
	fmt.Fprintln(tw)
	common := 0
	for _, g := range sets[0].Groups(func(record.Cell) bool { return true }) {
		other := sets[1].Group(g.Cell)
		if other == nil || len(other.OK) == 0 || len(g.OK) == 0 || g.Cell.Model == sets[0].Baseline {
			continue
		}
		common++
		fmt.Fprint(tw, bench.CellName(g.Cell))
		for _, m := range metrics {
			fmt.Fprintf(tw, "\t%s\t%s", cells.Ratio.Interval(sets[0].Ratio(g, m)), cells.Ratio.Interval(sets[1].Ratio(other, m)))
		}
		fmt.Fprintln(tw)
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print ratios: %w", err)
	}
	if common == 0 {
		return &exitError{exitUnavailable, errors.New("the runs have no measured cell in common")}
	}
	return nil
}

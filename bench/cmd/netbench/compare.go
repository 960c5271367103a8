package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"iomodels/bench"
	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

func (a *app) compareCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Compare two runs cell by cell: B over A",
		Long: "Compare prints, for every cell that both runs have, the ratio of B to A with its interval. Two\n" +
			"runs are never of the same minute: the machine's own drift is in the absolute figures. The column\n" +
			"NORM, server CPU over generator CPU, is the one that drift leaves alone. ~ marks ratios whose\n" +
			"interval holds 1.",
		Example: "  netbench compare results/runs/before results/runs/after",
		Args:    cobra.ExactArgs(2),
		RunE:    func(_ *cobra.Command, args []string) error { return a.compare(args[0], args[1], force) },
	}
	cmd.Flags().BoolVar(&force, "force", false, "even if the runs are of different machines")
	return cmd
}

// comparedMetrics are the columns of a comparison.
func comparedMetrics() []cells.Metric {
	return []cells.Metric{cells.Norm(), cells.ServerCPU(), cells.Throughput(), cells.Response(0.99), cells.Syscalls()}
}

func (a *app) compare(dirA, dirB string, force bool) error {
	runA, err := a.openRun(dirA)
	if err != nil {
		return err
	}
	runB, err := a.openRun(dirB)
	if err != nil {
		return err
	}
	if differ := machines(runA.Env, runB.Env); len(differ) > 0 {
		if !force {
			return fmt.Errorf("the runs are of different machines (%s): their figures do not compare; "+
				"compare each with its own baseline, or say --force", strings.Join(differ, "; "))
		}
		a.say("warning: different machines: %s", strings.Join(differ, "; "))
	}
	setA, setB := cells.New(runA.Env, runA.Records, ""), cells.New(runB.Env, runB.Records, "")
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "CELL\tBLOCKS")
	for _, m := range comparedMetrics() {
		fmt.Fprint(tw, "\t", strings.ToUpper(m.Name))
	}
	fmt.Fprintln(tw)
	common := 0
	for _, g := range setA.Groups(func(record.Cell) bool { return true }) {
		other := setB.Group(g.Cell)
		if len(g.OK) == 0 || other == nil || len(other.OK) == 0 {
			continue
		}
		common++
		fmt.Fprintf(tw, "%s\t%d", bench.CellName(g.Cell), min(len(g.OK), len(other.OK)))
		for _, m := range comparedMetrics() {
			fmt.Fprint(tw, "\t", ratioText(g, other, m))
		}
		fmt.Fprintln(tw)
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print comparison: %w", err)
	}
	if common == 0 {
		return &exitError{exitUnavailable, fmt.Errorf("%s and %s have no measured cell in common", dirA, dirB)}
	}
	return nil
}

// ratioText is metric m of b over a: "0.94 [0.92–0.97]". Blocks of two runs are paired in their
// order: they share nothing that pairing could cancel, so these pairs are as good as any.
func ratioText(a, b *cells.Group, m cells.Metric) string {
	va, vb := a.Values(m), b.Values(m)
	n := min(len(va), len(vb))
	iv := stats.PairedRatio(vb[:n], va[:n], stats.Level)
	switch {
	case !iv.OK():
		return "–"
	case !iv.Bounded():
		return fmt.Sprintf("%.2f", iv.Value)
	}
	text := fmt.Sprintf("%.2f [%.2f–%.2f]", iv.Value, iv.Lo, iv.Hi)
	if iv.Contains(1) {
		text += " ~"
	}
	return text
}

// machines says in which respects two runs are not of one machine.
func machines(a, b record.Env) []string {
	var out []string
	for _, c := range [][3]string{{"host", a.Host, b.Host}, {"kernel", a.Kernel, b.Kernel}, {"CPU", a.CPU, b.CPU}} {
		if c[1] != c[2] {
			out = append(out, fmt.Sprintf("%s %q and %q", c[0], c[1], c[2]))
		}
	}
	return out
}

// openRun reads a run and says what is wrong with it.
func (a *app) openRun(dir string) (*record.Run, error) {
	run, err := record.Open(dir)
	if err != nil {
		return nil, err
	}
	for _, w := range run.Warnings {
		fmt.Fprintf(a.stderr, "netbench: %s\n", w)
	}
	if len(run.Records) == 0 {
		err := fmt.Errorf("%s holds no finished cell: netbench run --resume %s measures them", dir, dir)
		return nil, &exitError{exitFailed, err}
	}
	return run, nil
}

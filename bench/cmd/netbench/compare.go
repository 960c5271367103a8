package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"iomodels/bench"
	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

func (a *app) compareCommand() *cobra.Command {
	var force, verdicts, ratios bool
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Compare two runs cell by cell: B over A",
		Long: "Compare prints, for every cell that both runs have, the ratio of B to A with its interval. Two\n" +
			"runs are never of the same minute: the machine's own drift is in the absolute figures. The column\n" +
			"NORM, server CPU over generator CPU, is the one that drift leaves alone. ~ marks ratios whose\n" +
			"interval holds 1. Runs of two machines are refused; --ratios shows what they may be asked: each\n" +
			"run's ratios to its own baseline, apart.\n\n" +
			"--verdicts holds the verdicts of two runs against each other. Exit code 1: some pair of models was\n" +
			"called different in both, and each time the other way round. 3: they share no verdict.",
		Example: `  netbench compare results/runs/before results/runs/after
  netbench compare --verdicts results/reference results/runs/again`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			runA, runB, err := a.openRuns(args[0], args[1])
			switch {
			case err != nil:
				return err
			case verdicts:
				return a.compareVerdicts(runA, runB)
			case ratios:
				return a.compareRatios(runA, runB)
			}
			return a.compare(runA, runB, force)
		},
	}
	cmd.Flags().BoolVar(&verdicts, "verdicts", false, "do the verdicts of the two runs contradict each other?")
	cmd.Flags().BoolVar(&ratios, "ratios", false, "each run's ratios to its own baseline, apart")
	cmd.Flags().BoolVar(&force, "force", false, "even if the runs are of different machines")
	cmd.MarkFlagsMutuallyExclusive("verdicts", "ratios", "force")
	return cmd
}

// comparedMetrics are the columns of a comparison.
func comparedMetrics() []cells.Metric {
	return []cells.Metric{cells.Norm(), cells.ServerCPU(), cells.Throughput(), cells.Response(0.99), cells.Syscalls()}
}

func (a *app) openRuns(dirA, dirB string) (runA, runB *record.Run, err error) {
	if runA, err = a.openRun(dirA); err != nil {
		return nil, nil, err
	}
	runB, err = a.openRun(dirB)
	return runA, runB, err
}

func (a *app) compare(runA, runB *record.Run, force bool) error {
	if differ := machines(runA.Env, runB.Env); len(differ) > 0 {
		if !force {
			return fmt.Errorf("the runs are of different machines (%s): their figures do not compare; "+
				"--ratios compares each with its own baseline; --force mixes them", strings.Join(differ, "; "))
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
		return &exitError{exitUnavailable, fmt.Errorf("%s and %s have no measured cell in common", runA.Dir, runB.Dir)}
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

// machines says in which respects two runs are not of one machine. Runs from before machines had
// an identity are told apart by the rest.
func machines(a, b record.Env) []string {
	var out []string
	differ := func(what, a, b string) {
		if a != b {
			out = append(out, fmt.Sprintf("%s %q and %q", what, a, b))
		}
	}
	differ("host", a.Host, b.Host)
	differ("kernel", a.Kernel, b.Kernel)
	differ("CPU", a.CPU, b.CPU)
	if a.Identity != nil && b.Identity != nil {
		for _, key := range slices.Sorted(maps.Keys(a.Identity)) {
			differ(key, a.Identity[key], b.Identity[key])
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

package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

func (a *app) relabelCommand() *cobra.Command {
	var runs int
	var seed uint64
	cmd := &cobra.Command{
		Use:   "relabel RUN",
		Short: "Compare servers with themselves in stored slices: how often is there a false alarm?",
		Long: "Relabel deals the stored turns of each server out to an \"A\" and a \"B\", at random inside each block,\n" +
			"and compares the two. Every difference is a false alarm, under the noise of the real run. Exit code 1:\n" +
			"there are more of them than the tests promise.",
		Example: "  netbench relabel results/reference",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.relabel(args[0], runs, seed) },
	}
	cmd.Flags().IntVar(&runs, "runs", 2000, "pseudo-campaigns")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "of the dealing")
	return cmd
}

func (a *app) relabel(dir string, runs int, seed uint64) error {
	run, err := a.openRun(dir)
	if err != nil {
		return err
	}
	r := cells.New(run.Env, run.Records, "").Relabel(runs, seed)
	if r.Tests == 0 {
		return &exitError{exitUnavailable, errors.New("the run has no headline with slices of six blocks")}
	}
	share := func(n, of int) float64 { return 100 * float64(n) / float64(of) }
	fmt.Fprintf(a.stdout, "%d pseudo-campaigns, %d comparisons of a server with itself\n", r.Runs, r.Tests)
	fmt.Fprintf(a.stdout, "single test at 5 %%:          %5.2f %% alarmed, %.2f %% is its exact level\n",
		share(r.Alarms, r.Tests), 100*r.Nominal)
	fmt.Fprintf(a.stdout, "a campaign, after Holm:      %5.2f %% alarmed, at most 5 %% is promised\n",
		share(r.Families, r.Runs))
	fmt.Fprintf(a.stdout, "... and beyond the margin:   %5.2f %% would have had a false verdict\n", share(r.Verdicts, r.Runs))
	slack := 3 * math.Sqrt(stats.DefaultAlpha*(1-stats.DefaultAlpha)/float64(r.Runs))
	if float64(r.Families)/float64(r.Runs) > stats.DefaultAlpha+slack {
		return &exitError{exitFailed, errors.New("more false alarms than promised")}
	}
	return nil
}

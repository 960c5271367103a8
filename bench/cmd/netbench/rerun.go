package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"iomodels/bench/record"
)

func (a *app) rerunCommand() *cobra.Command {
	var opt runOptions
	var same bool
	cmd := &cobra.Command{
		Use:   "rerun RUN",
		Short: "Measure a run again: the same profile, models, loads, CPUs and baseline",
		Long: "Rerun makes a new run with the choices of an old one, in a folder of its own. Order and arrivals\n" +
			"are new as well, unless --same-seed replays them: two runs in one order share its luck.",
		Example: "  netbench rerun results/reference\n" +
			"  netbench rerun results/reference && netbench compare --verdicts results/reference results/runs/...",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.rerun(cmd.Context(), args[0], opt, same) },
	}
	f := cmd.Flags()
	f.StringVar(&opt.out, "out", "results/runs", "`folder` in which the run gets one of its own")
	f.BoolVar(&same, "same-seed", false, "replay order and arrivals, too")
	f.BoolVar(&opt.dryRun, "dry-run", false, "print the plan and how long it takes, and start nothing")
	f.StringArrayVar(&opt.failIf, "fail-if", nil, "exit code 1 if a `limit` is passed, as in 'p99>10ms'")
	return cmd
}

func (a *app) rerun(ctx context.Context, dir string, opt runOptions, same bool) error {
	old, err := record.Open(dir)
	if err != nil {
		return err
	}
	opt.adopt(old.Env)
	if !same {
		opt.seed = 0
	}
	if opt.profile == "" {
		return fmt.Errorf("%s does not say which profile it is of", dir)
	}
	return a.run(ctx, opt)
}

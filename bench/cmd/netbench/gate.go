package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"iomodels/bench/gate"
	"iomodels/bench/proc"
)

// gateFlags are the flags of gate.
type gateFlags struct {
	base, head, repo string
	models           []string
}

func (a *app) gateCommand() *cobra.Command {
	var f gateFlags
	cmd := &cobra.Command{
		Use:   "gate --base REV",
		Short: "Compare two builds by counts that no noise touches",
		Long: `Builds the servers of two commits, and counts what they do for a request and hold for a
connection: system calls (in lockstep, and when 64 requests arrive at once), allocations, resident
bytes. A count that rose, and rose again with fresh processes, fails the gate. Builds whose code
is equal byte for byte are not run. It says nothing about speed.

Exit code 0: nothing rose. 1: something did. 2: a build or a server failed. 3: undecided.`,
		Example: `  netbench gate --base main                    # the work tree against a branch
  netbench gate --base v1.0 --head v1.1 --models reactor,proactor`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.gate(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.base, "base", "", "`commit` to compare with")
	cmd.Flags().StringVar(&f.head, "head", "", "`commit` to judge (default: the work tree)")
	cmd.Flags().StringVar(&f.repo, "repo", ".", "`folder` of the repository")
	cmd.Flags().StringSliceVar(&f.models, "models", nil, "only these (default: all that vary no other)")
	return cmd
}

func (a *app) gate(ctx context.Context, f gateFlags) error {
	if f.base == "" {
		return errors.New("say which commit to compare with: --base REV")
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "netbench-gate-")
	if err != nil {
		return fmt.Errorf("make a folder for the builds: %w", err)
	}
	defer os.RemoveAll(dir)
	plan, err := a.gateBuilds(ctx, f, dir)
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case err != nil:
		return err
	case plan.Base.Code == plan.Head.Code:
		fmt.Fprintf(a.stdout, "%s and %s have the same code: nothing to count\n", plan.Base.Name, plan.Head.Name)
		return nil
	}
	cpus, err := proc.AllowedCPUs()
	if err != nil {
		return err
	}
	if len(cpus) < 2 {
		return &exitError{exitUnavailable, errors.New("counting needs a CPU each for server and client")}
	}
	plan.ServerCPU, plan.ClientCPU, plan.Notify = cpus[0], cpus[1], a.say
	rows, out, err := gate.Run(ctx, plan)
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case err != nil:
		return err
	}
	return a.gateVerdict(plan, rows, out)
}

// gateBuilds builds both sides; a side that does not build is an error with the compiler's words.
func (a *app) gateBuilds(ctx context.Context, f gateFlags, dir string) (gate.Plan, error) {
	plan := gate.Plan{Models: f.models, Effort: gate.Usual()}
	sides := [2]string{filepath.Join(dir, "base"), filepath.Join(dir, "head")}
	for _, side := range sides {
		if err := os.Mkdir(side, 0o755); err != nil {
			return plan, fmt.Errorf("make a folder for the builds: %w", err)
		}
	}
	var err error
	a.say("building %s", f.base)
	if plan.Base, err = gate.BuildCommit(ctx, f.repo, f.base, sides[0]); err != nil {
		return plan, fmt.Errorf("base: %w", err)
	}
	if f.head != "" {
		a.say("building %s", f.head)
		plan.Head, err = gate.BuildCommit(ctx, f.repo, f.head, sides[1])
	} else {
		a.say("building the work tree")
		plan.Head, err = gate.BuildTree(ctx, f.repo, "the work tree", sides[1])
	}
	if err != nil {
		return plan, fmt.Errorf("head: %w", err)
	}
	return plan, nil
}

// gateVerdict prints what was counted, and turns it into an exit code.
func (a *app) gateVerdict(plan gate.Plan, rows []gate.Row, out []string) error {
	fmt.Fprintf(a.stdout, "%s against %s\n", plan.Head.Name, plan.Base.Name)
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "MODEL\tCOUNT\tBASE\tHEAD\tMAY RISE BY\tVERDICT")
	worse := 0
	for _, r := range rows {
		if r.State == gate.Missing {
			fmt.Fprintf(tw, "%s\t%s\t–\t–\t–\tSKIPPED: %s\n", r.Model, r.Metric, r.Why)
			continue
		}
		verdict := string(r.State)
		if r.Why != "" {
			verdict += ": " + r.Why
		}
		if r.State == gate.Worse {
			worse++
		}
		fmt.Fprintf(tw, "%s\t%s\t%.3f\t%.3f\t%.3g\t%s\n", r.Model, r.Metric, r.Base, r.Head, r.Limit, verdict)
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print counts: %w", err)
	}
	for _, line := range out {
		fmt.Fprintf(a.stdout, "SKIPPED: %s\n", line)
	}
	verdict := gate.Decide(rows)
	switch {
	case verdict == gate.Fail:
		return &exitError{exitFailed, fmt.Errorf("%d counts rose", worse)}
	case verdict == gate.Inconclusive:
		return &exitError{exitUnavailable, errors.New("nothing rose, but not everything could be decided")}
	case len(rows) == 0:
		return &exitError{exitUnavailable, errors.New("the code differs, and no server could be compared")}
	}
	return nil
}

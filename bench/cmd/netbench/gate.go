package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"iomodels/bench"
	"iomodels/bench/duel"
	"iomodels/bench/gate"
	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
)

// gateFlags are the flags of gate.
type gateFlags struct {
	base, head, repo string
	models, stages   []string
	blocks           int
	slice            time.Duration
	seed             uint64
	out              string
	evenSame         bool
	headTags         string
}

func (a *app) gateCommand() *cobra.Command {
	var f gateFlags
	cmd := &cobra.Command{
		Use:   "gate --base REV",
		Short: "Compare two builds: counts that no noise touches, then time, side by side",
		Long: `Builds the servers of two commits, and counts what they do for a request and hold for a
connection: system calls (in lockstep, and when 64 requests arrive at once), allocations, resident
bytes. Then it times them, in alternating slices on one CPU, with fresh link layouts in every block.
What is worse beyond the limit, and again in fresh processes, fails the gate. Models whose code is
equal byte for byte are not run. A line "bench-accept: MODEL METRIC reason" in a commit message
after base accepts what is worse; metrics are syscalls, burst, allocs, bytes, cost, rate.

Exit code 0: nothing is worse. 1: something is. 2: a build or a server failed. 3: undecided.`,
		Example: `  netbench gate --base main                    # the work tree against a branch
  netbench gate --base v1.0 --head v1.1 --models reactor,proactor
  netbench gate --base main --stages counts --out out   # out/gate.md is the comment for a pull request`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.gate(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.base, "base", "", "`commit` to compare with")
	flags.StringVar(&f.head, "head", "", "`commit` to judge (default: the work tree)")
	flags.StringVar(&f.repo, "repo", ".", "`folder` of the repository")
	flags.StringSliceVar(&f.models, "models", nil, "only these (default: all that vary no other)")
	flags.StringSliceVar(&f.stages, "stages", []string{gate.StageCounts, gate.StageTimes}, "what to compare")
	flags.IntVar(&f.blocks, "blocks", 0, "timed blocks; 0, or too few: as many as the tests need, at least 12")
	flags.DurationVar(&f.slice, "slice", 200*time.Millisecond, "measured part of a timed slice")
	flags.Uint64Var(&f.seed, "seed", 0, "of layouts, order and load; 0: a new one, which is printed")
	flags.StringVar(&f.out, "out", "", "`folder` for gate.json and gate.md")
	flags.BoolVar(&f.evenSame, "even-same", false, "run models with equal code, too: what a gate says of them is noise")
	flags.StringVar(&f.headTags, "head-tags", "", "build `tags` of head alone: inject, to prove the gate")
	cmd.AddCommand(a.proveCommand())
	return cmd
}

func (f gateFlags) check() error {
	if f.base == "" {
		return errors.New("say which commit to compare with: --base REV")
	}
	known := []string{gate.StageCounts, gate.StageTimes}
	for _, s := range f.stages {
		if !slices.Contains(known, s) {
			return &bench.UnknownError{What: "stage", Name: s, Known: known}
		}
	}
	return nil
}

func (a *app) gate(ctx context.Context, f gateFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.seed == 0 {
		f.seed = uint64(time.Now().UnixNano())
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "netbench-gate-")
	if err != nil {
		return fmt.Errorf("make a folder for the builds: %w", err)
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	report, err := a.compareBuilds(ctx, f, dir)
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case err != nil:
		return err
	}
	report.Took = time.Since(began)
	return a.gateVerdict(report, f.out)
}

// compareBuilds builds both sides and runs the stages on whatever differs.
func (a *app) compareBuilds(ctx context.Context, f gateFlags, dir string) (gate.Report, error) {
	report := gate.Report{Seed: f.seed, Command: os.Args}
	base, head, err := a.gateBuilds(ctx, f, dir)
	if err != nil {
		return report, err
	}
	report.Base, report.Head = base.Name, head.Name
	same := map[string]bool{}
	if !f.evenSame {
		if report.Same = base.Code == head.Code; report.Same {
			report.Conclude()
			return report, nil
		}
		a.say("the code differs: looking for models whose own does not")
		if same, err = unchanged(ctx, base, head, dir); err != nil {
			return report, err
		}
	}
	if slices.Contains(f.stages, gate.StageCounts) {
		if report.Rows, report.Skipped, err = a.gateCounts(ctx, f, base, head, same); err != nil {
			return report, err
		}
	}
	if slices.Contains(f.stages, gate.StageTimes) {
		rows, skipped, err := a.gateTimes(ctx, f, base, head, same, dir)
		if err != nil {
			return report, err
		}
		report.Rows, report.Skipped = append(report.Rows, rows...), union(report.Skipped, skipped)
	}
	if report.Machine, err = a.machine(); err != nil {
		return report, err
	}
	accepted, wrong, err := gate.Acceptances(ctx, f.repo, f.base, orHEAD(f.head))
	if err != nil {
		return report, err
	}
	report.Rows, report.Warnings = gate.Accept(report.Rows, accepted), wrong
	report.Conclude()
	return report, nil
}

func orHEAD(head string) string {
	if head == "" {
		return "HEAD"
	}
	return head
}

// union is a with what b has besides.
func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// gateBuilds builds both sides; a side that does not build is an error with the compiler's words.
func (a *app) gateBuilds(ctx context.Context, f gateFlags, dir string) (base, head gate.Build, err error) {
	sides := [2]string{filepath.Join(dir, "base"), filepath.Join(dir, "head")}
	for _, side := range sides {
		if err := os.Mkdir(side, 0o755); err != nil {
			return base, head, fmt.Errorf("make a folder for the builds: %w", err)
		}
	}
	recipe := gate.Recipe{Layout: f.seed * 31}
	if f.headTags != "" {
		recipe.Flags = []string{"-tags=" + f.headTags}
	}
	a.say("building %s and %s", f.base, cmp.Or(f.head, "the work tree"))
	var building sync.WaitGroup
	var errBase, errHead error
	building.Go(func() {
		base, errBase = gate.BuildCommit(ctx, f.repo, f.base, sides[0], gate.Recipe{Layout: f.seed})
	})
	building.Go(func() {
		if f.head == "" {
			head, errHead = gate.BuildTree(ctx, f.repo, "the work tree", sides[1], recipe)
			return
		}
		head, errHead = gate.BuildCommit(ctx, f.repo, f.head, sides[1], recipe)
	})
	building.Wait()
	switch {
	case errBase != nil:
		return base, head, fmt.Errorf("base: %w", errBase)
	case errHead != nil:
		return base, head, fmt.Errorf("head: %w", errHead)
	}
	return base, head, nil
}

// unchanged finds the models whose code is equal.
func unchanged(ctx context.Context, base, head gate.Build, dir string) (map[string]bool, error) {
	var digests [2]map[string]string
	for i, b := range []gate.Build{base, head} {
		var err error
		if digests[i], err = b.Alone(ctx, filepath.Join(dir, []string{"base", "head"}[i])); err != nil {
			return nil, err
		}
	}
	return gate.Unchanged(digests[0], digests[1]), nil
}

func (a *app) gateCounts(
	ctx context.Context, f gateFlags, base, head gate.Build, same map[string]bool,
) ([]gate.Row, []string, error) {
	cpus, err := proc.AllowedCPUs()
	if err != nil {
		return nil, nil, err
	}
	if len(cpus) < 2 {
		return nil, nil, &exitError{exitUnavailable, errors.New("counting needs a CPU each for server and client")}
	}
	return gate.Run(ctx, gate.Plan{
		Base: base, Head: head, Same: same, Models: f.models, Effort: gate.Usual(),
		ServerCPU: cpus[0], ClientCPU: cpus[1], Notify: a.say,
	})
}

func (a *app) gateTimes(
	ctx context.Context, f gateFlags, base, head gate.Build, same map[string]bool, dir string,
) ([]gate.Row, []string, error) {
	programs, err := a.programs()
	if err != nil {
		return nil, nil, err
	}
	cpus, err := proc.AllowedCPUs()
	if err != nil {
		return nil, nil, err
	}
	return gate.Times(ctx, gate.Race{
		Base: base, Head: head, Same: same, Models: f.models, Blocks: f.blocks, Seed: f.seed, Dir: dir, Notify: a.say,
		Options: duel.Options{
			Slice: f.slice, Warmup: f.slice / 2, CPU: cpus[len(cpus)-1], Load: programs.Netload,
		},
	})
}

// machine says what the gate ran on.
func (a *app) machine() (string, error) {
	programs, err := a.programs()
	if err != nil {
		return "", err
	}
	env, err := record.Capture(programs, time.Now())
	if err != nil {
		return "", err
	}
	return cells.Machine(env), nil
}

// gateVerdict prints and writes what was found, and turns it into an exit code.
func (a *app) gateVerdict(report gate.Report, out string) error {
	if err := report.Text(a.stdout); err != nil {
		return err
	}
	if out != "" {
		if err := writeGate(report, out); err != nil {
			return err
		}
	}
	switch report.Verdict {
	case gate.Fail:
		return &exitError{exitFailed, errors.New(strings.ToLower(report.Headline()[:1]) + report.Headline()[1:])}
	case gate.Inconclusive:
		return &exitError{exitUnavailable, errors.New("nothing is shown to be worse, but not everything could be decided")}
	}
	return nil
}

// writeGate writes the report into a folder, for programs and as a comment.
func writeGate(report gate.Report, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write report of the gate: %w", err)
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("write report of the gate: %w", err)
	}
	return errors.Join(
		record.WriteWhole(filepath.Join(dir, "gate.json"), append(text, '\n')),
		record.WriteWhole(filepath.Join(dir, "gate.md"), []byte(report.Markdown())),
	)
}

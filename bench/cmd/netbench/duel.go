package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"iomodels/bench/duel"
	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
)

// duelFlags are the flags of duel.
type duelFlags struct {
	load       duel.Workload
	opt        duel.Options
	argsA      string
	argsB      string
	binA, binB string
	all        bool
	list       bool
	only       []string
	out        string
	resume     bool
	judged     string
	must, goal float64
}

func (a *app) duelCommand() *cobra.Command {
	var f duelFlags
	cmd := &cobra.Command{
		Use:   "duel [A B]",
		Short: "Compare the cost per request of two servers on one CPU, in alternating slices",
		Long: `Runs two servers and the load generator on one CPU, in short slices A B B A, both servers new in
every round, and prints A / B: the norm (server CPU over generator CPU in the same slice), total
CPU and server CPU per request, rate and p99, each with the exact 95 % interval over the rounds.

A side is a model, floor-epoll or floor-uring (built by make floor), MODEL:-FEATURE for a model
without a feature, or DIR:MODEL for a build in another folder. --all fights the committed duels, about
half a minute each; --out keeps every result as soon as it is there, in place of an earlier one of the
same pair, and --resume fights only those that it lacks.`,
		Example: `  netbench duel reactor gnet --conns 1000
  netbench duel proactor proactor:-multishot
  netbench duel reactor reactor --bin-a ../before/bin --proto http
  netbench duel --all --out results/reference/duels.jsonl --resume
  netbench duel --all --out results/reference/duels.jsonl --only 'proactor / reactor, echo of 64 B, 256'`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, sides []string) error { return a.duel(cmd.Context(), f, sides) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.load.Proto, "proto", "echo", "echo or http")
	flags.StringVar(&f.load.Path, "path", "", "HTTP request target")
	flags.IntVar(&f.load.Conns, "conns", 256, "connections")
	flags.IntVar(&f.load.Size, "size", 64, "bytes per echo message")
	flags.Float64Var(&f.load.Rate, "rate", 0, "offered requests per second; 0: closed loop")
	flags.IntVar(&f.load.Pipeline, "pipeline", 0, "requests in flight per connection")
	flags.IntVar(&f.load.RequestsPerConn, "requests-per-conn", 0, "then the connection is closed; 0: never")
	flags.IntVar(&f.opt.Rounds, "rounds", 12, "ABBA rounds")
	flags.DurationVar(&f.opt.Slice, "slice", 300*time.Millisecond, "measured part of a slice")
	flags.DurationVar(&f.opt.Warmup, "warmup", 100*time.Millisecond, "load before it")
	flags.IntVar(&f.opt.CPU, "cpu", -1, "the CPU of all three; -1: the last one allowed")
	flags.Uint64Var(&f.opt.Seed, "seed", 1, "of the generator")
	flags.StringVar(&f.argsA, "a-args", "", "further flags of server A, separated by spaces")
	flags.StringVar(&f.argsB, "b-args", "", "further flags of server B")
	flags.StringVar(&f.binA, "bin-a", "", "`folder` of the build of A (default: that of this program)")
	flags.StringVar(&f.binB, "bin-b", "", "`folder` of the build of B")
	flags.BoolVar(&f.all, "all", false, "fight all committed duels")
	flags.BoolVar(&f.list, "list", false, "with --all: only list them, and which of them --out holds")
	flags.StringArrayVar(&f.only, "only", nil, "with --all: only pairs whose line in --list contains this `text`")
	flags.StringVar(&f.out, "out", "", "keep results in this `file`, one JSON line per pair")
	flags.BoolVar(&f.resume, "resume", false, "with --out: leave out what it holds, of as many rounds or more")
	flags.StringVar(&f.judged, "by", duel.ByNorm, "what --must and --goal limit: norm, plain or rate")
	flags.Float64Var(&f.must, "must", 0, "fail (exit 1) when the ratio misses this")
	flags.Float64Var(&f.goal, "goal", 0, "only shown beside the ratio")
	return cmd
}

func (a *app) duel(ctx context.Context, f duelFlags, sides []string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	pairs, err := pairsOf(f, sides)
	if err != nil {
		return err
	}
	kept, err := duel.Kept(f.out)
	if err != nil {
		return err
	}
	if f.list {
		return a.listDuels(pairs, kept, f.opt.Rounds)
	}
	ring, err := a.arena(f)
	if err != nil {
		return err
	}
	missed := 0
	for i, pair := range pairs {
		if f.resume && pair.In(kept, f.opt.Rounds) {
			continue
		}
		a.say("duel %d/%d: %s", i+1, len(pairs), pair)
		held, err := ring.fight(ctx, pair)
		switch {
		case ctx.Err() != nil:
			return &exitError{exitInterrupted, errors.New("interrupted; finished duels are kept")}
		case err != nil && len(pairs) > 1:
			a.say("SKIPPED: %s: %v", pair, err)
		case err != nil:
			return err
		case !held:
			missed++
		}
	}
	if missed > 0 {
		return &exitError{exitFailed, fmt.Errorf("%d of %d duels missed what they must hold", missed, len(pairs))}
	}
	return nil
}

func pairsOf(f duelFlags, sides []string) ([]duel.Pair, error) {
	switch {
	case f.all && len(sides) > 0:
		return nil, errors.New("--all fights the committed duels: name no sides")
	case f.all:
		return slices.DeleteFunc(duel.Pairs(), func(p duel.Pair) bool {
			return len(f.only) > 0 && !slices.ContainsFunc(f.only, func(text string) bool {
				return strings.Contains(p.String(), text)
			})
		}), nil
	case f.list:
		return nil, errors.New("--list needs --all")
	case len(sides) != 2:
		return nil, errors.New("name two sides, for example: netbench duel reactor gnet")
	}
	return []duel.Pair{{A: sides[0], B: sides[1], Load: f.load, Judged: f.judged, Must: f.must, Goal: f.goal}}, nil
}

// listDuels prints a line per pair: what --only matches, what it must hold, and what is kept.
func (a *app) listDuels(pairs []duel.Pair, kept []duel.Result, rounds int) error {
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "PAIR\tBY\tMUST\tGOAL\tKEPT")
	for _, p := range pairs {
		fmt.Fprintf(tw, "%s\t%s\t%g\t%g\t%v\n", p, p.Judged, p.Must, p.Goal, p.In(kept, rounds))
	}
	return tw.Flush()
}

// arena is where duels are fought, with the choices of the command line.
type arena struct {
	duelFlags
	bin    [2]string // of A and B
	commit string
	print  func(duel.Result)
}

func (a *app) arena(f duelFlags) (*arena, error) {
	programs, err := a.programs()
	if err != nil {
		return nil, err
	}
	env, err := record.Capture(programs, time.Now())
	if err != nil {
		return nil, err
	}
	if f.opt.CPU < 0 {
		cpus, err := proc.AllowedCPUs()
		if err != nil {
			return nil, err
		}
		f.opt.CPU = cpus[len(cpus)-1]
	}
	f.opt.Load, f.opt.Notify = programs.Netload, a.say
	bin := filepath.Dir(programs.Netserve)
	return &arena{
		duelFlags: f, bin: [2]string{cmp.Or(f.binA, bin), cmp.Or(f.binB, bin)}, commit: cells.Commit(env),
		print: func(r duel.Result) { fmt.Fprint(a.stdout, r.Text()) },
	}, nil
}

// fight runs one duel, prints it, keeps it, and says whether it held what it must.
func (r *arena) fight(ctx context.Context, pair duel.Pair) (bool, error) {
	sideA, sideB := duel.SideOf(pair.A, r.bin[0]), duel.SideOf(pair.B, r.bin[1])
	sideA.Args = append(sideA.Args, strings.Fields(r.argsA)...)
	sideB.Args = append(sideB.Args, strings.Fields(r.argsB)...)
	for _, side := range []duel.Side{sideA, sideB} {
		if _, err := os.Stat(side.Program); errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("%s is missing: build it with `make build floor`", side.Program)
		}
	}
	res, err := duel.Fight(ctx, sideA, sideB, pair.Load, r.opt)
	if err != nil {
		return false, err
	}
	res.Judged, res.Must, res.Goal = pair.Judged, pair.Must, pair.Goal
	res.Commit, res.Finished = r.commit, time.Now().UTC().Truncate(time.Second)
	r.print(res)
	if r.out != "" {
		if err := duel.Keep(r.out, res); err != nil {
			return false, err
		}
	}
	return res.Must == 0 || res.Held(res.Must), nil
}

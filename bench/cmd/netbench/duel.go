package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"iomodels/bench/duel"
	"iomodels/bench/proc"
)

// duelFlags are the flags of duel.
type duelFlags struct {
	load       duel.Workload
	opt        duel.Options
	argsA      string
	argsB      string
	all        bool
	only       string
	out        string
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

A side is a model, floor-epoll or floor-uring (built by make floor), or DIR:MODEL for a build in
another folder. --all fights the committed duels; --out keeps the results for the report.`,
		Example: `  netbench duel reactor gnet --conns 1000
  netbench duel proactor reactor --size 65536
  netbench duel ../before/bin:reactor reactor --proto http
  netbench duel --all --out results/reference/duels.jsonl`,
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
	flags.BoolVar(&f.all, "all", false, "fight all committed duels")
	flags.StringVar(&f.only, "only", "", "with --all: only pairs whose name contains this")
	flags.StringVar(&f.out, "out", "", "append each result to this `file`, one JSON line")
	flags.StringVar(&f.judged, "by", duel.ByNorm, "what --must and --goal limit: norm, plain or rate")
	flags.Float64Var(&f.must, "must", 0, "fail (exit 1) when the ratio misses this")
	flags.Float64Var(&f.goal, "goal", 0, "only shown beside the ratio")
	return cmd
}

func (a *app) duel(ctx context.Context, f duelFlags, sides []string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	programs, err := a.programs()
	if err != nil {
		return err
	}
	if f.opt.CPU < 0 {
		cpus, err := proc.AllowedCPUs()
		if err != nil {
			return err
		}
		f.opt.CPU = cpus[len(cpus)-1]
	}
	f.opt.Load = programs.Netload
	f.opt.Notify = a.say
	bin := filepath.Dir(programs.Netserve)
	pairs, err := pairsOf(f, sides)
	if err != nil {
		return err
	}
	missed := 0
	for _, pair := range pairs {
		held, err := a.fight(ctx, f, pair, bin)
		switch {
		case ctx.Err() != nil:
			return &exitError{exitInterrupted, errors.New("interrupted; finished duels are kept")}
		case err != nil && len(pairs) > 1:
			a.say("SKIPPED: %s / %s: %v", pair.A, pair.B, err)
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
		var chosen []duel.Pair
		for _, p := range duel.Pairs() {
			if strings.Contains(p.A+"/"+p.B, f.only) {
				chosen = append(chosen, p)
			}
		}
		return chosen, nil
	case len(sides) != 2:
		return nil, errors.New("name two sides, for example: netbench duel reactor gnet")
	}
	return []duel.Pair{{A: sides[0], B: sides[1], Load: f.load, Judged: f.judged, Must: f.must, Goal: f.goal}}, nil
}

// fight runs one duel, prints it, keeps it, and says whether it held what it must.
func (a *app) fight(ctx context.Context, f duelFlags, pair duel.Pair, bin string) (bool, error) {
	sideA, sideB := duel.SideOf(pair.A, bin), duel.SideOf(pair.B, bin)
	sideA.Args, sideB.Args = strings.Fields(f.argsA), strings.Fields(f.argsB)
	for _, side := range []duel.Side{sideA, sideB} {
		if _, err := os.Stat(side.Program); errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("%s is missing: build it with `make build floor`", side.Program)
		}
	}
	res, err := duel.Fight(ctx, sideA, sideB, pair.Load, f.opt)
	if err != nil {
		return false, err
	}
	res.Judged, res.Must, res.Goal = pair.Judged, pair.Must, pair.Goal
	fmt.Fprint(a.stdout, res.Text())
	if f.out != "" {
		if err := keep(f.out, res); err != nil {
			return false, err
		}
	}
	return res.Must == 0 || res.Held(res.Must), nil
}

// keep appends a result, whole or not at all: one write of one line.
func keep(path string, res duel.Result) error {
	line, err := json.Marshal(res)
	if err != nil {
		return fmt.Errorf("keep duel: %w", err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep duel: %w", err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("keep duel in %s: %w", path, err)
	}
	return file.Sync()
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"iomodels/bench/generator"
	"iomodels/bench/proc"
)

// What the generator must hold.
const (
	generatorMust = 0.85 // of wrk's CPU time per request
	generatorGoal = 0.78
	lagP50Must    = 20 * time.Microsecond
	lagP99Must    = time.Millisecond
)

func (a *app) generatorCommand() *cobra.Command {
	var o generator.Options
	cmd := &cobra.Command{
		Use:   "generator",
		Short: "What the load generator costs beside wrk, and whether it is on time",
		Long: `Drives one HTTP server at saturation with netload and wrk (one thread each), in alternating slices,
and prints the ratio of their CPU time per request, each over the server's in the same slice. Then
measures netload's lag at a fixed rate. Needs two CPUs, quiet ones. Without wrk the comparison is
skipped, visibly.`,
		Example: "  netbench generator\n  netbench generator --rounds 24 --slice 2s" +
			"\n  netbench generator --before ../before/bin/netload",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.generator(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Model, "model", "reactor", "the server")
	f.IntVar(&o.Conns, "conns", 256, "keep-alive connections")
	f.IntVar(&o.Rounds, "rounds", 12, "ABBA rounds")
	f.DurationVar(&o.Slice, "slice", time.Second, "measured part of a slice")
	f.DurationVar(&o.Warmup, "warmup", 300*time.Millisecond, "load before it")
	f.Float64Var(&o.Rate, "rate", 20_000, "requests per second at which the lag is measured")
	f.DurationVar(&o.LagFor, "lag-for", 3*time.Second, "length of each of its three runs")
	f.StringVar(&o.Wrk, "wrk", "wrk", "the other generator; empty: none")
	f.StringVar(&o.Before, "before", "", "`file` of another build of netload, to compare with in wrk's place")
	return cmd
}

func (a *app) generator(ctx context.Context, o generator.Options) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	programs, err := a.programs()
	if err != nil {
		return err
	}
	cpus, err := proc.AllowedCPUs()
	if err != nil {
		return err
	}
	if len(cpus) < 2 {
		return &exitError{exitUnavailable, errors.New("server and generator need a CPU each, and there is one")}
	}
	o.Netserve, o.Netload, o.Notify = programs.Netserve, programs.Netload, a.say
	o.ServerCPU, o.ClientCPU = cpus[0], cpus[1]
	if o.Wrk, err = exec.LookPath(o.Wrk); err != nil && o.Before == "" {
		fmt.Fprintf(a.stdout, "SKIPPED: the comparison with wrk (%v; Debian has it in the package wrk)\n", err)
		o.Wrk = ""
	}
	res, err := generator.Measure(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return &exitError{exitInterrupted, errors.New("interrupted")}
		}
		return err
	}
	return a.judgeGenerator(o, res)
}

// judgeGenerator prints the result and says what was missed.
func (a *app) judgeGenerator(o generator.Options, res generator.Result) error {
	var missed []error
	if o.Peer() != "" {
		r := res.Ratio
		fmt.Fprintf(a.stdout, "client CPU per request, netload / %s: %.3f [%.3f, %.3f] (%.1f %% confidence,"+
			" %d ABBA rounds, %d slices repeated because others used the CPUs", o.Peer(),
			r.Value, r.Lo, r.Hi, 100*r.Confidence, len(res.Rounds), res.Repeated())
		if o.Before == "" {
			fmt.Fprintf(a.stdout, "; must be at most %.2f, goal %.2f", generatorMust, generatorGoal)
		}
		fmt.Fprintln(a.stdout, ")")
		if o.Before == "" && !(r.Value <= generatorMust) {
			missed = append(missed, fmt.Errorf("netload costs %.3f of wrk", r.Value))
		}
	}
	lag := res.Lag()
	fmt.Fprintf(a.stdout, "lag at %.0f requests per second: p50 %v, p99 %v (median of %d runs; must be at most"+
		" %v and %v)\n", o.Rate, lag.P50, lag.P99, len(res.Lags), lagP50Must, lagP99Must)
	if lag.P50 > lagP50Must || lag.P99 > lagP99Must {
		missed = append(missed, errors.New("the generator was late"))
	}
	if err := errors.Join(missed...); err != nil {
		return &exitError{exitFailed, err}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"iomodels/bench"
	"iomodels/bench/proc"
	"iomodels/bench/trace"
)

// traceFlags are the flags of trace.
type traceFlags struct {
	proto string
	burst int
	out   string
}

func (a *app) traceCommand() *cobra.Command {
	var f traceFlags
	cmd := &cobra.Command{
		Use:   "trace MODEL",
		Short: "Show the system calls of a quiet request and of a burst",
		Long: `Starts a model under ptrace (no root, no other program), sends it requests one at a time, then
a burst on as many connections, and prints the sequence of system calls that served a request, by
thread, and how many calls a request took in the burst. Other sequences that were seen follow
after "or". The Go runtime's calls for itself are left out here; they are in the file.

The order of calls is true. Their times are not: each call is stopped twice.

With --out the file also holds what the server says of itself, if netserve-probe is beside netserve
(make probe builds it, with -tags probe): the Go execution trace and the probes of the models, on the
same clock. Where ptrace is forbidden these are all there is, and the file says so; without --out
the exit code is then 3.`,
		Example: `  netbench trace reactor
  netbench trace proactor --proto http --burst 64 --out proactor.jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.trace(cmd.Context(), f, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.proto, "proto", "echo", "echo or http")
	flags.IntVar(&f.burst, "burst", 16, "requests of the burst, each on its own connection; 0: none")
	flags.StringVar(&f.out, "out", "", "write all events to this `file`, as JSON lines")
	return cmd
}

// quietRequests is how many requests are watched one by one.
const quietRequests = 5

func (a *app) trace(ctx context.Context, f traceFlags, model string) error {
	if f.burst < 0 || f.burst > 1000 {
		return fmt.Errorf("--burst is %d: want 0 to 1000", f.burst)
	}
	programs, err := a.programs()
	if err != nil {
		return err
	}
	if err := traceable(ctx, programs.Netserve, model, f.proto); err != nil {
		return err
	}
	plan := trace.Plan{
		Program: programs.Netserve, Model: model, Proto: f.proto, Quiet: quietRequests, Burst: f.burst,
	}
	if f.out != "" {
		plan.Full, plan.Program = true, probed(plan.Program)
	}
	t, err := trace.Capture(ctx, plan)
	if errors.Is(err, trace.ErrRefused) {
		return &exitError{exitUnavailable, err}
	}
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := writeTrace(f.out, t); err != nil {
			return err
		}
		a.say("%d events in %s", len(t.Events), f.out)
		for _, layer := range slices.Sorted(maps.Keys(t.Header.Missing)) {
			a.say("the layer %s is missing: %s", layer, t.Header.Missing[layer])
		}
		if t.Header.Missing[trace.Syscall] != "" {
			return nil // there are no calls to print
		}
	}
	a.printTrace(t)
	return nil
}

// probed is the program that says more of itself, if it was built.
func probed(netserve string) string {
	if _, err := os.Stat(netserve + "-probe"); err == nil {
		return netserve + "-probe"
	}
	return netserve
}

// traceable reports why a model cannot be asked for.
func traceable(ctx context.Context, netserve, model, protocol string) error {
	if err := bench.CheckNames("protocol", []string{protocol}, []string{"echo", "http"}); err != nil {
		return err
	}
	infos, err := proc.Models(ctx, netserve)
	if err != nil {
		return err
	}
	var known []string
	for _, m := range infos {
		known = append(known, m.Name)
		switch {
		case m.Name != model:
		case !m.Available:
			return &exitError{exitUnavailable, fmt.Errorf("%s is not available here: %s", model, m.Reason)}
		case !slices.Contains(m.Protocols, protocol):
			return fmt.Errorf("%s does not serve %s, only %s", model, protocol, strings.Join(m.Protocols, ", "))
		}
	}
	return bench.CheckNames("model", []string{model}, known)
}

func writeTrace(path string, t *trace.Trace) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return t.Write(file)
}

func (a *app) printTrace(t *trace.Trace) {
	h := t.Header
	fmt.Fprintf(a.stdout, "%s, %s: one request in silence (kernel %s)\n\n%s", h.Model, h.Proto, h.Kernel,
		trace.Usual(t.Sequences(trace.MarkSend), 1))
	for _, calls := range t.Calls(trace.MarkBurst) {
		fmt.Fprintf(a.stdout, "\n%d requests at once, on %d connections: %.2f calls each\n\n",
			h.Burst, h.Burst, float64(calls.Total())/float64(h.Burst))
		for _, name := range slices.Sorted(maps.Keys(calls)) {
			fmt.Fprintf(a.stdout, "%5d %s\n", calls[name], name)
		}
	}
}

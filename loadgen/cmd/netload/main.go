// Command netload drives one load against one server and prints what it measured. It is one
// loadgen.Plan in, one loadgen.Summary out; see package loadgen for what is measured and how.
//
// Exit codes: 0 the run was carried out; 1 not even the lowest rate keeps the objective (--slo);
// 2 bad usage, or the plan could not be carried out; 3 the run is invalid (the reasons are
// printed); 130 interrupted, with what there is printed.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"iomodels/loadgen"
)

// The exit codes.
const (
	exitOK          = 0
	exitMissed      = 1
	exitUsage       = 2
	exitInvalid     = 3
	exitInterrupted = 130
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	code := exitOK
	cmd := command(&code)
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "netload: %v\n", err)
		return exitUsage
	}
	return code
}

const examples = `  netload --addr 127.0.0.1:7000 --conns 256 --duration 10s
        closed loop: 256 connections, each sends when its reply has come. Shows the ceiling.
  netload --addr 127.0.0.1:7000 --conns 256 --rate 20k --arrival poisson --warmup 2s
        open loop: 20,000 requests per second, whatever the server does. Shows what users wait.
  netload --addr 127.0.0.1:8080 --proto http --conns 10k --ramp 5k/s --timeout 2s --json
        10,000 connections to an HTTP server, opened at 5,000 per second; the result as JSON.`

const help = `Examples:
` + examples + `

netload drives echo or HTTP/1.1 load and times every request from when it was due, so a stall is
felt by every request that became due meanwhile. It verifies every reply byte by byte, and judges
itself: a result says valid, suspect or invalid, and why.

Usage: netload --addr HOST:PORT [flags]
       netload selftest [--quick] [--only N,M] [--out FILE]    prove this program against known truths

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}

Numbers may end in k or m (10k), rates in /s (5k/s). Exit codes: 0 ran, 1 no rate keeps the --slo, 2 bad
usage or could not run, 3 the run is invalid, 130 interrupted. More: loadgen/README.md
`

func command(code *int) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "netload", Short: "drive a load and measure it", Example: examples,
		SilenceUsage: true, SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unexpected argument %q: everything is a flag, see --help", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := o.complete(cmd.Flags()); err != nil {
				return err
			}
			*code, err = o.run(cmd.Context())
			return err
		},
	}
	cmd.SetContext(context.Background())
	cmd.SetHelpTemplate(help)
	cmd.CompletionOptions.DisableDefaultCmd = true
	o.register(cmd.Flags())
	cmd.AddCommand(selftestCommand(code))
	cmd.AddCommand(helperCommands()...)
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return didYouMean(c.Flags(), err) })
	return cmd
}

// run carries out the plan and prints the result.
func (o *options) run(ctx context.Context) (int, error) {
	if o.tied {
		if err := dieWithParent(); err != nil {
			return exitUsage, err
		}
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	w := o.watcher()
	var histograms loadgen.Histograms
	summary, err := o.measure(ctx, w, loadgen.RunOptions{
		Phase: w.phase, Progress: w.tick,
		Histograms: func(h loadgen.Histograms) { histograms = h },
		Share:      func() *exec.Cmd { return exec.Command("/proc/self/exe", shareCommand) },
	})
	w.finish()
	if err != nil {
		return exitUsage, err
	}
	if err := o.write(os.Stdout, summary, histograms); err != nil {
		return exitUsage, err
	}
	switch {
	case summary.Interrupted:
		return exitInterrupted, nil
	case summary.Search != nil && !summary.Search.Kept:
		return exitMissed, nil
	case summary.Verdict == loadgen.Invalid:
		return exitInvalid, nil
	}
	return exitOK, nil
}

// measure carries out the plan once, or as often as a search needs.
func (o *options) measure(ctx context.Context, w *watcher, opt loadgen.RunOptions) (loadgen.Summary, error) {
	if o.slo == "" {
		return loadgen.Run(ctx, o.plan, opt)
	}
	objective, err := loadgen.ParseObjective(o.slo)
	if err != nil {
		return loadgen.Summary{}, err
	}
	return loadgen.FindRate(ctx, o.plan, objective, opt, w.probe)
}

// interruptible returns a context that the first SIGINT or SIGTERM ends: the run stops sending,
// drains and prints. The second ends the program at once.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		if _, ok := <-signals; !ok {
			return
		}
		cancel()
		if _, ok := <-signals; ok {
			os.Exit(exitInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

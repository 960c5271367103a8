// Netbench is the experiment on the command line: it runs a matrix of servers and loads,
// compares runs, and checks the machine.
//
//	netbench run                         the default matrix; a folder of results
//	netbench report results/runs/...     charts and tables of a run
//	netbench doctor                      is this machine fit to measure on?
//
// Results go to standard output, everything else to standard error. Exit codes, for all verbs:
// 0 ok, 1 a measurement failed or a threshold was missed, 2 usage or run error, 3 not available
// here, 130 interrupted (what was finished is kept).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"iomodels/bench"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnavailable = 3
	exitInterrupted = 130
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program, and returns its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := a.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit) && exit.err == nil:
		return exit.code
	case errors.As(err, &exit):
		fmt.Fprintf(stderr, "netbench: %v\n", exit.err)
		return exit.code
	}
	fmt.Fprintf(stderr, "netbench: %v\n", err)
	return exitUsage
}

// exitError is an error with its own exit code; a nil err has been told to the user already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d: %v", e.code, e.err) }

// app is what all verbs share.
type app struct {
	stdout, stderr io.Writer
	quiet          bool
	bin            string // folder of netserve and netload; "": beside netbench
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "netbench",
		Short: "Measure and compare network I/O models",
		Example: `  netbench run --profile quick
  netbench run --models goroutine,reactor --workloads closed
  netbench run --resume results/runs/20260101T120000Z-0123abc
  netbench compare results/runs/A results/runs/B`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "no progress on standard error")
	root.PersistentFlags().StringVar(&a.bin, "bin", "", "`folder` of netserve and netload (default: beside netbench)")
	root.SetFlagErrorFunc(explainFlag)
	root.AddCommand(
		a.runCommand(), a.reportCommand(), a.compareCommand(), a.listCommand(), a.doctorCommand(),
		a.duelCommand(), a.conformCommand(), a.exportCommand(), a.historyCommand(), a.explainCommand(), a.adviseCommand(),
		a.gateCommand(), a.traceCommand(), a.tracesCommand(), a.generatorCommand(),
		a.failCommand(), a.lessonCommand(), a.rerunCommand(), a.relabelCommand(),
	)
	return root
}

// explainFlag adds to an unknown flag which one may have been meant.
func explainFlag(cmd *cobra.Command, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return err
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) }) // inherited ones too
	return &bench.UnknownError{What: "flag", Name: "--" + name, Known: known}
}

// say tells the user something about what is going on.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

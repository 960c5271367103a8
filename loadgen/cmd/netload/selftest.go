package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"iomodels/loadgen"
	"iomodels/loadgen/oracle"
	"iomodels/loadgen/selftest"
)

const selftestHelp = `netload selftest proves this program: it runs experiments whose results are known
beforehand, and compares. Run it on an otherwise idle machine; it takes less than 20 minutes, with
--quick less than one. What each experiment shows, and a whole run: loadgen/SELFTEST.md

Exit codes: 0 nothing failed, 2 bad usage or a file could not be written, 3 a check failed, 130 interrupted.`

// selftestOptions are the command line of netload selftest.
type selftestOptions struct {
	quick bool
	only  string
	out   string
}

func selftestCommand(code *int) *cobra.Command {
	var o selftestOptions
	cmd := &cobra.Command{
		Use: "selftest", Short: "prove the generator against known truths", Long: selftestHelp,
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			*code, err = o.run(cmd.Context())
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.quick, "quick", false, "only arithmetic, conservation, faults, time-outs, ports and churn")
	f.StringVar(&o.only, "only", "", "only the experiments with these `numbers`: 1,4,12")
	f.StringVar(&o.out, "out", "", "write the table between the markers of `FILE` (a whole set: no --only)")
	cmd.SetHelpFunc(func(c *cobra.Command, _ []string) {
		fmt.Fprintf(c.OutOrStdout(), "%s\n\nFlags:\n%s", selftestHelp, c.Flags().FlagUsages())
	})
	return cmd
}

// shareCommand is what netload starts when a load needs several processes.
const shareCommand = "share"

// helperCommands are what netload and its self-test start in processes of their own.
func helperCommands() []*cobra.Command {
	return []*cobra.Command{
		{
			Use: "oracle", Hidden: true, Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
			RunE: func(*cobra.Command, []string) error {
				debug.SetGCPercent(-1) // it lives for a minute at most, and must not pause
				return oracle.Serve(os.Stdin, os.Stdout)
			},
		},
		{
			Use: shareCommand, Hidden: true, Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return loadgen.Share(cmd.Context(), os.Stdin, os.Stdout)
			},
		},
		{
			Use: "open-sockets", Hidden: true, Args: cobra.ExactArgs(2),
			SilenceUsage: true, SilenceErrors: true,
			RunE: func(_ *cobra.Command, args []string) error {
				n, err := strconv.Atoi(args[0])
				if err != nil {
					return err
				}
				return selftest.OpenSockets(os.Stdout, n, args[1] == "true")
			},
		},
	}
}

// spareTime is for measuring again what the machine disturbed; when it is spent there is no more, so
// that the whole stays below twenty minutes.
const spareTime = 100 * time.Second

// run carries out the chosen experiments, one after the other.
func (o *selftestOptions) run(ctx context.Context) (int, error) {
	chosen, err := o.chosen()
	if err != nil {
		return exitUsage, err
	}
	self, err := os.Executable()
	if err != nil {
		return exitUsage, err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	spare := spareTime
	lab := selftest.Lab{
		Program: func(args ...string) *exec.Cmd { return exec.Command(self, args...) },
		Witness: true, Spare: &spare,
	}
	report := selftest.Report{Began: time.Now(), Where: selftest.Here()}
	for _, e := range chosen {
		fmt.Fprintf(os.Stderr, "%2d %s: %s\n", e.Number, e.Name, e.Shows)
		r := lab.Do(ctx, e)
		if ctx.Err() != nil {
			return exitInterrupted, nil
		}
		report.Results = append(report.Results, r)
		if err := r.Text(os.Stdout); err != nil {
			return exitUsage, err
		}
	}
	report.Took = time.Since(report.Began)
	return o.conclude(os.Stdout, report)
}

func (o *selftestOptions) conclude(w io.Writer, report selftest.Report) (int, error) {
	fmt.Fprintln(w, report.Summary())
	if o.out != "" {
		if err := report.WriteInto(o.out); err != nil {
			return exitUsage, err
		}
	}
	if !report.OK() {
		return exitInvalid, nil
	}
	return exitOK, nil
}

// chosen returns the experiments that the flags ask for.
func (o *selftestOptions) chosen() ([]selftest.Experiment, error) {
	if o.only != "" && o.out != "" {
		return nil, errors.New("--only and --out exclude each other: a part would pass for the whole")
	}
	all := selftest.All()
	if o.only == "" {
		return slices.DeleteFunc(all, func(e selftest.Experiment) bool { return o.quick && !e.Quick }), nil
	}
	var some []selftest.Experiment
	for word := range strings.SplitSeq(o.only, ",") {
		number, err := strconv.Atoi(strings.TrimSpace(word))
		i := slices.IndexFunc(all, func(e selftest.Experiment) bool { return e.Number == number })
		if err != nil || i < 0 {
			return nil, fmt.Errorf("--only has %q: want numbers from 1 to %d", word, len(all))
		}
		some = append(some, all[i])
	}
	return some, nil
}

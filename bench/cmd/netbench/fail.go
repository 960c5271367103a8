package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"iomodels/bench/lab"
	"iomodels/bench/record"
)

// failFlags are the flags of fail.
type failFlags struct {
	json bool
	page string
	list bool
	play string
}

func (a *app) failCommand() *cobra.Command {
	var f failFlags
	cmd := &cobra.Command{
		Use:   "fail [F...]",
		Short: "Make I/O models fail on purpose, and show the remedy",
		Long: `Runs the failure lab: each row is a faulty and a fixed variant, and one claim that the first must
break and the second must keep. Without a number all rows are run; with one, the row is explained.
Exit code 1 if a row shows nothing. No root, loopback only, a second or two for each row.`,
		Example: `  netbench fail
  netbench fail 4
  netbench fail --json
  netbench fail --page bench/lab/LAB.md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.play != "" {
				return &exitError{code: lab.Play(f.play, a.stdout, a.stderr)}
			}
			return a.fail(cmd.Context(), f, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "as a JSON array")
	flags.BoolVar(&f.list, "list", false, "list the rows")
	flags.StringVar(&f.page, "page", "", "write the results into this Markdown `file`, between its markers")
	flags.StringVar(&f.play, "play", "", "(internal) be the child of a row, in this `part`")
	_ = flags.MarkHidden("play")
	return cmd
}

func (a *app) fail(ctx context.Context, f failFlags, args []string) error {
	rows, err := chooseRows(args)
	if err != nil {
		return err
	}
	if f.list {
		for _, row := range rows {
			fmt.Fprintf(a.stdout, "F%-3d %s\n", row.F, row.Name)
		}
		return nil
	}
	if f.page != "" && len(args) > 0 {
		return errors.New("--page wants all rows: name none")
	}
	env, err := a.labEnv()
	if err != nil {
		return err
	}
	var results []lab.Result
	for _, row := range rows {
		a.say("F%d %s", row.F, row.Name)
		results = append(results, lab.Run(ctx, env, row))
	}
	if err := a.printLab(f, len(args) > 0, rows, results); err != nil {
		return err
	}
	for _, r := range results {
		if !r.Passed && r.Skipped == "" {
			return &exitError{code: exitFailed}
		}
	}
	return nil
}

// chooseRows turns "4" or "F4" into rows; nothing is all of them.
func chooseRows(args []string) (chosen []lab.Row, err error) {
	all := lab.Rows()
	if len(args) == 0 {
		return all, nil
	}
	for _, arg := range args {
		n, err := strconv.Atoi(strings.TrimPrefix(strings.ToUpper(arg), "F"))
		if err != nil || n < 1 || n > len(all) {
			return nil, fmt.Errorf("no row %q: want 1 to %d; --list names them", arg, len(all))
		}
		chosen = append(chosen, all[n-1])
	}
	return chosen, nil
}

func (a *app) labEnv() (*lab.Env, error) {
	programs, err := a.programs()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	return &lab.Env{
		Netserve: programs.Netserve, Probed: probed(programs.Netserve), Self: []string{self, "fail", "--play"},
	}, nil
}

func (a *app) printLab(f failFlags, explain bool, rows []lab.Row, results []lab.Result) error {
	switch {
	case f.json:
		out := json.NewEncoder(a.stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		return out.Encode(results)
	case explain:
		for i, row := range rows {
			fmt.Fprintf(a.stdout, "%s\n", lab.Describe(row, results[i]))
		}
		fmt.Fprintln(a.stdout, lab.Count(results))
	default:
		fmt.Fprint(a.stdout, lab.Text(results))
	}
	if f.page == "" {
		return nil
	}
	old, err := os.ReadFile(f.page)
	if err != nil {
		return err
	}
	page, err := lab.Page(string(old), results, thisMachine())
	if err != nil {
		return fmt.Errorf("%s: %w", f.page, err)
	}
	return record.WriteWhole(f.page, []byte(page))
}

// thisMachine says on what the lab was run.
func thisMachine() string {
	kernel := "?"
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		kernel = unix.ByteSliceToString(name.Release[:])
	}
	return fmt.Sprintf("Run on %s: Linux %s, %s, %d processors.\n",
		time.Now().UTC().Format(time.DateOnly), kernel, runtime.Version(), runtime.NumCPU())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"iomodels/bench"
	"iomodels/bench/conform"
	"iomodels/bench/proc"
	"iomodels/bench/record"
)

// conformFlags are the flags of conform.
type conformFlags struct {
	addr     string
	behind   bool
	all      bool
	json     bool
	out      string
	verbose  bool
	patience conform.Patience
}

func (a *app) conformCommand() *cobra.Command {
	var f conformFlags
	cmd := &cobra.Command{
		Use:   "conform [MODEL...]",
		Short: "Check servers against the rules of HTTP/1.1, case by case",
		Long: `Plays test vectors, each with its section of RFC 9110 or 9112, against models of netserve or any
running server, lists what failed by section, and closes with "N passed, N failed". Exit code 1
if a case failed: libraries with a parser of their own do fail some, so --all exits with 1.

--behind-nginx puts nginx, where it is installed, in front of the model: what is checked is then
nginx, in its defaults.`,
		Example: `  netbench conform reactor
  netbench conform --all
  netbench conform --behind-nginx reactor
  netbench conform --all --out results/reference/conform.jsonl
  netbench conform --addr 127.0.0.1:8080 -v`,
		RunE: func(cmd *cobra.Command, models []string) error { return a.conform(cmd.Context(), f, models) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "addr", "", "check the server that listens here")
	flags.BoolVar(&f.all, "all", false, "check every model that speaks HTTP and runs here")
	flags.BoolVar(&f.behind, "behind-nginx", false, "check nginx, with the model behind it")
	flags.BoolVar(&f.json, "json", false, "print a JSON line for each server instead of a list")
	flags.StringVar(&f.out, "out", "", "keep results in this `file`, a JSON line for each server")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "list passed cases, too")
	flags.DurationVar(&f.patience.Reply, "patience", 2*time.Second, "wait for what must come")
	flags.DurationVar(&f.patience.Quiet, "quiet-time", 100*time.Millisecond, "watch a connection that must stay open")
	return cmd
}

func (a *app) conform(ctx context.Context, f conformFlags, models []string) error {
	programs, err := a.programs()
	if err != nil {
		return err
	}
	raw, err := proc.Vectors(ctx, programs.Netserve)
	if err != nil {
		return err
	}
	vectors, err := conform.Parse(raw)
	if err != nil {
		return err
	}
	var results []conform.Result
	if f.addr != "" {
		if f.all || f.behind || len(models) > 0 {
			return errors.New("--addr checks one running server: name no models beside it")
		}
		results = append(results, a.check(f, f.addr, f.addr, vectors))
	} else if results, err = a.checkModels(ctx, f, programs, models, vectors); err != nil {
		return err
	}
	return a.verdict(f, results)
}

func (a *app) checkModels(ctx context.Context, f conformFlags, programs record.Programs, models []string,
	vectors []conform.Vector,
) (results []conform.Result, err error) {
	chosen, err := conformers(ctx, programs, f.all, models)
	if err != nil {
		return nil, err
	}
	for _, model := range chosen {
		result, err := a.checkModel(ctx, f, programs, model, vectors)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

// conformers lists the models to check, each known, speaking HTTP, and available.
func conformers(ctx context.Context, programs record.Programs, all bool, names []string) ([]string, error) {
	infos, err := proc.Models(ctx, programs.Netserve)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, m := range infos {
		if m.Available {
			known = append(known, m.Name)
		}
	}
	if all {
		return known, nil
	}
	if len(names) == 0 {
		return nil, errors.New("name a model, or say --all or --addr HOST:PORT")
	}
	return names, bench.CheckNames("model", names, known)
}

func (a *app) checkModel(ctx context.Context, f conformFlags, programs record.Programs, model string,
	vectors []conform.Vector,
) (conform.Result, error) {
	server, err := proc.Serve(ctx, proc.ServerSpec{
		Program: programs.Netserve, Model: model, Proto: "http", ReadyWithin: 10 * time.Second,
	})
	if err != nil {
		return conform.Result{}, err
	}
	defer server.Stop(5 * time.Second)
	if !f.behind {
		return a.check(f, model, server.Addr, vectors), nil
	}
	front, err := startNginx(ctx, server.Addr)
	if err != nil {
		return conform.Result{}, err
	}
	defer front.stop()
	return a.check(f, front.name+" before "+model, front.addr, vectors), nil
}

func (a *app) check(f conformFlags, name, addr string, vectors []conform.Vector) conform.Result {
	outcomes := conform.Run(addr, vectors, f.patience)
	if !f.json {
		fmt.Fprint(a.stdout, conform.Text(name, outcomes, f.verbose))
	}
	return conform.ResultOf(name, outcomes)
}

// verdict keeps and prints what is asked for, and turns failed cases into the exit code.
func (a *app) verdict(f conformFlags, results []conform.Result) error {
	if f.json {
		lines, err := conform.Merge(nil, results)
		if err != nil {
			return err
		}
		a.stdout.Write(lines)
	}
	if f.out != "" {
		if err := keepResults(f.out, results); err != nil {
			return err
		}
	}
	var sum conform.Score
	for _, r := range results {
		sum.Passed, sum.Failed = sum.Passed+r.Passed, sum.Failed+r.Failed
	}
	if len(results) > 1 && !f.json {
		fmt.Fprintf(a.stdout, "all %d models\n%d passed, %d failed\n", len(results), sum.Passed, sum.Failed)
	}
	if sum.Failed > 0 {
		return &exitError{code: exitFailed}
	}
	return nil
}

// keepResults puts results into a file, in place of what it holds of the same servers.
func keepResults(path string, results []conform.Result) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	merged, err := conform.Merge(old, results)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return record.WriteWhole(path, merged)
}

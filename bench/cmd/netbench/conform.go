package main

import (
	"context"
	"errors"
	"fmt"
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
	all      bool
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
if a case failed.`,
		Example: `  netbench conform reactor
  netbench conform --all
  netbench conform --addr 127.0.0.1:8080 -v`,
		RunE: func(cmd *cobra.Command, models []string) error { return a.conform(cmd.Context(), f, models) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "addr", "", "check the server that listens here")
	flags.BoolVar(&f.all, "all", false, "check every model that speaks HTTP and runs here")
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
	if f.addr != "" {
		if f.all || len(models) > 0 {
			return errors.New("--addr checks one running server: name no models beside it")
		}
		return a.verdict(a.check(f, f.addr, f.addr, vectors))
	}
	chosen, err := conformers(ctx, programs, f.all, models)
	if err != nil {
		return err
	}
	var sum conform.Score
	for _, model := range chosen {
		score, err := a.checkModel(ctx, f, programs, model, vectors)
		if err != nil {
			return err
		}
		sum.Passed, sum.Failed = sum.Passed+score.Passed, sum.Failed+score.Failed
	}
	if len(chosen) > 1 {
		fmt.Fprintf(a.stdout, "all %d models\n%d passed, %d failed\n", len(chosen), sum.Passed, sum.Failed)
	}
	return a.verdict(sum)
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
) (conform.Score, error) {
	server, err := proc.Serve(ctx, proc.ServerSpec{
		Program: programs.Netserve, Model: model, Proto: "http", ReadyWithin: 10 * time.Second,
	})
	if err != nil {
		return conform.Score{}, err
	}
	defer server.Stop(5 * time.Second)
	return a.check(f, model, server.Addr, vectors), nil
}

func (a *app) check(f conformFlags, name, addr string, vectors []conform.Vector) conform.Score {
	outcomes := conform.Run(addr, vectors, f.patience)
	fmt.Fprint(a.stdout, conform.Text(name, outcomes, f.verbose))
	return conform.Sum(outcomes)
}

// verdict turns failed cases into the exit code.
func (a *app) verdict(s conform.Score) error {
	if s.Failed > 0 {
		return &exitError{code: exitFailed}
	}
	return nil
}

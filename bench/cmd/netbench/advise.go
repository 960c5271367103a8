package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"iomodels/bench/advise"
	"iomodels/bench/record"
)

func (a *app) adviseCommand() *cobra.Command {
	q := advise.Question{}
	var blocks, p99 time.Duration
	cmd := &cobra.Command{
		Use:   "advise [RUN...]",
		Short: "Which I/O model for your load? Read from measured runs, never from opinion",
		Long: "Advise looks for the measured load nearest to yours, ranks the models there by the figure that decides,\n" +
			"and cites the records it read. It says tie where intervals overlap, and not measured where nothing near\n" +
			"was. What your program cannot live with (--handler-blocks, --net-conn, --slow-peers) stands above every\n" +
			"figure. Without RUN it reads the runs under results/.",
		Example: `  netbench advise --conns 10000 --active 100 --rate 2000
  netbench advise --conns 64 --rate 0 --pipeline 16 --proto http
  netbench advise --conns 500 --rate 3000 --handler-blocks 5ms --p99 20ms --slow-peers`,
		RunE: func(_ *cobra.Command, dirs []string) error {
			q.HandlerBlocks, q.P99 = blocks > 0, p99.Seconds()
			return a.advise(q, dirs)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Proto, "proto", "http", "echo or http")
	f.IntVar(&q.Conns, "conns", 256, "open connections")
	f.IntVar(&q.Active, "active", 0, "of them, those that send requests; 0: all")
	f.Float64Var(&q.Rate, "rate", 0, "requests per second on all connections; 0: as many as are served")
	f.IntVar(&q.Pipeline, "pipeline", 1, "requests in flight per connection")
	f.DurationVar(&p99, "p99", 0, "`time` that 99 % of the responses must stay within; 0: no bound")
	f.DurationVar(&blocks, "handler-blocks", 0, "`time` for which a handler waits for something else")
	f.BoolVar(&q.NetConn, "net-conn", false, "the program needs a net.Conn: TLS, middleware, other packages")
	f.BoolVar(&q.SlowPeers, "slow-peers", false, "peers nobody vouches for: slow ones, and ones that never read")
	return cmd
}

func (a *app) advise(q advise.Question, dirs []string) error {
	runs, err := a.adviceRuns(dirs)
	if err != nil {
		return err
	}
	advice, err := advise.Ask(q, runs)
	if err != nil {
		return err
	}
	for _, line := range advice.Head() {
		fmt.Fprintln(a.stdout, line)
	}
	if len(advice.Rows) > 0 {
		fmt.Fprintf(a.stdout, "\n%s", advice.Table().Text())
	}
	if advice.At == nil || advice.Far {
		return &exitError{exitUnavailable, nil}
	}
	return nil
}

// adviceRuns opens the runs to read: those named, or whichever of the committed ones are there.
func (a *app) adviceRuns(dirs []string) ([]*record.Run, error) {
	named := len(dirs) > 0
	if !named {
		for _, dir := range []string{"quadrants", "reference", "handlers", "family"} {
			dirs = append(dirs, filepath.Join("results", dir))
		}
	}
	var runs []*record.Run
	for _, dir := range dirs {
		run, err := a.openRun(dir)
		switch {
		case err == nil:
			runs = append(runs, run)
		case named || !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("no run under results/: stand in the root of the suite, or name runs")
	}
	return runs, nil
}

package gate

import (
	"context"
	"fmt"
	"time"

	"iomodels/bench/proc"
	"iomodels/bench/stats"
	"iomodels/loadgen"
)

// The quantiles of response time that a stall is looked for in.
const (
	P50  = "p50 response time"
	P999 = "p99.9 response time"
)

// Tails measures two programs by turns, at a small offered load timed from the intended send,
// server and generator on a CPU each, and compares quantiles of response time. It is no part of
// the gate: it shows that a rare stall is visible in the figures, and where. Worse is what lies
// above base by more than half a millisecond, a quarter of the stall: a machine that wakes its sleepers
// late has most of the rest in its own p99.9.
func Tails(ctx context.Context, base, head, load, model string, cpus [2]int, slices int) ([]Row, error) {
	var p50, p999 [2][]float64
	for n := range 2 * slices {
		who := (n + n/2) % 2 // A B B A
		sum, err := tail(ctx, []string{base, head}[who], load, model, cpus)
		if err != nil {
			return nil, err
		}
		p50[who] = append(p50[who], float64(sum.Response.P50)/1e9)
		p999[who] = append(p999[who], float64(sum.Response.P999)/1e9)
	}
	rows := []Row{tailRow(model, P50, p50), tailRow(model, P999, p999)}
	return rows, nil
}

func tailRow(model, metric string, of [2][]float64) Row {
	const shows = 0.0005 // second
	row := Row{
		Model: model, Load: "echo ×64", Metric: metric, Limit: shows, State: Same,
		Base: stats.Median(of[0], stats.Level).Value, Head: stats.Median(of[1], stats.Level).Value,
	}
	if row.Head-row.Base > row.Limit {
		row.State = Worse
	}
	return row
}

// tail is a slice of load against a fresh server.
func tail(ctx context.Context, program, load, model string, cpus [2]int) (loadgen.Summary, error) {
	server, err := proc.Serve(ctx, proc.ServerSpec{
		Program: program, Model: model, Proto: "echo", CPUs: cpus[:1], ReadyWithin: 10 * time.Second,
	})
	if err != nil {
		return loadgen.Summary{}, err
	}
	defer server.Stop(patience)
	const window, warmup = 1500 * time.Millisecond, 200 * time.Millisecond
	l, err := proc.StartLoad(proc.LoadSpec{
		Program: load, CPUs: cpus[1:], Plan: loadgen.Plan{
			Addr: server.Addr, Proto: "echo", Conns: 64, Size: messageSize, Duration: window, Warmup: warmup,
			Arrival: "poisson", Rate: 5000, Timeout: patience, Seed: 1,
		},
	})
	if err != nil {
		return loadgen.Summary{}, err
	}
	select {
	case <-l.Exited():
	case <-time.After(window + warmup + 30*time.Second):
		l.Kill()
		return loadgen.Summary{}, fmt.Errorf("load on %s did not end in time: %s", server.Addr, l.Tail())
	case <-ctx.Done():
		l.Kill()
		return loadgen.Summary{}, context.Cause(ctx)
	}
	return l.Summary()
}

// Package generator measures the load generator as the other package duel measures servers: what
// does it cost, and is it on time?
//
// What it costs is compared with another generator, wrk. Both drive the same server at saturation,
// in slices that alternate, A B B A; server and client have a CPU each. The figure of a slice is
// the client's CPU time over the server's in the very same window: the server, which does the same
// work per request for both, is the yardstick that sees the machine's speed of the moment, and the
// number of requests cancels. The figure of a round is the ratio of netload's to wrk's, the result
// the Hodges-Lehmann estimate over the rounds with its exact interval. CPU time of both clients is
// read from outside, the same way; netload times, verifies and records every request meanwhile. A
// slice in which others used the two CPUs is repeated, whatever it showed.
//
// Whether it is on time is its own lag at a rate far below saturation, where it has to sleep and
// to wake up: when requests were sent against when they were due.
package generator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"iomodels/bench/proc"
	"iomodels/bench/stats"
	"iomodels/loadgen"
)

// Options says what is compared, and how long.
type Options struct {
	Netserve, Netload, Wrk string // programs; no Wrk: only the lag is measured
	Before                 string // another build of netload, to compare with in wrk's place
	Model                  string // the server
	Conns                  int
	Rounds                 int           // ABBA rounds; an interval at 95 % needs 6
	Slice, Warmup          time.Duration // measured part of a slice, and load before it
	ServerCPU, ClientCPU   int
	Rate                   float64       // requests per second, for the lag
	LagFor                 time.Duration // length of each of the runs that measure it
	Notify                 func(format string, args ...any)

	machine proc.MachineReader
}

// Round holds the figures of a round: client CPU over server CPU, geometric means of two slices.
type Round struct {
	Netload, Peer float64
	Repeated      int // slices repeated because somebody else used the CPUs
}

// Result is what was measured.
type Result struct {
	Ratio  stats.Interval // netload / peer: below 1, netload is cheaper
	Rounds []Round
	Lags   []Lag
}

// Repeated is how many slices were repeated.
func (r Result) Repeated() (n int) {
	for _, round := range r.Rounds {
		n += round.Repeated
	}
	return n
}

// Lag is how late one run's requests were sent.
type Lag struct{ P50, P99 time.Duration }

// lagRuns is how many runs measure the lag: the median of an odd number is one of them.
const lagRuns = 3

// level is the confidence of the interval.
const level = 0.95

// The bounds of what is waited for.
const (
	readyWithin = 10 * time.Second
	stopWithin  = 5 * time.Second
	clientLives = "60s" // longer than any slice: clients are killed when it is over
)

// Measure compares the generators, then measures the lag.
func Measure(ctx context.Context, o Options) (Result, error) {
	var res Result
	o.machine = proc.NewMachineReader()
	for n := 0; o.Peer() != "" && n < o.Rounds; n++ {
		r, err := o.round(ctx, n)
		if err != nil {
			return res, err
		}
		res.Rounds = append(res.Rounds, r)
		o.Notify("round %d/%d  netload %.3f, %s %.3f of the server's CPU: ratio %.3f", n+1, o.Rounds,
			r.Netload, o.Peer(), r.Peer, r.Netload/r.Peer)
	}
	var ours, theirs []float64
	for _, r := range res.Rounds {
		ours, theirs = append(ours, r.Netload), append(theirs, r.Peer)
	}
	res.Ratio = stats.PairedRatio(ours, theirs, level)
	for range lagRuns {
		lag, err := o.lag(ctx)
		if err != nil {
			return res, err
		}
		res.Lags = append(res.Lags, lag)
		o.Notify("lag at %.0f requests per second: p50 %v, p99 %v", o.Rate, lag.P50, lag.P99)
	}
	return res, nil
}

// Peer is what netload is compared with; empty: nothing.
func (o Options) Peer() string {
	if o.Wrk != "" && o.Before == "" {
		return filepath.Base(o.Wrk)
	}
	return o.Before
}

// Lag is the median of the runs, of each percentile.
func (r Result) Lag() Lag {
	var p50, p99 []float64
	for _, l := range r.Lags {
		p50, p99 = append(p50, float64(l.P50)), append(p99, float64(l.P99))
	}
	return Lag{
		P50: time.Duration(stats.Median(p50, level).Value), P99: time.Duration(stats.Median(p99, level).Value),
	}
}

func (o Options) serve(ctx context.Context) (*proc.Server, error) {
	return proc.Serve(ctx, proc.ServerSpec{
		Program: o.Netserve, Model: o.Model, Proto: "http", CPUs: []int{o.ServerCPU}, ReadyWithin: readyWithin,
	})
}

// round starts the server anew and lets the clients alternate; every second round the other one
// comes first.
func (o Options) round(ctx context.Context, n int) (Round, error) {
	server, err := o.serve(ctx)
	if err != nil {
		return Round{}, err
	}
	defer server.Stop(stopWithin)
	clients := [2]proc.Spec{
		{Path: o.Netload, Args: []string{
			"--addr", server.Addr, "--proto", "http", "--conns", fmt.Sprint(o.Conns), "--duration", clientLives,
		}},
		{Path: o.Wrk, Args: []string{
			"-t1", fmt.Sprintf("-c%d", o.Conns), "-d" + clientLives, "http://" + server.Addr + "/",
		}},
	}
	if o.Before != "" {
		clients[1] = proc.Spec{Path: o.Before, Args: clients[0].Args}
	}
	order := []int{0, 1, 1, 0}
	if n%2 == 1 {
		order = []int{1, 0, 0, 1}
	}
	var logs [2]float64
	var r Round
	for _, who := range order {
		cost, again, err := proc.Quietly(func() (float64, float64, error) {
			return o.slice(ctx, server, clients[who])
		})
		if err != nil {
			return Round{}, err
		}
		logs[who] += math.Log(cost) / 2
		r.Repeated += again
	}
	r.Netload, r.Peer = math.Exp(logs[0]), math.Exp(logs[1])
	return r, nil
}

// slice runs one client and returns its CPU time over the server's, and how much of a CPU neither
// of them used.
func (o Options) slice(ctx context.Context, server *proc.Server, spec proc.Spec) (cost, foreign float64, err error) {
	spec.CPUs = []int{o.ClientCPU}
	client, err := proc.Start(spec)
	if err != nil {
		return 0, 0, err
	}
	defer client.Kill()
	if err := pause(ctx, client, o.Warmup); err != nil {
		return 0, 0, err
	}
	from, err := o.look(client, server)
	if err != nil {
		return 0, 0, err
	}
	if err := pause(ctx, client, o.Slice); err != nil {
		return 0, 0, err
	}
	to, err := o.look(client, server)
	if err != nil {
		return 0, 0, err
	}
	ours, theirs := to.client-from.client, to.server-from.server
	if ours < o.Slice/10 || theirs < o.Slice/10 {
		return 0, 0, fmt.Errorf("%s used %v of CPU and the server %v in %v: there was no load, or %w",
			spec.Path, ours, theirs, o.Slice, proc.ErrStarved)
	}
	foreign = proc.Foreign(from.machine, to.machine, ours+theirs, to.at.Sub(from.at))
	return float64(ours) / float64(theirs), foreign, nil
}

// edge is a reading at one end of a slice: CPU times, and the machine.
type edge struct {
	at             time.Time
	client, server time.Duration
	machine        proc.MachineState
}

func (o Options) look(client *proc.Child, server *proc.Server) (e edge, err error) {
	e.at = time.Now()
	for _, side := range []struct {
		pids []int
		used *time.Duration
	}{{[]int{client.Pid()}, &e.client}, {server.PIDs, &e.server}} {
		cpu, err := proc.ReadCPU(side.pids...)
		if err != nil {
			return e, err
		}
		*side.used = cpu.Total
	}
	e.machine, err = o.machine.Read([]int{o.ServerCPU, o.ClientCPU})
	return e, err
}

// pause lets a client work.
func pause(ctx context.Context, client *proc.Child, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-client.Exited():
		return errors.New(proc.WithTail("the client ended early, "+client.Exit().String(), client.Tail()))
	}
}

// lag runs netload at a fixed rate.
func (o Options) lag(ctx context.Context) (Lag, error) {
	server, err := o.serve(ctx)
	if err != nil {
		return Lag{}, err
	}
	defer server.Stop(stopWithin)
	load, err := proc.StartLoad(proc.LoadSpec{
		Program: o.Netload, CPUs: []int{o.ClientCPU},
		Plan: loadgen.Plan{
			Addr: server.Addr, Proto: "http", Conns: o.Conns, Rate: o.Rate, Arrival: loadgen.ArrivalConstant,
			Warmup: o.Warmup, Duration: o.LagFor, Timeout: 5 * time.Second, Seed: 1,
		},
	})
	if err != nil {
		return Lag{}, err
	}
	select {
	case <-load.Exited():
	case <-ctx.Done():
		load.Kill()
		return Lag{}, context.Cause(ctx)
	}
	sum, err := load.Summary()
	if err != nil {
		return Lag{}, err
	}
	if sum.Lag.Count == 0 {
		return Lag{}, errors.New("no request was sent")
	}
	return Lag{P50: time.Duration(sum.Lag.P50), P99: time.Duration(sum.Lag.P99)}, nil
}

// Package duel compares two servers as sharply as a small shared machine allows.
//
// Server and generator share one CPU, so the cost of moving cache lines between two CPUs,
// which would double every figure and is nobody's merit, is gone. The sides alternate in short
// slices, A B B A, so that a drift of the machine's speed hits both alike. And each slice is
// measured with a yardstick that saw the same speed: the CPU time the generator spent on the
// very same requests. The figure of a slice is server CPU over generator CPU (the norm); the
// figure of a round is the ratio of A's norm to B's; the result is the Hodges-Lehmann estimate
// over the rounds with its exact interval. Both servers are new processes in every round: the
// luck of a memory layout is noise, too, and must be averaged.
//
// The norm assumes that the generator's work per request is the same against both servers. It
// is blind to a server that makes its clients dearer, so the ratio of total CPU (server and
// generator) stands beside it, and the ratio of plain server CPU beside that.
package duel

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"iomodels/bench/proc"
	"iomodels/bench/slice"
	"iomodels/bench/stats"
	"iomodels/loadgen"
)

// Side is one contestant: a program that takes netserve's command line, and what it runs.
type Side struct {
	Name    string   `json:"name"` // as shown: "reactor", "floor-epoll", "../old/bin:reactor"
	Program string   `json:"program"`
	Model   string   `json:"model"`
	Args    []string `json:"args,omitempty"` // further flags of the server
}

// Workload is the load of every slice.
type Workload struct {
	Proto           string  `json:"proto"`
	Path            string  `json:"path,omitempty"`
	Conns           int     `json:"conns"`
	Size            int     `json:"size"`
	Rate            float64 `json:"rate,omitempty"` // requests per second; 0: closed loop
	Pipeline        int     `json:"pipeline,omitempty"`
	RequestsPerConn int     `json:"requests_per_conn,omitempty"`
}

// Options says how to fight.
type Options struct {
	Rounds int           // ABBA rounds; an interval at 95 % needs 6
	Slice  time.Duration // measured part of a slice
	Warmup time.Duration // load before it
	CPU    int           // the one CPU of both sides and the generator
	Load   string        // program: netload
	Seed   uint64
	Notify func(format string, args ...any) // progress, one line each; may be nil
}

// Round holds the figures of one round, each the geometric mean of two slices.
type Round struct {
	NormA, NormB   float64 // server CPU over generator CPU
	PlainA, PlainB float64 // server CPU per request, seconds
	TotalA, TotalB float64 // server and generator CPU per request, seconds
	RateA, RateB   float64 // verified replies per second
	P99A, P99B     float64 // response time, seconds
	Repeated       int     // slices repeated because somebody else used the CPU
}

// Result is a finished duel. Every interval is a ratio A / B: below 1, A is cheaper.
type Result struct {
	A        Side           `json:"a"`
	B        Side           `json:"b"`
	Load     Workload       `json:"load"`
	Commit   string         `json:"commit,omitempty"` // of the code that was measured
	Finished time.Time      `json:"finished,omitzero"`
	Rounds   int            `json:"rounds"`
	SliceS   float64        `json:"slice_s"`
	Norm     stats.Interval `json:"norm"`
	Plain    stats.Interval `json:"plain"`
	Total    stats.Interval `json:"total"`
	Rate     stats.Interval `json:"rate"`
	P99      stats.Interval `json:"p99"`
	CostA    float64        `json:"cost_a_s"` // median server CPU per request, seconds
	CostB    float64        `json:"cost_b_s"`
	Repeated int            `json:"repeated"` // slices repeated because the CPU was shared
	Must     float64        `json:"must,omitempty"`
	Goal     float64        `json:"goal,omitempty"`
	Judged   string         `json:"judged,omitempty"` // which ratio is held against must and goal
}

// level is the confidence of every interval.
const level = 0.95

// Fight runs the rounds. It returns what the finished rounds say together with the error that
// ended the duel early, if any.
func Fight(ctx context.Context, a, b Side, load Workload, opt Options) (Result, error) {
	if opt.Notify == nil {
		opt.Notify = func(string, ...any) {}
	}
	cpu := []int{opt.CPU}
	ring := &arena{load: load, opt: opt, stand: &slice.Stand{
		Netload: opt.Load, Server: cpu, Load: cpu, Machine: proc.NewMachineReader(),
	}}
	var rounds []Round
	var err error
	for len(rounds) < opt.Rounds && err == nil {
		var r Round
		if r, err = ring.round(ctx, a, b, len(rounds)); err == nil {
			rounds = append(rounds, r)
			opt.Notify("%s / %s  round %d/%d  norm %.3f  total %.3f", a.Name, b.Name, len(rounds), opt.Rounds,
				r.NormA/r.NormB, r.TotalA/r.TotalB)
		}
	}
	return summarise(a, b, load, opt, rounds), err
}

func summarise(a, b Side, load Workload, opt Options, rounds []Round) Result {
	ratio := func(of func(Round) (float64, float64)) stats.Interval {
		var as, bs []float64
		for _, r := range rounds {
			x, y := of(r)
			as, bs = append(as, x), append(bs, y)
		}
		return stats.PairedRatio(as, bs, level)
	}
	res := Result{
		A: a, B: b, Load: load, Rounds: len(rounds), SliceS: opt.Slice.Seconds(),
		Norm:  ratio(func(r Round) (float64, float64) { return r.NormA, r.NormB }),
		Plain: ratio(func(r Round) (float64, float64) { return r.PlainA, r.PlainB }),
		Total: ratio(func(r Round) (float64, float64) { return r.TotalA, r.TotalB }),
		Rate:  ratio(func(r Round) (float64, float64) { return r.RateA, r.RateB }),
		P99:   ratio(func(r Round) (float64, float64) { return r.P99A, r.P99B }),
	}
	var costA, costB []float64
	for _, r := range rounds {
		costA, costB = append(costA, r.PlainA), append(costB, r.PlainB)
		res.Repeated += r.Repeated
	}
	res.CostA, res.CostB = stats.Median(costA, level).Value, stats.Median(costB, level).Value
	return res
}

// figures are what one slice measured.
type figures struct{ norm, plain, total, rate, p99 float64 }

// arena runs slices.
type arena struct {
	load  Workload
	opt   Options
	stand *slice.Stand
}

// readyWithin and stopWithin bound what a server may take to come and to go.
const (
	readyWithin = 10 * time.Second
	stopWithin  = 5 * time.Second
)

// round starts both servers anew and alternates A B B A, every second round B A A B: whoever
// comes first must not always be the same.
func (ar *arena) round(ctx context.Context, a, b Side, n int) (Round, error) {
	var sides [2]*proc.Server
	for i, side := range []Side{a, b} {
		server, err := proc.Serve(ctx, proc.ServerSpec{
			Program: side.Program, Model: side.Model, Proto: ar.load.Proto, Args: side.Args,
			CPUs: []int{ar.opt.CPU}, ReadyWithin: readyWithin,
		})
		if err != nil {
			return Round{}, fmt.Errorf("start %s: %w", side.Name, err)
		}
		defer server.Stop(stopWithin)
		sides[i] = server
	}
	order := []int{0, 1, 1, 0}
	if n%2 == 1 {
		order = []int{1, 0, 0, 1}
	}
	var mean [2]figures // logarithms, summed
	repeated := 0
	for i, who := range order {
		f, again, err := proc.Quietly(func() (figures, float64, error) {
			return ar.slice(ctx, sides[who], uint64(n*len(order)+i))
		})
		if err != nil {
			return Round{}, err
		}
		repeated += again
		mean[who] = mean[who].plusLog(f)
	}
	fa, fb := mean[0].exp(2), mean[1].exp(2)
	return Round{
		NormA: fa.norm, NormB: fb.norm, PlainA: fa.plain, PlainB: fb.plain, TotalA: fa.total, TotalB: fb.total,
		RateA: fa.rate, RateB: fb.rate, P99A: fa.p99, P99B: fb.p99, Repeated: repeated,
	}, nil
}

func (f figures) plusLog(g figures) figures {
	return figures{
		f.norm + math.Log(g.norm), f.plain + math.Log(g.plain), f.total + math.Log(g.total),
		f.rate + math.Log(g.rate), f.p99 + math.Log(g.p99),
	}
}

func (f figures) exp(n float64) figures {
	return figures{
		math.Exp(f.norm / n), math.Exp(f.plain / n), math.Exp(f.total / n), math.Exp(f.rate / n), math.Exp(f.p99 / n),
	}
}

// slice is one load against one server, and the share of the CPU that neither used. A request
// that failed is an error.
func (ar *arena) slice(ctx context.Context, server *proc.Server, n uint64) (figures, float64, error) {
	turn, err := ar.stand.Run(ctx, server, ar.plan(n))
	if err != nil {
		return figures{}, 0, err
	}
	f, err := judge(turn)
	return f, turn.Machine.ForeignCPU, err
}

func (ar *arena) plan(n uint64) loadgen.Plan {
	plan := loadgen.Plan{
		Proto: ar.load.Proto, Path: ar.load.Path, Conns: ar.load.Conns, Size: ar.load.Size,
		Duration: ar.opt.Slice, Warmup: ar.opt.Warmup, Rate: ar.load.Rate, Arrival: "closed",
		Pipeline: ar.load.Pipeline, RequestsPerConn: ar.load.RequestsPerConn,
		Timeout: 5 * time.Second, Seed: ar.opt.Seed + n,
	}
	if plan.Rate > 0 {
		plan.Arrival = "poisson"
	}
	return plan
}

// judge takes the figures of a slice in which every request was answered.
func judge(turn slice.Turn) (figures, error) {
	sum := turn.Summary
	if failed := sum.Requests.Sent - sum.Requests.OK - sum.Requests.InFlight; sum.Requests.OK == 0 || failed > 0 {
		return figures{}, fmt.Errorf("%s: %d of %d requests failed: %v",
			sum.Plan.Addr, failed, sum.Requests.Sent, sum.Requests.Errors)
	}
	ok, server, client := float64(sum.Requests.OK), turn.ServerS, turn.ClientS
	return figures{
		norm: server / client, plain: server / ok, total: (server + client) / ok,
		rate: sum.RatePerS, p99: max(float64(turn.P99), 1) / 1e9,
	}, nil
}

// SideOf reads a contestant from its name: a model of the netserve in bin, a floor server, or
// DIR:MODEL for a model of the build in another folder (an older commit, say). A model may be
// followed by what it shall do without, as in proactor:-multishot,deferral.
func SideOf(name, bin string) Side {
	side := Side{Name: name, Model: name}
	if model, features, ok := strings.Cut(name, without); ok {
		side.Model, side.Args = model, []string{"--without", features}
	}
	if colon := strings.LastIndexByte(side.Model, ':'); colon >= 0 {
		bin, side.Model = side.Model[:colon], side.Model[colon+1:]
	}
	program := "netserve"
	if strings.HasPrefix(side.Model, "floor-") {
		program = side.Model
	}
	side.Program = filepath.Join(bin, program)
	return side
}

// without stands between a model and the features that it shall do without.
const without = ":-"

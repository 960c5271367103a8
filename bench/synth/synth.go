// Package synth invents runs: records of the shape, spread and mishaps that a real campaign
// has, from a seed. Tests of whatever draws or tabulates records use it, so that charts with
// ten models can be looked at, and golden files compared, without a load test.
//
// Its figures are made up. No report may ever be built from them; nothing but tests imports it.
package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"iomodels/bench/record"
	"iomodels/loadgen"
)

// Options choose the run. The zero value is the default matrix with five blocks and no mishap.
type Options struct {
	Seed    uint64
	Blocks  int      // 0: 5
	Models  []string // nil: all ten; unknown names get the figures of the first
	Conns   []int    // closed loop; nil: 1, 100, 1,000, 10,000
	Topics  bool     // the profiles family and handlers instead of the default one
	Mishaps bool     // some cells are skipped, fail, see errors, or cannot count system calls
}

// character is what tells one model from another: the rest of a record follows from it.
type character struct {
	name, family string
	user, sys    float64 // server CPU per request at many connections, microseconds
	syscalls     float64 // per request
	memory       float64 // bytes per idle connection
	threads      int
	tail         float64 // how heavy the tail is
	http         bool    // HTTP only
}

func characters() []character {
	return []character{
		{"goroutine", "blocking", 2.4, 3.4, 3.0, 3700, 6, 1.0, false},
		{"thread", "blocking", 1.6, 4.6, 2.0, 17400, 4, 1.7, false},
		{"reactor", "reactor", 0.9, 3.1, 2.0, 160, 4, 0.5, false},
		{"reactor-et", "reactor", 0.9, 3.3, 2.1, 166, 4, 0.55, false},
		{"proactor", "proactor", 0.8, 2.7, 0.1, 90, 4, 0.4, false},
		{"proactor-emulated", "proactor", 1.2, 3.2, 2.05, 420, 4, 0.6, false},
		{"gnet", "library", 1.2, 3.2, 2.2, 592, 7, 0.65, false},
		{"netpoll", "library", 2.0, 3.7, 2.6, 3100, 6, 1.4, false},
		{"fasthttp", "library", 2.2, 3.4, 3.0, 8000, 6, 1.1, true},
		{"nethttp", "library", 5.6, 4.2, 3.2, 8200, 6, 1.6, true},
	}
}

// Run invents a run.
func Run(opt Options) *record.Run {
	if opt.Blocks == 0 {
		opt.Blocks = 5
	}
	if opt.Conns == nil {
		opt.Conns = []int{1, 100, 1000, 10000}
	}
	chosen := choose(opt.Models)
	run := &record.Run{Dir: "testdata/run", Env: environment(opt, chosen)}
	rng := rand.New(rand.NewPCG(opt.Seed, 0x5eed))
	for _, c := range chosen {
		if opt.Topics {
			run.Env.Plan = append(run.Env.Plan, topics(c)...)
		} else {
			run.Env.Plan = append(run.Env.Plan, plan(c, opt)...)
		}
	}
	for block := range opt.Blocks {
		machine := math.Exp(0.12 * rng.NormFloat64()) // the host's speed in that block
		for _, i := range rng.Perm(len(run.Env.Plan)) {
			cell := run.Env.Plan[i]
			c := chosen[slices.IndexFunc(chosen, func(c character) bool { return c.name == cell.Model })]
			if c.http && cell.Proto == "echo" {
				if block == 0 { // one record stands for all blocks
					run.Records = append(run.Records, record.Record{
						Seq: len(run.Records) + 1, Cell: cell,
						Skipped: "model " + c.name + " speaks http, not echo",
					})
				}
				continue
			}
			r := measure(c, cell, machine*math.Exp(0.02*rng.NormFloat64()))
			blur(&r, rng)
			r.Seq, r.Block = len(run.Records)+1, block
			r.Started = run.Env.Started.Add(time.Duration(r.Seq) * 3 * time.Second)
			if opt.Mishaps {
				mishap(&r)
			}
			run.Records = append(run.Records, r)
		}
	}
	return run
}

func choose(names []string) []character {
	all := characters()
	if names == nil {
		return all
	}
	var out []character
	for _, name := range names {
		c := all[0]
		if i := slices.IndexFunc(all, func(c character) bool { return c.name == name }); i >= 0 {
			c = all[i]
		}
		c.name = name
		out = append(out, c)
	}
	return out
}

// plan lists the cells of one block for a model.
func plan(c character, opt Options) []record.Cell {
	var cells []record.Cell
	for _, proto := range []string{"echo", "http"} {
		base := record.Cell{Model: c.name, Proto: proto, Topology: "split"}
		if proto == "echo" {
			base.Size = 64
		}
		for _, n := range opt.Conns {
			cell := base
			cell.Workload, cell.Conns = "closed", n
			cells = append(cells, cell)
		}
		for _, rate := range []float64{5e3, 10e3, 20e3, 40e3, 60e3} {
			cell := base
			cell.Workload, cell.Conns, cell.Rate = "open", 256, rate
			cells = append(cells, cell)
		}
		short, norm := base, base
		short.Workload, short.Conns = "short", 64
		norm.Workload, norm.Conns, norm.Topology = "closed", 256, "shared"
		cells = append(cells, short, norm)
	}
	return cells
}

// measure invents one record; machine scales every time.
func measure(c character, cell record.Cell, machine float64) record.Record {
	user, sys := c.user, c.sys
	if cell.Proto == "http" {
		user, sys = user*1.25+0.2, sys*1.05
	}
	if cell.Topology == "split" {
		sys *= 1.6 // cache lines cross between the CPUs
	}
	if cell.Workload == "short" {
		user, sys = user*3, sys+18
	}
	user, sys = strain(c, cell, user, sys)
	cpu := (user + sys) * machine * 1e-6
	client := 4.8e-6 * machine
	rate := achievedRate(cell, cpu, client, machine)
	median := float64(cell.Conns) / rate
	if cell.Rate > 0 {
		load := cell.Rate * cpu
		median = 30e-6*machine + cpu/max(1-load, 0.02)
	}
	const elapsed = 3.0
	ok := uint64(rate * elapsed)
	return record.Record{
		V: record.Version, Cell: cell, TookS: elapsed + 1.2,
		Load:    load(c, cell, ok, elapsed, rate, median, client),
		Server:  usage(c, cell, ok, cpu, user/(user+sys)),
		Command: []string{"netload", "--proto", cell.Proto, "--conns", fmt.Sprint(cell.Conns), "--json"},
	}
}

// achievedRate is what a closed loop reaches, or what an open loop is offered and can serve.
func achievedRate(cell record.Cell, cpu, client, machine float64) float64 {
	capacity := 1 / max(cpu, client)
	if cell.Topology == "shared" {
		capacity = 1 / (cpu + client)
	}
	if cell.Rate > 0 {
		return min(cell.Rate, capacity)
	}
	crowd := 1 + 0.09*max(math.Log10(float64(cell.Conns))-2, 0) // caches grow cold
	roundTrip := cpu + client + 40e-6*machine                   // two wake-ups a request
	return min(float64(cell.Conns)/roundTrip, capacity/crowd)
}

func load(
	c character, cell record.Cell, ok uint64, elapsed, rate, median, client float64,
) loadgen.Summary {
	s := loadgen.Summary{
		Plan: loadgen.Plan{
			Proto: cell.Proto, Conns: cell.Conns, Size: cell.Size, Rate: cell.Rate, Arrival: "closed",
			Duration: time.Duration(elapsed * float64(time.Second)), Warmup: time.Second,
			RampPerS: 5000, Pipeline: 1,
		},
		ElapsedS: elapsed, RatePerS: rate, Verdict: "valid",
		Requests: loadgen.Requests{Scheduled: ok, Sent: ok, OK: ok, Errors: map[string]uint64{}},
		Connections: loadgen.Connections{
			Target: cell.Conns, Opened: uint64(cell.Conns), Peak: cell.Conns, Failed: map[string]uint64{},
		},
		Response:  distribution(ok, median, c.tail),
		Connect:   distribution(uint64(cell.Conns), 90e-6, c.tail),
		Intervals: intervals(cell.Conns, elapsed),
		Generator: loadgen.Generator{CPUS: client * float64(ok), CPUUserS: client * float64(ok) / 4},
	}
	s.Generator.CPUSysS = s.Generator.CPUS - s.Generator.CPUUserS
	if cell.Mix != "" {
		s.Kinds = []loadgen.Kind{{Path: "/", Share: 0.99, Response: s.Response}}
	}
	if cell.Rate > 0 {
		s.Plan.Arrival = "poisson"
		s.Requests.Scheduled = uint64(cell.Rate * elapsed)
		s.Requests.Unsent = s.Requests.Scheduled - min(ok, s.Requests.Scheduled)
	}
	if cell.Workload == "short" {
		s.Plan.RequestsPerConn = 1
		s.Connections.Opened = ok
		s.Connect.Count = ok
	}
	return s
}

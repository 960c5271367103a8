package synth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"iomodels/bench/record"
	"iomodels/loadgen"
)

// distribution invents a latency with a log-normal body and a second, slower mode in the
// tail: what collections of garbage and preemptions do.
func distribution(n uint64, median, tail float64) loadgen.Latency {
	at := func(q float64) int64 {
		z := math.Sqrt2 * math.Erfinv(2*q-1)
		body := median * math.Exp(0.16*(1+tail)*z)
		stall := 0.4e-3 * tail * math.Pow(1-q, -0.42) / math.Pow(1e-3, -0.42)
		return int64(1e9 * (body + stall))
	}
	l := loadgen.Latency{
		Count: n, Mean: float64(at(0.5)) * 1.05,
		P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), P9999: at(0.9999),
	}
	if n == 0 {
		return loadgen.Latency{}
	}
	last := 1 - 1/float64(n)
	l.Max = at(1 - 0.5/float64(n))
	for x := 0.0; ; x += 0.1 {
		q := 1 - math.Pow(10, -x)
		if q >= last {
			return l
		}
		l.Curve = append(l.Curve, loadgen.Quantile{Q: q, NS: at(max(q, 1e-4))})
	}
}

// intervals invents the time series of a run: a ramp of 5,000 connections a second, warm-up,
// measurement, drain.
func intervals(conns int, elapsed float64) []loadgen.Interval {
	const tick, rampPerTick = 0.1, 500
	var out []loadgen.Interval
	open := 0
	rampEnd := math.Ceil(float64(conns)/rampPerTick) * tick
	end := rampEnd + 1 + elapsed
	for i := 1; float64(i)*tick <= end+tick/2; i++ {
		at := float64(i) * tick
		iv := loadgen.Interval{AtS: math.Round(at*1000) / 1000, Phase: "measure"}
		opened := min(rampPerTick, conns-open)
		open += opened
		iv.Opened, iv.Open = uint64(opened), open
		switch {
		case at <= rampEnd:
			iv.Phase = "ramp"
		case at <= rampEnd+1:
			iv.Phase = "warmup"
		}
		out = append(out, iv)
	}
	return out
}

func usage(c character, cell record.Cell, ok uint64, cpu, userShare float64) record.Usage {
	total := cpu * float64(ok)
	held := float64(cell.Conns + cell.Idle)
	threads := c.threads
	if c.name == "thread" {
		threads += cell.Conns
	}
	const base = 6 << 20
	u := record.Usage{
		CPUS: total, CPUUserS: total * userShare, CPUSysS: total * (1 - userShare),
		Voluntary: ok / 40, Involuntary: ok / 900, Threads: threads,
		RSSBase: base, RSSPeak: base + int64(c.memory*held*1.3), Syscalls: c.syscalls * float64(ok),
	}
	if held >= 1000 {
		u.RSSIdle = base + int64(c.memory*held)
		u.KernelIdle = int64(9300*held) + int64(16500*(threads-c.threads))
	}
	return u
}

// blur gives each cost a noise of its own, so that not every ratio is exact.
func blur(r *record.Record, rng *rand.Rand) {
	scale := func(sd float64) float64 { return math.Exp(sd * rng.NormFloat64()) }
	work := scale(0.008)
	for _, part := range []*float64{&r.Server.CPUS, &r.Server.CPUUserS, &r.Server.CPUSysS} {
		*part *= work
	}
	r.Server.Syscalls *= scale(0.01)
	if r.Server.RSSIdle > 0 {
		r.Server.RSSIdle = r.Server.RSSBase + int64(float64(r.Server.RSSIdle-r.Server.RSSBase)*scale(0.02))
		r.Server.KernelIdle = int64(float64(r.Server.KernelIdle) * scale(0.03))
	}
	u := &r.Server
	u.AnonBase, u.AnonPeak = u.RSSBase/2, u.RSSBase/2+u.RSSPeak-u.RSSBase
	if u.RSSIdle > 0 {
		u.AnonIdle = u.AnonBase + u.RSSIdle - u.RSSBase
	}
}

// mishap spoils some records the way real runs are spoiled.
func mishap(r *record.Record) {
	c := r.Cell
	spoil := func(skipped, failed string) {
		r.Skipped, r.Failed = skipped, failed
		r.Load, r.Server = loadgen.Summary{}, record.Usage{}
	}
	switch {
	case c.Model == "thread" && c.Proto == "http" && c.Conns >= 10000:
		spoil("10,000 threads need kernel.threads-max above 20,000; it is 7,800. Fix: raise it with sysctl", "")
	case c.Model == "netpoll" && c.Proto == "echo" && c.Conns >= 10000 && r.Block == 1:
		spoil("", "netserve exited with code 2 in mid-cell\npanic: index out of range\ngoroutine 12")
	case c.Model == "gnet" && c.Workload == "open" && c.Rate >= 60e3:
		r.Load.Verdict = "invalid"
		r.Load.Reasons = []string{"the generator was late: 1 of 100 requests was due 3 ms before"}
	case c.Model == "thread" && c.Workload == "closed" && c.Conns == 1000:
		r.Load.Verdict = "suspect"
		r.Load.Reasons = []string{fmt.Sprintf("a loop used %d %% of a processor", 96+r.Block%4)}
	case c.Model == "nethttp" && c.Conns >= 10000:
		r.Load.Requests.Errors["reset"] = 12
		r.Load.Requests.Timeouts = 3
		r.Load.Connections.Peak = c.Conns - 7
		r.Load.Connections.Failed["timeout"] = 7
	}
	if c.Model == "proactor" {
		r.Server.Syscalls = -1
		r.Warnings = []string{"system calls were not counted: perf_event_paranoid is 3"}
	}
}

func environment(opt Options, chosen []character) record.Env {
	env := record.Env{
		V: record.Version, Commit: "0123abc", Command: []string{"netbench", "run", "--profile", "default"},
		Profile: "default", Seed: 42, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Kernel: "6.18", CPU: "Invented CPU", CPUs: 2, MemoryMB: 8000, Go: "go1.26", Congestion: "cubic",
		Nofile: 20000, Blocks: opt.Blocks,
		Limits: map[string]string{
			"somaxconn": "4096", "ip_local_port_range": "32768 60999", "io_uring": "allowed",
		},
		Modules: map[string]string{"gnet": "v2.9.7", "netpoll": "v0.7.2", "fasthttp": "v1.74.0"},
	}
	for _, c := range chosen {
		info := record.ModelInfo{
			Name: c.name, Family: c.family, Available: true,
			Summary:   fmt.Sprintf("an invented %s model", c.family),
			Protocols: []string{"echo", "http"},
			Card: map[string]string{
				"loops": "one per CPU", "buffers": "one per loop", "copies": "one", "sockets": "as everybody's",
				"parser": "ours", "handler": "where the bytes were read",
			},
		}
		if c.http {
			info.Protocols = []string{"http"}
			info.Card["parser"] = "its own"
		}
		if c.name == "gnet" {
			info.KnownLimits = []record.KnownLimit{
				{Case: "half-close", Reason: "drops what it still owes at the peer's FIN"},
			}
		}
		env.Models = append(env.Models, info)
	}
	return env
}

package duel

import (
	"fmt"
	"slices"
)

// Pair is a duel worth repeating: a claim of the suite, with the ratio that holds it (Must) and
// the one aimed at (Goal). Judged names the ratio that is held against them.
type Pair struct {
	A, B   string
	Load   Workload
	Judged string // "norm", "plain" (server CPU per request), "rate" (replies or connections per second)
	Must   float64
	Goal   float64
}

// Ratios that a Pair can be judged by. Norm is the sharpest; it is blind to a server that makes
// its clients dearer (large messages) and to work done far below saturation, where plain server
// CPU is the figure; and a rate is judged from below.
const (
	ByNorm  = "norm"
	ByPlain = "plain"
	ByRate  = "rate"
)

// String names the pair and its load; no two committed pairs share a name.
func (p Pair) String() string { return fmt.Sprintf("%s / %s, %s", p.A, p.B, p.Load) }

// Pairs lists the committed duels, in report order: the claims, the noise floor of them all, what
// the best documented settings of each library are worth, and the worth of each feature.
func Pairs() []Pair {
	return slices.Concat(claims(), []Pair{
		{"reactor", "reactor", small(256), ByNorm, 0, 0}, // A/A
	}, libraries(), features())
}

// small is the message that shows I/O and nothing else.
func small(conns int) Workload { return Workload{Proto: "echo", Conns: conns, Size: 64} }

// libraries sets each library as its documentation tunes it against its default. Of fasthttp the
// settings are a process per CPU, which one CPU cannot show; those of netpoll leave HTTP as it is.
func libraries() []Pair {
	get := Workload{Proto: "http", Conns: 256}
	return []Pair{
		{"gnet-tuned", "gnet", small(256), ByNorm, 0, 0},
		{"gnet-tuned", "gnet", get, ByNorm, 0, 0},
		{"netpoll-tuned", "netpoll", small(256), ByNorm, 0, 0},
		{"nethttp-tuned", "nethttp", get, ByNorm, 0, 0},
	}
}

// features measures what each feature of io_uring is worth to the proactor: with it, over
// without it and with all others.
func features() []Pair {
	var pairs []Pair
	for _, name := range []string{
		"multishot", "provided-buffers", "incremental", "quiet-sends", "batching", "deferral", "gathering",
	} {
		pairs = append(pairs, Pair{"proactor", "proactor" + without + name, small(256), ByNorm, 0, 0})
	}
	return pairs
}

func claims() []Pair {
	get := Workload{Proto: "http", Conns: 256}
	pipelined := Workload{Proto: "http", Conns: 256, Pipeline: 16}
	large := Workload{Proto: "echo", Conns: 256, Size: 64 << 10}
	slow := Workload{Proto: "echo", Conns: 256, Size: 64, Rate: 20_000}
	short := Workload{Proto: "http", Conns: 64, RequestsPerConn: 1}
	return []Pair{
		{"reactor", "gnet", small(256), ByNorm, 0.97, 0.94},
		{"reactor", "gnet", small(1000), ByNorm, 0.93, 0.90},
		{"reactor", "gnet", get, ByNorm, 0.97, 0.94},
		{"reactor", "floor-epoll", small(256), ByNorm, 1.05, 1.02},
		{"proactor", "reactor", small(256), ByNorm, 0.94, 0.90},
		{"proactor", "reactor", small(1000), ByNorm, 0.96, 0.92},
		{"proactor", "reactor", get, ByNorm, 0.94, 0.90},
		{"proactor", "reactor", small(16), ByNorm, 1.08, 1.00},
		{"proactor", "reactor", small(1), ByNorm, 1.03, 1.00},
		{"proactor", "floor-epoll", small(256), ByNorm, 0.98, 0.93},
		{"proactor", "floor-uring", small(256), ByNorm, 1.04, 1.01},
		{"proactor-emulated", "reactor", small(256), ByNorm, 1.12, 1.06},
		{"proactor", "reactor", large, ByPlain, 1.25, 1.05},
		{"reactor", "floor-epoll", slow, ByPlain, 1.3, 1.15},
		{"proactor", "floor-epoll", slow, ByPlain, 1.3, 1.15},
		{"reactor", "gnet", pipelined, ByNorm, 1.0, 0.95},
		{"proactor", "gnet", pipelined, ByNorm, 1.0, 0.95},
		{"reactor", "goroutine", short, ByRate, 1.0, 1.15},
		{"proactor", "goroutine", short, ByRate, 1.0, 1.15},
	}
}

// Held reports whether the result holds the limit: a cost from above, a rate from below. A
// pair without a limit holds nothing and fails nothing.
func (r Result) Held(limit float64) bool {
	switch r.Judged {
	case ByRate:
		return r.Rate.Value >= limit
	case ByPlain:
		return r.Plain.Value <= limit
	}
	return r.Norm.Value <= limit
}

package duel

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

// Pairs lists the committed duels, in report order.
func Pairs() []Pair {
	echo := func(conns int) Workload { return Workload{Proto: "echo", Conns: conns, Size: 64} }
	get := Workload{Proto: "http", Conns: 256}
	pipelined := Workload{Proto: "http", Conns: 256, Pipeline: 16}
	large := Workload{Proto: "echo", Conns: 256, Size: 64 << 10}
	slow := Workload{Proto: "echo", Conns: 256, Size: 64, Rate: 20_000}
	short := Workload{Proto: "http", Conns: 64, RequestsPerConn: 1}
	return []Pair{
		{"reactor", "gnet", echo(256), ByNorm, 0.97, 0.94},
		{"reactor", "gnet", echo(1000), ByNorm, 0.93, 0.90},
		{"reactor", "gnet", get, ByNorm, 0.97, 0.94},
		{"reactor", "floor-epoll", echo(256), ByNorm, 1.05, 1.02},
		{"proactor", "reactor", echo(256), ByNorm, 0.94, 0.90},
		{"proactor", "reactor", echo(1000), ByNorm, 0.96, 0.92},
		{"proactor", "reactor", echo(16), ByNorm, 1.08, 1.00},
		{"proactor", "reactor", echo(1), ByNorm, 1.03, 1.00},
		{"proactor", "floor-epoll", echo(256), ByNorm, 0.98, 0.93},
		{"proactor", "floor-uring", echo(256), ByNorm, 1.04, 1.01},
		{"proactor-emulated", "reactor", echo(256), ByNorm, 1.12, 1.06},
		{"proactor", "reactor", large, ByPlain, 1.25, 1.05},
		{"reactor", "floor-epoll", slow, ByPlain, 1.3, 1.15},
		{"proactor", "floor-epoll", slow, ByPlain, 1.3, 1.15},
		{"reactor", "gnet", pipelined, ByNorm, 1.0, 0.95},
		{"proactor", "gnet", pipelined, ByNorm, 1.0, 0.95},
		{"reactor", "goroutine", short, ByRate, 1.0, 1.15},
		{"proactor", "goroutine", short, ByRate, 1.0, 1.15},
		{"reactor", "reactor", echo(256), ByNorm, 0, 0}, // A/A: the noise floor of everything above
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

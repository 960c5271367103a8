package bench

import (
	"slices"
	"time"

	"iomodels/bench/record"
)

// DefaultSize is the echo message where nothing else is said: small enough that the cost of a
// request is the cost of its I/O, not of copying.
const DefaultSize = 64

// requestTimeout counts a request as lost. It is far above every window, so that it decides
// nothing but what is broken.
const requestTimeout = 5 * time.Second

// Group is one row of a profile: it stands for every combination of its lists, for each model.
type Group struct {
	Workload  string
	Topology  string
	Models    []string // only these, variants included; nil: all
	Protos    []string
	Conns     []int
	Idle      int
	Sizes     []int     // echo only; nil: DefaultSize
	Pipelines []int     // nil: 1
	Rates     []float64 // nil: closed loop
	Paths     []string  // HTTP only; nil: /
	Mix       string    // see record.Cell, as for Beside and Offload
	Beside    string
	Offload   int
	PerConn   int
	RampPerS  float64
	Blocks    int
	Turns     bool // see Step
	Timing
}

// Profile is a named set of groups.
type Profile struct {
	Name     string
	About    string // one line for --help
	Groups   []Group
	Variants bool // plan the variants of the models, too
	Budget   time.Duration
	Limit    time.Duration
}

// ms spells a timing in milliseconds.
func ms(settle, warmup, window int) Timing {
	const m = time.Millisecond
	return Timing{time.Duration(settle) * m, time.Duration(warmup) * m, time.Duration(window) * m}
}

// Profiles returns every profile, the shortest first.
//
// Windows are short and blocks many: a machine changes its speed within seconds, so ten
// half-seconds spread over a run say more than one window of five. Groups that carry a
// headline get the blocks an interval needs; sweeps get fewer.
func Profiles() []Profile {
	both := []string{"echo", "http"}
	return []Profile{
		{
			Name: "smoke", About: "does everything start, answer and stop? a few seconds; its figures mean nothing",
			Groups: smokeGroups(),
		},
		{Name: "quick", About: "every model and workload once, under 90 seconds; no intervals", Groups: quickGroups()},
		{
			Name:   "default",
			About:  "verdicts on headlines; 1 to 10,000 connections, latency ladder; under 20 minutes on 2 cores",
			Groups: append(headlines(), defaultGroups()...),
			Budget: 9 * time.Minute, Limit: 18 * time.Minute,
		},
		{
			Name: "verdicts", About: "the headlines alone, until their ratios are known to 3 %",
			Groups: headlines(),
		},
		{
			Name: "family", About: "the family tree: the price of idle connections, variants included",
			Groups: familyGroups(), Variants: true,
		},
		{
			Name: "handlers", About: "handlers that block or compute, and silent connections; under 6 minutes",
			Groups: handlerGroups(), Variants: true,
		},
		{
			Name: "quadrants", About: "many or few connections, each times many or few requests; under 6 minutes",
			Groups: quadrantGroups(),
		},
		{Name: "c10k", About: "ten thousand connections: all active, and 99 in 100 idle", Groups: []Group{
			{
				Workload: Closed, Topology: Split, Protos: both, Conns: []int{10000}, RampPerS: 5000,
				Blocks: 5, Timing: ms(500, 1000, 2000),
			},
			{
				Workload: Mixed, Topology: Split, Protos: both, Conns: []int{100}, Idle: 9900, RampPerS: 5000,
				Blocks: 5, Timing: ms(500, 500, 1000),
			},
		}},
		{Name: "full", About: "every axis, long windows, twelve blocks: hours", Groups: fullGroups(), Variants: true},
	}
}

func smokeGroups() []Group {
	both := []string{"echo", "http"}
	return []Group{
		{
			Workload: Closed, Topology: Split, Protos: both, Conns: []int{1, 10},
			Blocks: 2, Timing: ms(10, 20, 50),
		},
		{
			Workload: Closed, Topology: Shared, Protos: []string{"echo"}, Conns: []int{8},
			Blocks: 2, Turns: true, Timing: ms(0, 20, 50),
		},
		{
			Workload: Short, Topology: Split, Protos: both, Conns: []int{4}, PerConn: 1,
			Blocks: 1, Timing: ms(0, 20, 50),
		},
	}
}

func quickGroups() []Group {
	both, http := []string{"echo", "http"}, []string{"http"}
	return []Group{
		{
			Workload: Closed, Topology: Split, Protos: both, Conns: []int{100, 1000},
			Blocks: 1, Timing: ms(60, 150, 300),
		},
		{
			Workload: Closed, Topology: Shared, Protos: both, Conns: []int{256},
			Blocks: 1, Timing: ms(20, 150, 300),
		},
		{
			Workload: Open, Topology: Split, Protos: http, Conns: []int{256}, Rates: []float64{10e3},
			Blocks: 1, Timing: ms(20, 150, 300),
		},
		{
			Workload: Short, Topology: Split, Protos: both, Conns: []int{64}, PerConn: 1,
			Blocks: 1, Timing: ms(20, 150, 300),
		},
	}
}

// headlines are the workloads on which servers get a verdict: cost where server and generator
// share a CPU, speed where they have one each. A slice is as short as a steady figure allows.
func headlines() []Group {
	both := []string{"echo", "http"}
	return []Group{
		{
			Workload: Closed, Topology: Shared, Protos: both, Conns: []int{256},
			Blocks: 12, Turns: true, Timing: ms(0, 100, 250),
		},
		{
			Workload: Closed, Topology: Split, Protos: both, Conns: []int{256},
			Blocks: 12, Turns: true, Timing: ms(0, 100, 250),
		},
	}
}

func defaultGroups() []Group {
	both, http := []string{"echo", "http"}, []string{"http"}
	return []Group{
		{
			Workload: Closed, Topology: Split, Protos: both, Conns: []int{1, 100},
			Blocks: 3, Timing: ms(20, 200, 350),
		},
		{
			Workload: Closed, Topology: Split, Protos: both, Conns: []int{1000},
			Blocks: 5, Timing: ms(100, 250, 500),
		},
		{
			Workload: Closed, Topology: Split, Protos: both, Conns: []int{10000},
			Blocks: 3, Timing: ms(300, 500, 1200),
		},
		{
			Workload: Open, Topology: Split, Protos: http, Conns: []int{256},
			Rates: []float64{5e3, 15e3, 30e3, 45e3}, Blocks: 3, Timing: ms(20, 200, 600),
		},
		{
			Workload: Short, Topology: Split, Protos: both, Conns: []int{64}, PerConn: 1,
			Blocks: 3, Timing: ms(20, 200, 350),
		},
	}
}

func fullGroups() []Group {
	both, echo := []string{"echo", "http"}, []string{"echo"}
	return []Group{
		{
			Workload: Closed, Topology: Split, Protos: both, Conns: []int{1, 10, 100, 1000, 10000},
			Blocks: 12, Timing: ms(300, 1000, 2000),
		},
		{
			Workload: Closed, Topology: Split, Protos: echo, Conns: []int{256}, Sizes: []int{1 << 10, 64 << 10},
			Blocks: 12, Timing: ms(100, 500, 1000),
		},
		{
			Workload: Closed, Topology: Split, Protos: both, Conns: []int{256}, Pipelines: []int{16},
			Blocks: 12, Timing: ms(100, 500, 1000),
		},
		{
			Workload: Closed, Topology: Shared, Protos: both, Conns: []int{16, 256, 1000},
			Blocks: 12, Timing: ms(50, 250, 500),
		},
		{
			Workload: Open, Topology: Split, Protos: both, Conns: []int{256},
			Rates: []float64{2e3, 5e3, 10e3, 20e3, 30e3, 45e3, 60e3}, Blocks: 12, Timing: ms(50, 500, 2000),
		},
		{
			Workload: Short, Topology: Split, Protos: both, Conns: []int{64}, PerConn: 1,
			Blocks: 12, Timing: ms(50, 300, 1000),
		},
		{
			Workload: Mixed, Topology: Split, Protos: both, Conns: []int{100}, Idle: 9900,
			Blocks: 12, Timing: ms(500, 500, 1000),
		},
	}
}

// FindProfile returns the profile of that name; the error lists the names there are.
func FindProfile(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, &UnknownError{What: "profile", Name: name, Known: names}
}

// Matrix plans the profile for models, which keep their order.
func (p Profile) Matrix(models []record.ModelInfo) Matrix {
	m := Matrix{Profile: p.Name, Budget: p.Budget, Limit: p.Limit}
	for _, g := range p.Groups {
		for _, cell := range g.cells() {
			for _, model := range models {
				if g.Models != nil && !slices.Contains(g.Models, model.Name) {
					continue
				}
				cell.Model = model.Name
				m.Steps = append(m.Steps, Step{
					Cell: cell, Blocks: g.Blocks, Turns: g.Turns, Timing: g.Timing,
					PerConn: g.PerConn, RampPerS: g.RampPerS, Timeout: requestTimeout,
				})
			}
		}
	}
	return m
}

// cells lists the group's combinations, without a model.
func (g Group) cells() []record.Cell {
	var out []record.Cell
	for _, proto := range g.Protos {
		for _, conns := range g.Conns {
			cell := record.Cell{
				Proto: proto, Workload: g.Workload, Topology: g.Topology, Conns: conns, Idle: g.Idle,
				Mix: g.Mix, Beside: g.Beside, Offload: g.Offload,
			}
			out = append(out, g.loads(cell)...)
		}
	}
	return out
}

// loads lists what is asked for on the connections of a cell.
func (g Group) loads(cell record.Cell) []record.Cell {
	var out []record.Cell
	sizes, paths := []int{0}, orOne(g.Paths, "")
	if cell.Proto == "echo" {
		sizes, paths = orOne(g.Sizes, DefaultSize), []string{""}
	}
	for _, cell.Size = range sizes {
		for _, cell.Path = range paths {
			for _, cell.Pipeline = range orOne(g.Pipelines, 0) {
				for _, cell.Rate = range orOne(g.Rates, 0) {
					out = append(out, cell)
				}
			}
		}
	}
	return out
}

// orOne is the list, or a list of that one element if it is empty.
func orOne[T any](list []T, one T) []T {
	if len(list) == 0 {
		return []T{one}
	}
	return list
}

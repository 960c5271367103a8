package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"iomodels/bench/record"
	"iomodels/loadgen"
)

// The workloads: what the generator does. Their names stand in records, flags and charts.
const (
	Closed = "closed" // as many requests in flight as connections: the ceiling, and the cost at it
	Open   = "open"   // a fixed offered load, Poisson, timed from the intended send: what a user waits
	Short  = "short"  // one request per connection: the price of accept and close
	Mixed  = "mixed"  // few active connections among many that are open and silent

	Stall    = "stall"    // a quick request while another connection's handler blocks: who waits for whom
	Blocking = "blocking" // a fixed offered load, of which few requests block their handler
	Idlers   = "idlers"   // a fixed offered load on fewer and fewer of many open connections
	Handler  = "handler"  // a fixed offered load whose handlers compute: when does I/O stop to matter
)

// The topologies: where server and generator run.
const (
	Split  = "split"  // a set of CPUs each
	Shared = "shared" // both on the same CPUs: the generator becomes a yardstick for the server
)

// Timing is how long the parts of a cell take.
type Timing struct {
	Settle time.Duration // silence after the connects, while idle memory is read
	Warmup time.Duration // load that is not measured; the same for every model, never tuned
	Window time.Duration // the measured part
}

// Step is one planned cell: what to measure, how, and how often.
type Step struct {
	Cell   record.Cell
	Blocks int // repetitions, each with fresh processes
	Timing
	// Turns says that the servers of the condition take turns inside a block, in slices as long as
	// Window, and that blocks are added until a verdict is possible: a headline, not a sweep.
	// Blocks is then the least number of them.
	Turns    bool
	PerConn  int     // requests per connection; 0: the connection stays
	RampPerS float64 // connections opened per second; 0: as fast as they come
	Timeout  time.Duration
}

// Visit is one measurement to make: a step in a block.
type Visit struct {
	Step  Step
	Block int
}

// Key names the measurement in a run.
func (v Visit) Key() record.Key { return record.Key{Cell: v.Step.Cell, Block: v.Block} }

// Plan is the load of the step against a server at addr. The seed differs between blocks and
// not between models: all models of a block get the same arrivals.
func (v Visit) Plan(addr string, seed uint64) loadgen.Plan {
	c := v.Step.Cell
	arrival := "closed"
	if c.Rate > 0 {
		arrival = "poisson"
	}
	return loadgen.Plan{
		Addr: addr, Proto: c.Proto, Path: c.Path, Mix: c.Mix, Conns: c.Conns, Idle: c.Idle, Size: c.Size,
		Duration: v.Step.Window, Warmup: v.Step.Warmup, Rate: c.Rate, Arrival: arrival,
		Pipeline: c.Pipeline, RequestsPerConn: v.Step.PerConn, RampPerS: v.Step.RampPerS,
		Timeout: v.Step.Timeout, Seed: seed + uint64(v.Block), Settle: v.Step.Settle, Interval: v.Step.interval(),
		SharedCPU: c.Topology == Shared,
	}
}

// interval is the tick of the time series: fine where the ramp is to be seen, which is over in
// a moment; elsewhere the generator's own choice, for every tick is stored.
func (s Step) interval() time.Duration {
	if s.Cell.Conns+s.Cell.Idle >= 10000 {
		return 25 * time.Millisecond
	}
	return 0
}

// Matrix is the plan of a run.
type Matrix struct {
	Profile string
	Steps   []Step
	Budget  time.Duration // that the headlines may take together; 0: what they need
	// Limit is the time of the whole run beyond which nothing disturbed is measured again. What is
	// left of it at the end is for a second attempt at headlines. 0: no limit, and no such attempt.
	Limit time.Duration
}

// Blocks is the most repetitions of any step.
func (m Matrix) Blocks() int {
	most := 0
	for _, s := range m.Steps {
		most = max(most, s.Blocks)
	}
	return most
}

// Models lists the models of the plan, in its order.
func (m Matrix) Models() []string {
	return m.distinct(func(s Step) string { return s.Cell.Model })
}

// Workloads lists the workloads of the plan, in its order.
func (m Matrix) Workloads() []string {
	return m.distinct(func(s Step) string { return s.Cell.Workload })
}

func (m Matrix) distinct(of func(Step) string) []string {
	var out []string
	for _, s := range m.Steps {
		if name := of(s); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Keep returns the plan with only those steps.
func (m Matrix) Keep(keep func(Step) bool) Matrix {
	var steps []Step
	for _, s := range m.Steps {
		if keep(s) {
			steps = append(steps, s)
		}
	}
	m.Steps = steps
	return m
}

// WithTwins adds a second server of the baseline to every headline that has the first: what
// their ratio strays from 1 is the noise of the method.
func (m Matrix) WithTwins(baseline string) Matrix {
	out := m
	out.Steps = nil
	for _, s := range m.Steps {
		out.Steps = append(out.Steps, s)
		if s.Turns && s.Cell.Model == baseline && s.Cell.Arm == "" {
			s.Cell.Arm = record.Twin
			out.Steps = append(out.Steps, s)
		}
	}
	return out
}

// OnOneCPU returns the plan for a machine with a single CPU: there is no split, so what was
// planned for it runs shared, and what was planned both ways runs once.
func (m Matrix) OnOneCPU() Matrix {
	seen := map[record.Cell]bool{}
	out := m
	out.Steps = nil
	for _, s := range m.Steps {
		s.Cell.Topology = Shared
		if !seen[s.Cell] {
			seen[s.Cell] = true
			out.Steps = append(out.Steps, s)
		}
	}
	return out
}

// Describe writes the plan into the description of a run.
func (m Matrix) Describe(env *record.Env) {
	env.Profile, env.Blocks = m.Profile, m.Blocks()
	env.Plan, env.Repeats = nil, nil
	for _, s := range m.Steps {
		env.Plan = append(env.Plan, s.Cell)
		env.Repeats = append(env.Repeats, s.Blocks)
	}
}

// Order is the order of measurement. Blocks follow each other; inside a block the conditions
// (everything of a cell but its model) come in random order, and inside a condition the
// models come in random order, one right after the other. So whatever drifts over minutes hits
// all models of a condition alike, and no model always follows the same neighbour. The seed
// replays the order. Headlines are not in it: see Headlines.
func (m Matrix) Order(seed uint64) []Visit {
	var visits []Visit
	for block := range m.Blocks() {
		rng := rand.New(rand.NewPCG(seed, uint64(block)))
		conditions := m.Keep(func(s Step) bool { return !s.Turns && block < s.Blocks }).conditions()
		rng.Shuffle(len(conditions), func(i, j int) { conditions[i], conditions[j] = conditions[j], conditions[i] })
		for _, steps := range conditions {
			for _, i := range rng.Perm(len(steps)) {
				visits = append(visits, Visit{steps[i], block})
			}
		}
	}
	return visits
}

// Headlines are the steps whose servers take turns, grouped by condition.
func (m Matrix) Headlines() [][]Step {
	return m.Keep(func(s Step) bool { return s.Turns }).conditions()
}

// Condition is everything of a cell but who serves it: its model, which of two servers of it, and
// where it runs its handlers. Servers are compared where their conditions are equal.
func Condition(c record.Cell) record.Cell {
	c.Model, c.Offload, c.Arm = "", 0, ""
	return c
}

// conditions groups the steps by condition, in the order of the plan.
func (m Matrix) conditions() [][]Step {
	index := map[record.Cell]int{}
	var out [][]Step
	for _, s := range m.Steps {
		condition := Condition(s.Cell)
		at, known := index[condition]
		if !known {
			at = len(out)
			index[condition] = at
			out = append(out, nil)
		}
		out[at] = append(out[at], s)
	}
	return out
}

// What a visit takes beside its timing, on two cores: for estimates only.
const (
	startAndStop   = 150 * time.Millisecond // two processes up and down, the samples, one synced line
	connectPerConn = 45 * time.Microsecond  // connect, accept and close
	shortDrain     = 50 * time.Millisecond

	serverUpAndDown    = 100 * time.Millisecond // with its part of the two probes
	generatorUpAndDown = 60 * time.Millisecond
)

// Estimate is about how long one visit of the step takes.
func (s Step) Estimate() time.Duration {
	conns := s.Cell.Conns + s.Cell.Idle
	connect := time.Duration(conns) * connectPerConn
	if s.RampPerS > 0 {
		connect = max(connect, time.Duration(float64(conns)/s.RampPerS*float64(time.Second)))
	}
	if s.Turns {
		return serverUpAndDown + 2*(generatorUpAndDown+connect+s.Warmup+s.Window)
	}
	return startAndStop + connect + s.Settle + s.Warmup + s.Window + shortDrain
}

// HeadlineEstimate is about how long the headlines take at least.
func (m Matrix) HeadlineEstimate() time.Duration {
	var sum time.Duration
	for _, steps := range m.Headlines() {
		for _, s := range steps {
			sum += time.Duration(s.Blocks) * s.Estimate()
		}
	}
	return sum
}

// Estimate is about how long the visits take.
func Estimate(visits []Visit) time.Duration {
	var sum time.Duration
	for _, v := range visits {
		sum += v.Step.Estimate()
	}
	return sum
}

// CellName says in a few words which cell it is: "reactor http c=1000 open 20000/s".
func CellName(c record.Cell) string {
	model := c.Model
	if c.Arm != "" {
		model += " (" + c.Arm + ")"
	}
	name := fmt.Sprintf("%s %s c=%d", model, c.Proto, c.Conns)
	if c.Workload != Closed {
		name += " " + c.Workload
	}
	for _, part := range []struct {
		show bool
		text string
	}{
		{c.Rate > 0, fmt.Sprintf("%g/s", c.Rate)},
		{c.Idle > 0, fmt.Sprintf("idle=%d", c.Idle)},
		{c.Size > 0 && c.Size != DefaultSize, fmt.Sprintf("size=%d", c.Size)},
		{c.Pipeline > 1, fmt.Sprintf("pipeline=%d", c.Pipeline)},
		{c.Path != "", c.Path},
		{c.Mix != "", c.Mix},
		{c.Beside != "", "beside " + c.Beside},
		{c.Offload > 0, fmt.Sprintf("offload=%d", c.Offload)},
		{c.Topology == Shared, "one CPU"},
	} {
		if part.show {
			name += " " + part.text
		}
	}
	return name
}

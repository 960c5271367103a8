package loadgen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/conns"
	"iomodels/loadgen/drip"
	"iomodels/loadgen/engine"
	"iomodels/loadgen/latency"
	"iomodels/loadgen/pace"
	"iomodels/loadgen/wire"
)

// RunOptions are ways to watch a run. None of them is called by a loop: watching costs the
// hot path nothing.
type RunOptions struct {
	Phase      func(PhaseEvent) // at the moment a phase begins
	Progress   func(Interval)   // after each tick
	Histograms func(Histograms) // once, at the end

	// Share starts a process that calls Share on its standard streams: a plan that needs several
	// processes needs it.
	Share func() *exec.Cmd

	mutant *mutant // breaks the generator on purpose, for a test of the self-test
}

// PhaseEvent says that a phase of the run begins. The phases are, in this order and each once:
// connected (all connections are open and idle, for Plan.Settle), warmup, measure, drain, done.
type PhaseEvent struct {
	Phase string `json:"phase"`
	AtNS  int64  `json:"at_ns"` // CLOCK_MONOTONIC
	OK    uint64 `json:"ok"`    // verified replies so far
}

// The phases.
const (
	PhaseConnected = "connected"
	PhaseWarmup    = "warmup"
	PhaseMeasure   = "measure"
	PhaseDrain     = "drain"
	PhaseDone      = "done"
)

// Histograms are the distributions behind a Summary, for those who want more than percentiles.
type Histograms struct {
	Response, Service, Lag, Connect *latency.Histogram
}

// Run carries out a plan and returns what it measured. It returns an error when the plan makes
// no sense, cannot be carried out on this machine, or not a single connection could be opened.
// When ctx is done it stops sending, drains, and returns what there is, marked Interrupted.
//
// Run turns off garbage collection for its duration, up to a bound on memory: settings of the
// whole program. One Run at a time.
func Run(ctx context.Context, plan Plan, opt RunOptions) (Summary, error) {
	plan, err := plan.WithDefaults()
	if err != nil {
		return Summary{}, err
	}
	if plan, err = plan.fit(); err != nil {
		return Summary{}, err
	}
	if plan.Procs > 1 {
		return spread(ctx, plan, opt)
	}
	r, err := prepare(plan, opt, nil)
	if err != nil {
		return Summary{}, err
	}
	o, err := r.carryOut(ctx)
	if err != nil {
		return Summary{}, err
	}
	return r.summary(o), nil
}

// carryOut takes the run from its first connect to its end.
func (r *run) carryOut(ctx context.Context) (*outcome, error) {
	defer quietRuntime(r.plan.Loops)()
	slow, err := r.slowUploads()
	if err != nil {
		return nil, err
	}
	r.launch()
	r.conduct(ctx)
	report := slow()
	if err := r.land(); err != nil {
		return nil, err
	}
	o := r.outcome()
	o.Drip = report
	return o, nil
}

// slowUploads starts the crowd that uploads slowly beside the load, if the plan has one; end ends it.
func (r *run) slowUploads() (end func() *drip.Report, err error) {
	p := r.plan
	if p.Drip == 0 {
		return func() *drip.Report { return nil }, nil
	}
	target, err := conns.Resolve(p.Addr)
	if err != nil {
		return nil, err
	}
	crowd, err := drip.Start(drip.Plan{
		Dialer: conns.NewDialer(target, p.Sources, 0), Proto: p.Proto, Host: p.Addr,
		Conns: p.Drip, Rate: p.DripRate, Size: p.DripBytes,
	})
	if err != nil {
		return nil, err
	}
	return func() *drip.Report {
		report := crowd.Stop()
		return &report
	}, nil
}

// prepare builds everything a run needs, or a process's share of one: nil is the whole.
func prepare(plan Plan, opt RunOptions, s *portion) (*run, error) {
	target, err := conns.Resolve(plan.Addr)
	if err != nil {
		return nil, err
	}
	r := &run{plan: plan, opt: opt, share: s, merged: engine.NewInterval()}
	for i := range plan.Loops {
		n, all := r.number(i), plan.allLoops()
		r.conns += part(plan.Conns, n, all) + part(plan.Idle, n, all)
	}
	if err := conns.PregrowFDs(r.conns + plan.Drip + spareDescriptors + 4*plan.Loops); err != nil {
		return nil, fmt.Errorf("grow the descriptor table: %w", err)
	}
	if r.clock, err = engine.NewClock(); err != nil {
		return nil, err
	}
	if r.before, err = look(); err != nil {
		return nil, err
	}
	r.began = r.clock.Now()
	for i := range plan.Loops {
		if err := r.addLoop(i, target); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// addLoop builds loop i with its share of the plan.
func (r *run) addLoop(i int, target conns.Target) error {
	p := r.plan
	m, err := p.mix()
	if err != nil {
		return err
	}
	dialog, err := wire.New(wire.Spec{
		Proto: p.Proto, Host: p.Addr, Paths: m.paths, Size: p.Size, Pipeline: p.Pipeline,
	})
	if err != nil {
		return err
	}
	n, all := r.number(i), p.allLoops()
	share := pace.Share{Loop: n, Loops: all}
	r.loops = append(r.loops, engine.New(engine.Config{
		Engine: p.Engine, Dialog: dialog, Schedule: r.opt.mutant.paced(p.schedule(share)),
		Dialer:  r.opt.mutant.dialing(conns.NewDialer(target, p.Sources, n*max(p.Sources/all, 1))),
		Gate:    conns.NewGate(p.RampPerS/float64(all), r.began, target.Window()),
		Control: &r.control, Clock: r.clock,
		Conns: part(p.Conns, n, all), Idle: part(p.Idle, n, all),
		Pipeline: p.Pipeline, PerConn: p.RequestsPerConn, Timeout: p.Timeout,
		Pinned: p.Choice == ChoicePinned, Backlog: p.backlog(), Patience: p.patience(),
		Steps: p.steps(), StepEach: p.stepEach(),
		Kinds: len(m.paths), Kind: m.chooser(p.Seed, share), Stamps: part(p.Stamps, n, all),
		FirstID: uint32(n) << 20, Spin: p.spins(), ReplySize: p.replySize(m),
	}))
	return nil
}

// number is the number of loop i among the loops of all processes.
func (r *run) number(i int) int {
	if r.share == nil {
		return i
	}
	return r.share.Proc*r.plan.Loops + i
}

// part is loop i's part of n things.
func part(n, i, loops int) int { return (n + loops - 1 - i) / loops }

// backlog is how many due requests of one loop may wait: those that can become due before the
// first of them times out, within reason.
func (p Plan) backlog() int {
	return int(min(max(p.peak()/float64(p.allLoops())*p.Timeout.Seconds()*1.1, 1024), 1<<20))
}

// replySize is about how many bytes the longest reply has.
func (p Plan) replySize(m mix) int {
	const head = 256 // of an HTTP reply
	longest := p.Size
	for _, path := range m.paths {
		if n, ok := strings.CutPrefix(path, "/bytes/"); ok {
			length, _ := strconv.Atoi(n)
			longest = max(longest, length)
		}
	}
	return head + longest
}

// spins reports whether loops may burn a processor to be on time. By themselves they do so only
// where there is one for each of them, one for the server and one to spare: taking time from
// the server would be measured as the server's.
func (p Plan) spins() bool {
	switch p.Spin {
	case SpinOn:
		return true
	case SpinOff:
		return false
	}
	var set unix.CPUSet
	return unix.SchedGetaffinity(0, &set) == nil && set.Count() >= p.allLoops()+2
}

// memoryLimit is how far the heap may grow in a run before the collector starts after all.
const memoryLimit = 1 << 30

// quietRuntime keeps the Go runtime out of the loops' way and returns what undoes that. Loops
// hold their processors (in Go's sense) all the time, so each gets one more; garbage collection
// is off, and nothing is allocated that would make it run.
func quietRuntime(loops int) (restore func()) {
	runtime.GC()
	percent := debug.SetGCPercent(-1)
	limit := debug.SetMemoryLimit(memoryLimit)
	procs := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(procs + loops)
	return func() {
		runtime.GOMAXPROCS(procs)
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}
}

// sleepUntil sleeps until CLOCK_MONOTONIC reaches at. Go's own timers are a millisecond late on
// an idle program, too much for the edges of the measured part.
func sleepUntil(at int64) error {
	ts := unix.NsecToTimespec(at)
	for {
		err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil)
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("clock_nanosleep", err)
		}
	}
}

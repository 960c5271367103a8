package loadgen

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"iomodels/loadgen/engine"
)

// run is one Run: the conductor of its loops. The loops keep time by themselves; the conductor
// says when the parts begin and end, and watches.
type run struct {
	plan    Plan
	opt     RunOptions
	clock   engine.Clock
	control engine.Control
	share   *portion // what other processes must agree on; nil: there are none
	conns   int      // connections of this process
	loops   []*engine.Loop
	ended   chan error // one per loop
	running int
	failure error // of a loop, or of the conductor
	timer   *time.Timer

	began      int64 // CLOCK_MONOTONIC at the start of the run
	before     sight // of the machine, then
	whenOpen   sight // and when all connections were open
	allOpen    int64 // CLOCK_MONOTONIC then; 0: never
	phase      string
	lastCut    int64 // end of the last tick
	nextTick   int64
	merged     *engine.Interval // since the last interval, of the loops that answered
	open       uint64           // connections open at the end of the last interval
	intervals  []Interval
	from, to   usage  // at the edges of the measured part
	loaded     sight  // of the machine, at its end
	failedThen uint64 // failed connects when a connection was last open

	short     bool   // not all connections could be opened
	held      uint64 // connections open when the load began
	gone      bool   // the server went away
	cancelled bool   // by the caller
}

// The conductor's own times.
const (
	lookEvery  = int64(10 * time.Millisecond)  // between two looks at the loops
	lateTimer  = int64(2 * time.Millisecond)   // how late a timer of the Go runtime may be
	headStart  = int64(10 * time.Millisecond)  // from announcing the start to the start
	goneAfter  = int64(time.Second)            // without a connection, while connects fail
	refusedFor = int64(500 * time.Millisecond) // nothing opened from the start: say so soon
)

// launch starts the loops.
func (r *run) launch() {
	r.ended = make(chan error, len(r.loops))
	r.running = len(r.loops)
	for _, l := range r.loops {
		go func() { r.ended <- l.Run() }()
	}
	r.timer = time.NewTimer(time.Hour)
	r.phase, r.lastCut = phaseRamp, r.began
	r.nextTick = r.began + r.tickLength()
}

// conduct takes the loops through the phases.
func (r *run) conduct(ctx context.Context) {
	r.connect(ctx)
	if r.stopped(ctx) {
		return
	}
	r.announce(PhaseConnected)
	start := r.settle(ctx)
	r.held, _, _ = r.count()
	measure := start + int64(r.plan.Warmup)
	end := measure + int64(r.plan.Duration)
	r.control.Measure.Store(measure)
	r.control.End.Store(end)
	r.control.Start.Store(start)

	r.enter(ctx, start, PhaseWarmup)
	r.enter(ctx, measure, PhaseMeasure)
	r.enter(ctx, end, PhaseDrain)
	if r.gone {
		r.control.Quit.Store(true) // nobody is left to drain from
	}
	r.await(ctx, math.MaxInt64, nil)
	r.announce(PhaseDone)
}

// settle lets the connections be for a while, and returns when the load begins. A process that
// carries a share of it is told when.
func (r *run) settle(ctx context.Context) (start int64) {
	if r.share == nil {
		r.await(ctx, r.clock.Now()+int64(r.plan.Settle), nil)
		return r.clock.Now() + headStart
	}
	r.await(ctx, math.MaxInt64, func() bool { return r.share.start.Load() != 0 })
	return max(r.share.start.Load(), r.clock.Now()) // zero if there is no point in beginning
}

// enter waits for the beginning of a phase, unless the run has to end before.
func (r *run) enter(ctx context.Context, at int64, phase string) {
	r.await(ctx, at, nil)
	if now := r.clock.Now(); now < at {
		r.control.End.Store(min(now, r.control.End.Load()))
	}
	r.announce(phase)
	switch phase {
	case PhaseMeasure:
		r.from = r.usage()
	case PhaseDrain:
		r.to = r.usage()
		r.loaded, _ = look() // what cannot be read stays zero, here as in usage
	}
	r.cut(true)
	r.phase = phase
	r.nextTick = r.lastCut + r.tickLength()
}

// announce tells the caller that a phase begins.
func (r *run) announce(phase string) {
	e := PhaseEvent{Phase: phase, AtNS: r.clock.Now()}
	for _, l := range r.loops {
		e.OK += l.Live().OK.Load()
	}
	if r.share != nil {
		r.share.phase(e)
	}
	if r.opt.Phase != nil {
		r.opt.Phase(e)
	}
}

// connect waits until every connection is open. If a server takes only some of them, the run
// goes on with those, and is marked.
func (r *run) connect(ctx context.Context) {
	target := uint64(r.conns)
	patience := max(int64(2*time.Second), int64(r.plan.Timeout))
	if r.plan.RampPerS > 0 {
		patience += int64(2 / r.plan.RampPerS * 1e9)
	}
	var most uint64
	progress := r.began
	r.await(ctx, math.MaxInt64, func() bool {
		now := r.clock.Now()
		open, opened, failed := r.count()
		if open > most {
			most, progress = open, now
		}
		r.gone = r.gone || opened == 0 && failed > 0 && now-r.began > refusedFor
		r.short = now-progress > patience
		return open >= target || r.short
	})
	open, opened, _ := r.count()
	r.gone = r.gone || opened == 0 && r.short
	if open >= target {
		r.allOpen = r.clock.Now()
	}
	r.whenOpen, _ = look()
}

// await lets time pass until at, or until done says so, or until there is no point in going on.
// It serves ticks meanwhile. The drain ends with the loops, and with nothing else.
func (r *run) await(ctx context.Context, at int64, done func() bool) {
	for r.running > 0 {
		now := r.clock.Now()
		if now >= at || done != nil && done() {
			return
		}
		if r.phase != PhaseDrain && r.stopped(ctx) {
			return
		}
		if now >= r.nextTick {
			if at-now > lookEvery { // the edge of a part cuts by itself
				r.cut(false)
			}
			r.nextTick += r.tickLength()
		}
		r.pause(min(at, max(r.nextTick, now), now+lookEvery), at-now <= lookEvery)
	}
}

// pause sleeps until a time, or until a loop ends. An exact pause ends on time: for its last
// part it leaves the Go runtime's timers, which may be a millisecond late, for the kernel's.
func (r *run) pause(until int64, exact bool) {
	coarse := until - r.clock.Now()
	if exact {
		coarse -= lateTimer
	}
	if coarse > 0 {
		r.timer.Reset(time.Duration(coarse))
		select {
		case err := <-r.ended:
			r.running--
			r.fail(err)
			return
		case <-r.timer.C:
		}
	}
	if exact {
		r.fail(sleepUntil(until))
	}
}

// stopped reports whether the run has to end early.
func (r *run) stopped(ctx context.Context) bool {
	r.cancelled = r.cancelled || ctx.Err() != nil
	open, opened, failed := r.count()
	if open > 0 || opened == 0 {
		r.failedThen = failed
	} else if failed > r.failedThen && r.clock.Now()-r.lastGood() > goneAfter {
		r.gone = true // no connection is left, and connects fail
	}
	return r.cancelled || r.gone || r.failure != nil
}

// count sums what the loops publish.
func (r *run) count() (open, opened, failed uint64) {
	for _, l := range r.loops {
		open += l.Live().Open.Load()
		opened += l.Live().Opened.Load()
		failed += l.Live().Failed.Load()
	}
	return open, opened, failed
}

func (r *run) lastGood() (at int64) {
	for _, l := range r.loops {
		at = max(at, l.Live().LastGood.Load())
	}
	return at
}

// fail remembers an error; one loop that fails stops all.
func (r *run) fail(err error) {
	if err != nil {
		r.failure = errors.Join(r.failure, err)
		r.control.Quit.Store(true)
	}
}

// land stops loops that still turn, waits for them, and says why there is no result.
func (r *run) land() error {
	r.control.Quit.Store(true)
	r.timer.Stop()
	for ; r.running > 0; r.running-- {
		r.fail(<-r.ended)
	}
	if r.failure != nil {
		return r.failure
	}
	r.lastInterval()
	if _, opened, failed := r.count(); opened == 0 && !r.cancelled {
		return fmt.Errorf("cannot connect to %s: %d attempts, %s", r.plan.Addr, failed, r.connectFailures())
	}
	return nil
}

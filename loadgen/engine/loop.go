package engine

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/wire"
)

// Ended is the last value of Live.Acked: nothing more is handed over, see LastInterval. It is
// stored before the connections are shown as closed.
const Ended = math.MaxUint64

// never is a time that does not come.
const never = math.MaxInt64

// The bounds of a turn.
const (
	maxWait = 2_000_000 // ns: how soon a loop with nothing in flight does what the conductor decided
	// longWait bounds a wait for replies. Its timer is hardly ever the next one of the processor, so
	// the kernel need not set the hardware for it, and set it back: a virtual machine is left for each.
	longWait  = 20_000_000
	sendBatch = 64        // requests sent between two looks at the sockets
	shortGap  = 50_000    // ns: below this, sleeping is less exact than spinning
	lookEvery = 1_000_000 // ns between two looks for requests that have waited too long

	publishEvery = 1_000_000 // ns between two stores of Live.LastGood
)

// Loop is one event loop. The goroutine that calls Run owns it and everything in it; Live and
// the handed-over interval are all that others may look at before Run returns.
type Loop struct {
	cfg   Config
	io    transport
	clock Clock
	tally *Tally
	live  Live

	conns   []conn
	flights []flight // Pipeline of them per connection
	opening queue    // connections whose connect is unanswered, in the order it was begun
	closed  queue    // connections to be opened
	free    queue    // connections that can take a request and have none to send
	backlog backlog  // requests that are due and wait for a connection

	start, measure, end int64  // the parts of the run, from Control; never: not yet known
	due                 int64  // when the next request becomes due
	number              uint64 // its number in the schedule
	paced               bool   // false: closed loop
	kicked              int    // closed loop: connections that were given their first requests
	inFlight            int    // requests in flight
	overdue             int64  // when the first of them may have waited too long; not before
	deep                int32  // requests in flight per connection: Config.Pipeline
	changed             int64  // when inFlight last changed
	open                int    // connections open
	replies             uint64 // verified ones
	failed              uint64 // connects that failed, and connections that came to nothing
	lastGood            int64  // when a connect last succeeded or a reply last arrived
	stamp               int64  // the clock at the event that is being handled

	current, spare *Interval
	tick           uint64
}

// flight is a request in flight.
type flight struct {
	due, sent int64
	bin       uint16 // of the histograms: see Bin
	kind      uint8
}

// conn is one connection. It holds no pointer, so the slab is nothing to the collector.
type conn struct {
	wire      wire.State
	began     int64  // when connect was called
	next      uint64 // pinned: the first request of the schedule it has not sent
	fd        int32
	gen       uint32 // grows with every socket of this slot: an event may outlive its socket
	head      int32  // place of the oldest request in flight among the slot's flights
	inFlight  int32
	unwritten int32 // of those, the ones not written whole
	used      int32 // requests sent on this socket
	state     connState
	idle      bool // only held
	listed    bool // in the free queue
	good      bool // has delivered a verified reply
	blocked   bool // transport: waits until the socket takes more
}

type connState uint8

const (
	isClosed connState = iota
	isOpening
	isOpen
)

// New makes a loop. Everything it will ever need is allocated here.
func New(cfg Config) *Loop {
	slots := cfg.Conns + cfg.Idle
	l := &Loop{
		cfg: cfg, clock: cfg.Clock, tally: newTally(cfg.Steps, cfg.Kinds),
		conns: make([]conn, slots), flights: make([]flight, slots*cfg.Pipeline),
		start: never, measure: never, end: never, due: never, overdue: never, deep: int32(cfg.Pipeline),
		current: NewInterval(), spare: NewInterval(),
	}
	links := make([]link, slots)
	l.opening, l.closed, l.free = newQueue(links), newQueue(links), newQueue(links)
	for i := range l.conns {
		l.conns[i].fd, l.conns[i].idle, l.conns[i].next = -1, i >= cfg.Conns, uint64(i)
		l.closed.push(int32(i))
	}
	l.backlog = newBacklog(cfg.Backlog)
	_, l.paced = cfg.Schedule.Due(0)
	return l
}

// Live returns what the loop publishes while it runs.
func (l *Loop) Live() *Live { return &l.live }

// Tally returns what the loop counted. It may be read when Run has returned.
func (l *Loop) Tally() *Tally { return l.tally }

// Interval returns the interval that was handed over last. It may be read, and must be Reset,
// between Live.Acked reaching Control.Tick and the next increment of Control.Tick.
func (l *Loop) Interval() *Interval { return l.spare }

// LastInterval returns what was counted since the last hand-over, when Live.Acked is Ended.
func (l *Loop) LastInterval() *Interval { return l.current }

// Run turns until the load is over and everything in flight is answered or given up. It keeps
// its thread for itself meanwhile.
func (l *Loop) Run() (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// A sleeping thread is woken up to 50 us late by default, to save wake-ups: not this one.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_TIMERSLACK: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)) }()
	if l.io, err = newTransport(l); err != nil { // on this thread: a ring is bound to it
		return err
	}
	l.live.Thread.Store(int64(unix.Gettid()))
	defer func() { err = errors.Join(err, l.shutdown()) }()
	for {
		now := l.clock.Now()
		if l.turn(now) {
			return nil
		}
		if err := l.io.wait(l.patience(now)); err != nil {
			return fmt.Errorf("wait for sockets: %w", err)
		}
	}
}

// turn does what is due now, and reports whether the run is over.
func (l *Loop) turn(now int64) (over bool) {
	l.conduct()
	l.openSome(now)
	if l.start <= now {
		l.notice()
		l.kick(now)
	}
	l.expire(now)
	l.publish()
	return l.over(now)
}

// conduct reads what the conductor of the run has decided.
func (l *Loop) conduct() {
	c := l.cfg.Control
	if l.start == never {
		if start := c.Start.Load(); start != 0 {
			l.start, l.measure = start, c.Measure.Load()
			l.cfg.Gate.EndRamp()
			l.advance()
		}
	}
	if l.start != never {
		l.end = c.End.Load()
	}
	if tick := c.Tick.Load(); tick != l.tick {
		l.tick = tick
		l.current, l.spare = l.spare, l.current
		l.live.Acked.Store(tick)
	}
}

// sending reports whether requests may still become due at now.
func (l *Loop) sending(now int64) bool { return l.start <= now && now < l.end }

// over reports whether there is nothing left to do or to wait for.
func (l *Loop) over(now int64) bool {
	if l.cfg.Control.Quit.Load() {
		return true
	}
	if now < l.end || l.start == never {
		return false
	}
	return l.inFlight == 0 && l.backlog.pending == 0 && l.due >= l.end || now >= l.end+int64(l.cfg.Timeout)
}

// patience is how long the loop may sleep: until the first thing that is due by itself. turned is
// when its turn began: exact enough if nothing is due at a time.
func (l *Loop) patience(turned int64) int64 {
	now := turned
	if l.paced {
		now = l.clock.Now()
	}
	until := now + maxWait
	if l.inFlight > 0 {
		until = now + longWait
	}
	if l.start == never {
		// The conductor announces the start ahead of time.
	} else if now < l.start {
		until = min(until, l.start)
	} else if now < l.end {
		until = min(until, l.end, l.due)
		if !l.paced && l.kicked < l.cfg.Conns {
			return 0
		}
	}
	until = min(until, l.overdue)
	if l.opening.head != none {
		until = min(until, l.conns[l.opening.head].began+int64(l.cfg.Timeout))
	}
	if l.closed.head != none && l.mayOpen(now) {
		until = min(until, l.cfg.Gate.Next(now))
	}
	if gap := until - now; gap > 0 && !(l.cfg.Spin && gap < shortGap) {
		return gap
	}
	return 0
}

// publish shows others how far the loop is. A store costs a locked instruction, so only what
// moved is stored.
func (l *Loop) publish() {
	show(&l.live.OK, l.replies)
	show(&l.live.Open, uint64(l.open))
	show(&l.live.Opened, l.tally.Opened)
	show(&l.live.Failed, l.failed)
	if l.lastGood-l.live.LastGood.Load() > publishEvery {
		l.live.LastGood.Store(l.lastGood)
	}
}

func show(to *atomic.Uint64, v uint64) {
	if to.Load() != v {
		to.Store(v)
	}
}

// shutdown counts what is still in flight or waiting, and closes every socket.
func (l *Loop) shutdown() error {
	now := l.clock.Now()
	for i := range l.conns {
		for l.conns[i].inFlight > 0 {
			f := l.pop(int32(i), now)
			p := l.part(f.due)
			p.InFlight++
			l.censor(p, f.bin, now-f.due)
		}
	}
	l.abandon(now)
	for i := range l.tally.Steps {
		l.tally.Measured.Add(&l.tally.Steps[i])
	}
	for i := range l.conns {
		if l.conns[i].state != isClosed {
			l.io.forget(int32(i))
		}
	}
	l.live.Acked.Store(Ended)
	l.open = 0
	l.publish()
	return l.io.close()
}

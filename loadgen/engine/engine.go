// Package engine drives the load: event loops, each on an operating-system thread of its own,
// that keep a schedule, a slab of connections, a clock and their histograms, and share nothing.
//
// # Idea
//
// A loop turns. In each turn it reads the clock, opens the connections the gate allows, sends
// every request that is due, expires what is overdue, and then waits for the sockets, but never
// longer than until the next of these is due. There is no goroutine per connection, no timer,
// no channel and no allocation while it turns.
//
//	       ┌────────────────────────── turn ──────────────────────────┐
//	clock ─┤ open ─▶ notice what is due ─▶ send ─▶ expire ─▶ publish  ├─▶ wait ─▶ sockets
//	       └───────────────────────────────────────────────────────▲──┘             │
//	             finish: judge, stamp, count, send the next one ◀──┴── received ◀───┘
//
// # Who moves the bytes
//
// A transport: epoll (readiness: told that a socket CAN be read, then reads) or another one.
// Above it everything is the same: schedule, protocol, clock and counting.
//
// # The clocks of a request
//
//	due ────────▶ sent ────────────────▶ last byte
//	      lag              service
//	      ╰────────── response ────────────────╯
//
// Response time counts from when the request was due, so a stall of the server, or of this
// generator, is felt by every request that became due meanwhile. Each stamp is taken at its
// event, not once per batch: the tenth socket of a batch is read later than the first.
//
// # What to watch
//
// The loops make raw system calls, which the Go scheduler does not see: it neither takes the
// processor away nor wakes another thread for it. A stop-the-world pause of the rest of the
// program interrupts a wait by a signal; where signals are late, no wait is longer than longWait.
package engine

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/conns"
	"iomodels/loadgen/pace"
	"iomodels/loadgen/wire"
)

// Config is what one loop is to do. Dialog, Schedule, Dialer and Gate belong to this loop alone;
// Control and Clock are shared by all loops of a run.
type Config struct {
	Engine   string        // which transport: see Engines
	Dialog   wire.Dialog   // the protocol
	Schedule pace.Schedule // when requests are due
	Dialer   *conns.Dialer // where connections go
	Gate     *conns.Gate   // how fast they may be opened
	Control  *Control      // what the conductor of the run decides
	Clock    Clock

	Conns     int                  // active connections
	Idle      int                  // connections that are only held
	FirstID   uint32               // connections are numbered from here, over all loops
	Pipeline  int                  // requests in flight per connection
	PerConn   int                  // requests per connection, then it is replaced; 0: no bound
	Timeout   time.Duration        // per request, and per connect
	Patience  time.Duration        // how late a request may be sent; after that it is given up
	Pinned    bool                 // request n belongs to connection n mod Conns; else to any free one
	Backlog   int                  // due requests that may wait for a connection, at least
	Steps     int                  // parts of equal length that the measured part has, counted apart
	StepEach  time.Duration        // length of a step
	Kinds     int                  // how many kinds of requests there are
	Kind      func(n uint64) uint8 // which of them request n is; not asked for when there is one
	Stamps    int                  // connections whose bytes the kernel is to stamp, too
	ReplySize int                  // about how many bytes a reply has: sizes receive buffers
	Spin      bool                 // a processor may be burnt to be on time
}

// The transports.
const (
	Epoll = "epoll"
	Uring = "uring"
)

// Engines are the names of the transports.
func Engines() []string { return []string{Epoll, Uring} }

// Control is how a run conducts its loops. All times are those of Clock.
type Control struct {
	Start   atomic.Int64  // the load begins; 0: not yet
	Measure atomic.Int64  // the measured part begins; set before Start
	End     atomic.Int64  // nothing becomes due from here on; set before Start
	Quit    atomic.Bool   // stop now, whatever is in flight
	Tick    atomic.Uint64 // intervals asked for: a loop that sees it move hands its interval over
}

// Clock reads CLOCK_MONOTONIC in nanoseconds. Going through a fixed time.Time costs half of
// what a system-wide reading does, and nothing is ever measured against the wall clock.
type Clock struct {
	base time.Time
	zero int64
}

// NewClock returns a clock; loops of one run share it.
func NewClock() (Clock, error) {
	var ts unix.Timespec
	c := Clock{base: time.Now()}
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return c, os.NewSyscallError("clock_gettime", err)
	}
	c.zero = ts.Nano()
	return c, nil
}

// Now returns CLOCK_MONOTONIC.
func (c Clock) Now() int64 { return c.zero + int64(time.Since(c.base)) }

// Live is what a loop publishes while it turns. Each field is written by the loop alone.
type Live struct {
	OK       atomic.Uint64 // verified replies so far, whichever part they belong to
	Open     atomic.Uint64 // connections open now
	Opened   atomic.Uint64 // connections opened so far
	Failed   atomic.Uint64 // connects that failed, and connections that came to nothing
	LastGood atomic.Int64  // when a connect last succeeded or a reply last arrived
	Acked    atomic.Uint64 // the last Tick whose interval was handed over
	Thread   atomic.Int64  // kernel id of the loop's thread
	_        [64]byte      // keeps two loops' counters off one cache line
}

// transport moves the bytes of one loop. It reports back by calling the loop's connected,
// received, peerClosed and broke; out and wrote tell it what to write.
type transport interface {
	// watch takes a new socket over. If it is not connected yet, connected or broke follows.
	watch(slot int32, connected bool) syscall.Errno
	// flush writes what the slot owes, as far as it can now; the rest follows by itself.
	flush(slot int32)
	// forget closes the slot's socket. Nothing of it is reported afterwards.
	forget(slot int32)
	// wait blocks for at most ns and reports what happened.
	wait(ns int64) error
	// close gives back what the transport itself holds.
	close() error
}

func newTransport(l *Loop) (transport, error) {
	switch l.cfg.Engine {
	case Epoll:
		return newEpoll(l)
	case Uring:
		return newRing(l)
	}
	return nil, fmt.Errorf("engine %q: want one of %v", l.cfg.Engine, Engines())
}

// Package watchdog notices that an event loop is held up by one of its handlers, and says by which.
//
// A loop serves many connections, one after the other. A handler that waits, or computes for long,
// makes all of them wait, and nothing shows it: no error, no processor time, only latency that
// somebody else sees. So each loop leaves a beat, and a watchdog looks at it now and then.
//
//	loop                                   watchdog, every 50 ms
//	 │ Waits   beat: odd
//	 │ (sleeps)                             odd: nothing to complain about
//	 │ Busy    beat: even, a new number     new: begins to count
//	 │ handler blocks ...                   the same: hm. Raises a flag
//	 │ ... returns
//	 │ Handled: the flag is up: logs what the handler was given, and for how long it held the loop
//	 │ Waits   beat: odd
//
// What it costs: a store per turn of the loop, a look at a flag per handler, no clock. The loop
// describes the culprit itself, for it alone may look at its buffers. A handler that never returns
// cannot be described; that the loop hangs is logged all the same.
package watchdog

import (
	"bytes"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Interval is the time between two looks. A handler that holds its loop for three of them is
// always noticed, one that holds it for less than one never.
const Interval = 50 * time.Millisecond

// quiet is how long, at least, a loop is not reported again.
const quiet = time.Second

// Dog watches loops.
type Dog struct {
	log  *slog.Logger
	now  func() time.Time
	last time.Time // of the looks

	mu    sync.Mutex
	loops []*Loop
}

// New returns a watchdog that sleeps until Start.
func New(log *slog.Logger) *Dog { return &Dog{log: log, now: time.Now} }

// Loop is what a loop and its watchdog share. The loop's goroutine makes every call. On nil they do
// nothing: a loop need not be watched.
type Loop struct {
	beat    atomic.Uint64 // odd: waits
	flagged atomic.Bool   // this turn is a long one: the next handler to end shall say what it was

	dog    *Dog
	number int

	mu     sync.Mutex
	seen   uint64    // beat at the last look
	before time.Time // the turn began after this look
	since  time.Time // and before this one
	raised time.Time // the flag
	said   time.Time // the last report
}

// Watch adds a loop.
func (d *Dog) Watch() *Loop {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &Loop{dog: d, number: len(d.loops)}
	l.beat.Store(1)
	d.loops = append(d.loops, l)
	return l
}

// Start lets the dog look, until stop is called, which returns when it has stopped.
func (d *Dog) Start() (stop func()) {
	enough := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		ticker := time.NewTicker(Interval)
		defer ticker.Stop()
		for {
			select {
			case <-enough:
				return
			case <-ticker.C:
				d.look()
			}
		}
	})
	return func() { close(enough); watch.Wait() }
}

func (d *Dog) look() {
	d.mu.Lock()
	loops := d.loops
	d.mu.Unlock()
	now := d.now()
	for _, l := range loops {
		l.look(now, d.last)
	}
	d.last = now
}

// Waits says that the loop has nothing to do and is about to sleep.
func (l *Loop) Waits() {
	if l != nil {
		l.beat.Store(l.beat.Load() | 1)
	}
}

// Busy says that a turn begins: handlers will run.
func (l *Loop) Busy() {
	if l != nil {
		l.beat.Store((l.beat.Load() | 1) + 1)
	}
}

// Handled says that a handler that was given in has returned.
func (l *Loop) Handled(in []byte) {
	if l != nil && l.flagged.Load() {
		l.report(in)
	}
}

// look raises the flag when the same turn is seen for the second time.
func (l *Loop) look(now, last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	beat := l.beat.Load()
	if beat != l.seen || beat%2 == 1 {
		l.seen, l.before, l.since = beat, last, now
		l.flagged.Store(false) // whatever it was, it was no handler
		return
	}
	if !l.flagged.Load() {
		l.raised = now
		l.flagged.Store(true)
	}
	if held := now.Sub(l.since); held >= quiet && l.may(now) {
		l.dog.log.Warn(fmt.Sprintf("loop blocked for %v, its handler has not returned", round(held)), "loop", l.number)
	}
}

// report logs who held the loop. The handlers of one turn share the time since it began; but one
// that ran through a whole interval alone is to blame.
func (l *Loop) report(in []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.dog.now()
	least, most := now.Sub(l.since), now.Sub(l.before)
	alone := now.Sub(l.raised) >= Interval
	l.before, l.since = now, now // the next handler has its own time
	l.flagged.Store(false)
	if !l.may(now) {
		return
	}
	verdict := "blocked %v to %v in handler %s"
	if !alone {
		verdict = "busy %v to %v in one turn, at last with handler %s"
	}
	l.dog.log.Warn(fmt.Sprintf("loop "+verdict, round(least), round(most), describe(in)), "loop", l.number)
}

// may reports whether enough time has passed since the last report, and if so notes this one.
func (l *Loop) may(now time.Time) bool {
	if !l.said.IsZero() && now.Sub(l.said) < quiet {
		return false
	}
	l.said = now
	return true
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// descriptionMax is how many bytes of a request are shown.
const descriptionMax = 80

// describe says what a handler was given: the first request line, or how many bytes of what.
func describe(in []byte) string {
	line, _, isLine := bytes.Cut(in, []byte("\r\n"))
	if request, _, ok := bytes.Cut(line, []byte(" HTTP/")); ok && isLine {
		line = request
	}
	short := line[:min(len(line), descriptionMax)]
	for _, r := range string(short) {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			return fmt.Sprintf("of %d bytes", len(in))
		}
	}
	if !isLine || len(short) < len(line) {
		return fmt.Sprintf("of %d bytes: %s", len(in), short)
	}
	return string(short)
}

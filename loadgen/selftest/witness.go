package selftest

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/latency"
)

// witness is a thread that wants to wake up every millisecond, and takes note of how late it
// does. It depends on nothing but the machine, so it may excuse others. Like requests, its
// wake-ups have due times: a pause of 100 ms makes a hundred of them late, and not one.
type witness struct {
	quit atomic.Bool
	done chan *latency.Histogram
}

func watch() *witness {
	w := &witness{done: make(chan *latency.Histogram, 1)}
	go w.run()
	return w
}

func (w *witness) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	late := latency.New(latency.Coarse)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // without it everything is 50 us late: visible
	for at := monotonic(); !w.quit.Load(); at += int64(time.Millisecond) {
		ts := unix.NsecToTimespec(at)
		for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil) == unix.EINTR {
		}
		late.Record(monotonic() - at)
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
	w.done <- late
}

// aside watches the machine until it is asked what it saw, which has to be once. Without
// witnesses it sees nothing.
func (t *Trial) aside() (seen func() *latency.Histogram) {
	if !t.lab.Witness {
		return func() *latency.Histogram { return latency.New(latency.Coarse) }
	}
	return watch().stop
}

// stop returns how late the wake-ups were, in ns.
func (w *witness) stop() *latency.Histogram {
	w.quit.Store(true)
	return <-w.done
}

func monotonic() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return ts.Nano()
}

// noise is what of the machine's own lateness can be in a checked figure. Who is late takes
// longer, so noise excuses what is too large, and what is too small only where both may be. The
// zero noise excuses nothing.
type noise struct {
	kind  figure
	q     float64 // of a quantile: which
	times float64 // wake-ups that a request, or an arrival, waits for
	unit  float64 // ns of one unit of the check
	below bool    // excuses what is too small, too: gaps, of which a late one makes the next short

	// truth is the quantile function without noise, in units of the check; nil: all requests
	// take equally long.
	truth func(q float64) float64
	// room is how late a request may be without being counted among the slow, in ns.
	room float64
	// spread is how many requests are late for each that finds the machine late; 0: one. A
	// queue makes those wait that come after it.
	spread float64
}

// figure is what a check looks at: it decides how lateness gets into it.
type figure uint8

const (
	ofQuantile figure = iota
	ofMean
	ofSpread // standard deviation
	ofShare  // percentage of slow requests
)

// allows is by how much the figure can be off if requests were late as the witness was, in units
// of the check. For a quantile it is the union bound: whatever y is, a request is late by more
// than times*y only if one of its wake-ups was late by more than y; let that be the share u of
// the wake-ups. Then at most the share times*u of the requests is later than that, so
//
//	quantile q of response  <=  truth(q + times u) + times y,   with the y that makes it smallest
func (n noise) allows(seen *latency.Histogram) float64 {
	if n.times == 0 || seen.Count() == 0 {
		return 0
	}
	switch n.kind {
	case ofMean:
		return n.times * max(n.spread, 1) * seen.Mean() / n.unit
	case ofShare:
		return 100 * n.times * float64(seen.Above(int64(n.room/n.times))) / float64(seen.Count())
	case ofSpread:
		return n.times * math.Hypot(seen.Mean(), seen.StdDev()) / n.unit
	}
	truth := n.truth
	if truth == nil {
		truth = func(float64) float64 { return 0 }
	}
	touched := n.times * max(n.spread, 1)
	at := func(u float64) float64 {
		q := min(n.q+touched*u, 1)
		return truth(q) - truth(n.q) + n.times*float64(seen.Quantile(1-u))/n.unit
	}
	best := n.times * float64(seen.Max()) / n.unit // none is later than that: u = 0
	for u := (1 - n.q) / touched; u > 0 && u*float64(seen.Count()) >= 1; u *= 0.9 {
		if b := at(u); b < best { // false for infinities and for what is no number
			best = b
		}
	}
	return best
}

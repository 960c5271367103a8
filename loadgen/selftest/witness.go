package selftest

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/latency"
)

// witness watches the machine: on each processor a thread that wants to wake up every millisecond,
// and takes note of how late it does. It depends on nothing but the machine, so it may excuse
// others. Like requests, its wake-ups have due times: a pause of 100 ms makes a hundred of them
// late, and not one. The threads are bound to their processors: one that may move evades the very
// programs that the generator has to wait for.
type witness struct {
	quit atomic.Bool
	wait sync.WaitGroup
	seen sightings // each thread has its own
}

func watch() *witness {
	var set unix.CPUSet
	_ = unix.SchedGetaffinity(0, &set) // then there are none, and nothing is excused
	w := &witness{}
	for cpu := 0; len(w.seen) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			late := latency.New(latency.Coarse)
			w.seen = append(w.seen, late)
			w.wait.Go(func() { w.run(cpu, late) })
		}
	}
	return w
}

// run does not give its thread back: it ends with it, and so do its settings.
func (w *witness) run(cpu int, late *latency.Histogram) {
	runtime.LockOSThread()
	var here unix.CPUSet
	here.Set(cpu)
	_ = unix.SchedSetaffinity(0, &here)                // without it, it is a witness all the same
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // without it everything is 50 us late: visible
	for at := monotonic(); !w.quit.Load(); at += int64(time.Millisecond) {
		ts := unix.NsecToTimespec(at)
		for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil) == unix.EINTR {
		}
		late.Record(monotonic() - at)
	}
}

// stop returns what was seen.
func (w *witness) stop() sightings {
	w.quit.Store(true)
	w.wait.Wait()
	return w.seen
}

// sightings are how late wake-ups were, in ns, on each processor.
type sightings []*latency.Histogram

// and is what was seen at both times.
func (s sightings) and(later sightings) (both sightings) {
	for i := range max(len(s), len(later)) {
		sum := latency.New(latency.Coarse)
		for _, seen := range []sightings{s, later} {
			if i < len(seen) {
				sum.Merge(seen[i])
			}
		}
		both = append(both, sum)
	}
	return both
}

// From here on the machine does not merely take its time, it does something else. An idle one,
// even a virtual one, wakes 99 of 100 sleepers within half of the first.
const (
	disturbedP99 = 300 * time.Microsecond
	disturbedMax = 10 * time.Millisecond
)

// disturbed reports whether what was measured meanwhile says nothing. It does not know what was
// measured.
func (s sightings) disturbed() bool {
	return slices.ContainsFunc(s, func(h *latency.Histogram) bool {
		return h.Quantile(0.99) > int64(disturbedP99) || h.Max() > int64(disturbedMax)
	})
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

// excuses returns by how much the figure can be off, if requests were late as wake-ups were on the
// processor where that is most; and what was seen there.
func (n noise) excuses(seen sightings) (allowed float64, where *latency.Histogram) {
	for _, h := range seen {
		if a := n.allows(h); where == nil || a > allowed {
			allowed, where = a, h
		}
	}
	return allowed, where
}

// allows is by how much the figure can be off if requests were late as the witness was, in units
// of the check. For a quantile it is the union bound: whatever y is, a request is late by more
// than times*y only if one of its wake-ups was late by more than y; let that be the share u of
// the wake-ups. Then at most the share times*u of the requests is later than that, so
//
//	quantile q of response  <=  truth(q + times u) + times y,   with the y that makes it smallest
func (n noise) allows(seen *latency.Histogram) float64 {
	if n.times == 0 || seen.Count() == 0 { // the figure is not one of time, or too short to be watched
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

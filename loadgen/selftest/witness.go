package selftest

import (
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

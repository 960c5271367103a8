package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// giveBack returns memory to the system after a crowd has left, until ctx is done. It belongs to
// the process and is therefore the same for every model, the libraries included.
//
// Without it a server that has become idle keeps what its crowd took for four minutes: nothing
// allocates, so nothing collects, but for the forced collection every two minutes; what is pooled
// outlives the first (sync.Pool); and only then is there something for the scavenger to return.
//
// It looks at the number of open files, once in a while, and not at connections: so no model has
// to count for it, and no request pays. While connections stay it does nothing, and a collection
// during a measurement would need half of its connections to leave.
func giveBack(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	crowd := leave{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if crowd.over(openFiles()) {
			startThread()
			debug.FreeOSMemory() // pools hand what they hold to the collector
			debug.FreeOSMemory() // and the collector takes it
		}
	}
}

// lookEvery is short enough to see a crowd that stays for hardly a second.
const lookEvery = 200 * time.Millisecond

// stillFor is how many looks in a row must see the same number before the leaving is over. It
// also bounds how often memory is given back.
const stillFor = 5

// massLeave is how many connections must have left for their memory to be worth two collections.
const massLeave = 500

// openFiles returns how many files this process has open. Kernels before 6.2 say 0, and then the
// runtime's own pace remains.
func openFiles() int {
	fi, err := os.Stat("/proc/self/fd")
	if err != nil {
		return 0
	}
	return int(fi.Size())
}

// leave notices that a crowd has left.
type leave struct {
	most  int // open at a time since the last crowd left
	last  int
	still int // looks in a row that saw last
}

// over takes the number of those that are here now, and reports whether at least half of them
// have left since there were most, and whether they have done leaving.
func (l *leave) over(now int) bool {
	l.still++
	if now != l.last {
		l.last, l.still = now, 0
	}
	l.most = max(l.most, now)
	if l.still < stillFor || l.most-now < max(massLeave, l.most/2) {
		return false
	}
	l.most = now
	return true
}

// startThread makes the runtime start a thread: only then does it free the stacks and records of
// those that have ended. Where each connection had a thread, they are half of what a crowd leaves.
func startThread() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	var started sync.WaitGroup
	end := make(chan struct{})
	for range len(threads) + 1 { // one more than there are to run them
		started.Add(1)
		go func() {
			runtime.LockOSThread() // not unlocked: the thread ends, too, or each crowd would leave some
			started.Done()
			<-end
		}()
	}
	started.Wait()
	close(end)
}

package guard

import (
	"context"
	"sync"
	"time"

	"iomodels/servers/blocking"
	"iomodels/servers/deadline"
)

// Crowd is the open connections of one server. Any goroutine may use it at any time.
type Crowd[C comparable] struct {
	limit int // of connections; 0: none
	shut  func(C)

	mu       sync.Mutex
	open     blocking.Set[C]
	stopping bool
	over     bool // the end of Watch has come
}

// NewCrowd returns an empty crowd that ends a connection by shut: outside the lock, so shut may
// call Leave, and perhaps twice.
func NewCrowd[C comparable](limit int, shut func(C)) *Crowd[C] {
	return &Crowd[C]{limit: limit, shut: shut}
}

// Enter lets c in, unless the crowd is full or stopping.
func (w *Crowd[C]) Enter(c C) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full() {
		return false
	}
	w.open.Add(c)
	return true
}

// Add lets c in without asking: for libraries that want to know, by Full, before they have a c. What
// such a library took just before the end, and brings after it, is ended at once: nobody is left
// to look after it.
func (w *Crowd[C]) Add(c C) {
	w.mu.Lock()
	late := w.over
	if !late {
		w.open.Add(c)
	}
	w.mu.Unlock()
	if late {
		w.shut(c)
	}
}

// Full reports whether Enter would say no.
func (w *Crowd[C]) Full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.full()
}

func (w *Crowd[C]) full() bool { return w.stopping || w.limit > 0 && w.open.Len() >= w.limit }

// Leave takes c out, and reports whether it was in.
func (w *Crowd[C]) Leave(c C) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open.Remove(c)
}

// Has reports whether c is in.
func (w *Crowd[C]) Has(c C) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open.Has(c)
}

// Stop lets nobody in any more.
func (w *Crowd[C]) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
}

// CloseIf takes out and ends the connections for which doomed holds, and returns how many others
// there are. doomed is called with the crowd locked.
func (w *Crowd[C]) CloseIf(doomed func(C) bool) (others int) {
	var out []C
	w.mu.Lock()
	for c := range w.open.All() {
		if doomed(c) {
			out = append(out, c)
			w.open.Remove(c)
		}
	}
	others = w.open.Len()
	w.mu.Unlock()
	for _, c := range out {
		w.shut(c)
	}
	return others
}

// Settle lets nobody in, and ends the connections that owe nothing until there are no others, or
// the grace is over.
func (w *Crowd[C]) Settle(grace context.Context, settled func(C) bool) {
	w.Stop()
	for w.CloseIf(settled) > 0 {
		select {
		case <-grace.Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// LookEvery is how often connections are looked at: a time-out strikes that much later.
const LookEvery = 2 * deadline.Resolution

// Watch ends overdue connections until end is called, and then those that are left.
func (w *Crowd[C]) Watch(overdue func(C, deadline.Tick) bool) (end func()) {
	ended := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		begin, tick := time.Now(), time.NewTicker(LookEvery)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				now := deadline.At(time.Since(begin))
				w.CloseIf(func(c C) bool { return overdue(c, now) })
			}
		}
	})
	return func() {
		close(ended)
		watcher.Wait()
		w.mu.Lock()
		w.over = true
		w.mu.Unlock()
		w.CloseIf(func(C) bool { return true })
	}
}

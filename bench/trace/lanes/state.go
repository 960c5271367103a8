package lanes

import (
	"fmt"
	"slices"
	"strings"

	"iomodels/bench/trace"
)

// State is what the four boxes of a page hold at a moment.
type State struct {
	Waiting []string // who waits, and for what
	Queue   []string // what is ready, or complete, and not handled yet
	Running []string // which handler runs
	Kernel  []string // which memory is the kernel's
}

// watcher keeps the state up to date. Order is that of arrival, so that nothing jumps.
type watcher struct {
	b       *builder
	waiting entries // by thread, goroutine, operation or connection
	queue   entries
	running entries
	kernel  entries
}

func newWatcher(b *builder) watcher { return watcher{b: b} }

// entries is a list of texts with keys.
type entries struct{ keys, texts []string }

func (l *entries) put(key, text string) {
	if i := slices.Index(l.keys, key); i >= 0 {
		l.texts[i] = text
		return
	}
	l.keys, l.texts = append(l.keys, key), append(l.texts, text)
}

func (l *entries) drop(key string) {
	if i := slices.Index(l.keys, key); i >= 0 {
		l.keys, l.texts = slices.Delete(l.keys, i, i+1), slices.Delete(l.texts, i, i+1)
	}
}

func (w *watcher) state() State {
	return State{
		slices.Clone(w.waiting.texts), slices.Clone(w.queue.texts),
		slices.Clone(w.running.texts), slices.Clone(w.kernel.texts),
	}
}

// see takes in an event, of the scene or from before it.
func (w *watcher) see(e trace.Event) {
	switch e.Layer {
	case trace.Syscall:
		if !w.b.noise(e) {
			w.call(e)
		}
	case trace.Probe:
		if w.b.mine[e.G] {
			w.probe(e)
		}
	case trace.Go:
		if w.b.mine[e.G] {
			w.scheduler(e)
		}
	}
}

func (w *watcher) call(e trace.Event) {
	thread := fmt.Sprintf("tid%d", e.TID)
	if w.b.lanes[thread] == 0 {
		return
	}
	name := w.b.Lanes[w.b.lanes[thread]].Name
	verb := verbOfCall(e.Name).Name
	switch {
	case verb == "wait" && e.Verb == trace.Enter:
		w.waiting.put(thread, fmt.Sprintf("%s, in %s", name, w.b.callLabel(e)))
		w.running.drop(fmt.Sprintf("G%d", e.G))
	case verb == "wait":
		w.waiting.drop(thread)
		w.batch(e)
	case verb == "read" && e.Verb == trace.Enter:
		w.waiting.put(thread, fmt.Sprintf("%s, in %s", name, w.b.callLabel(e)))
	case verb == "read":
		w.waiting.drop(thread)
	}
}

// batch puts into the queue what a wait has brought: what this thread is told before it waits again.
func (w *watcher) batch(e trace.Event) {
	from := slices.IndexFunc(w.b.events, func(o trace.Event) bool { return o.At == e.At && o.TID == e.TID && o.Verb == e.Verb })
	if from < 0 {
		return
	}
	for _, o := range w.b.events[from+1:] {
		switch {
		case o.TID != e.TID:
		case o.Layer == trace.Syscall && o.Verb == trace.Enter && verbOfCall(o.Name).Name == "wait":
			return
		case o.Layer == trace.Probe && o.Verb == "ready":
			w.queue.put("ready "+o.On, w.b.thing(o.On)+" is ready")
		case o.Layer == trace.Probe && (o.Verb == "complete" || o.Verb == "ended") && !w.b.emulates() && o.Name != "own":
			w.queue.put(o.Name+o.On, w.b.op(o)+" has completed")
		}
	}
}

func (w *watcher) probe(e trace.Event) {
	thing, g := w.b.thing(e.On), fmt.Sprintf("G%d", e.G)
	op := e.Name + e.On
	switch e.Verb {
	case "ready":
		w.queue.drop("ready " + e.On)
		w.running.put(g, fmt.Sprintf("%s: event handler of %s", g, thing))
	case "submit":
		w.submit(e, op)
	case "complete", "ended":
		w.queue.drop(op)
		if e.Name == "own" {
			return
		}
		w.running.put(g, fmt.Sprintf("%s: completion handler of %s", g, w.b.op(e)))
		if e.Verb == "ended" {
			w.waiting.drop(op)
			w.kernel.drop(op)
		}
	case "begin":
		w.running.put(g+"feed", fmt.Sprintf("%s: Feed, the protocol thinks", g))
	case "end":
		w.running.drop(g + "feed")
	case "owner":
		w.owner(e)
	}
}

func (w *watcher) submit(e trace.Event, op string) {
	switch {
	case strings.HasPrefix(e.Name, "send") && w.b.emulates():
		w.kernel.put(op, fmt.Sprintf("none; the emulation holds %d B for %s", e.Ret, w.b.thing(e.On)))
	case strings.HasPrefix(e.Name, "send"):
		w.kernel.put(op, fmt.Sprintf("%d B of %s's answer, until the send has completed", e.Ret, w.b.thing(e.On)))
	case e.Name == "receive":
		w.waiting.put(op, w.b.thing(e.On)+": its receive is pending, without a thread")
		if w.b.emulates() {
			return
		}
		w.kernel.put(op, fmt.Sprintf("receive(%s): no buffer yet; one is chosen when bytes come", w.b.thing(e.On)))
	case e.Name == "accept":
		w.waiting.put(op, w.b.thing(e.On)+": its accept is pending, without a thread")
	}
}

// owner notes that a buffer changes hands.
func (w *watcher) owner(e trace.Event) {
	switch e.Name {
	case "kernel":
		w.kernel.put("receive"+e.On, fmt.Sprintf("%d B, the buffer of %s's receive", e.Ret, w.b.thing(e.On)))
	case "handler":
		w.running.put("buffer", fmt.Sprintf("has a buffer of the pool, with %d B, on loan", max(e.Ret, 0)))
	case "pool":
		w.running.drop("buffer")
	}
}

func (w *watcher) scheduler(e trace.Event) {
	g := fmt.Sprintf("G%d", e.G)
	switch e.Verb {
	case trace.Park:
		w.running.drop(g)
		w.queue.drop(g)
		w.waiting.put(g, fmt.Sprintf("%s, parked: %s", g, e.Name))
	case trace.Wake:
		w.waiting.drop(g)
		w.queue.put(g, g+" can run")
	case trace.Run:
		w.waiting.drop(g)
		w.queue.drop(g)
		name := w.b.Header.Goroutines[e.G]
		w.running.put(g, fmt.Sprintf("%s: %s", g, name[strings.LastIndex(name, "/")+1:]))
	case trace.Gone:
		w.running.drop(g)
	}
}

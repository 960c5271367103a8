package trace

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Step is a call that came back while a request was served.
type Step struct {
	Lane   string // T0, T1, ...: its thread, in the order of their first steps
	Name   string
	On     string // conn, listener, epoll, eventfd, ring, set; numbered if there are several of a kind
	Result string // what it returned, or the name of the error
	Many   bool   // so it came back three times or more on end
}

func (s Step) String() string {
	text := fmt.Sprintf("%s %s(%s) = %s", s.Lane, s.Name, s.On, s.Result)
	if s.Many {
		text += ", again and again"
	}
	return text
}

// Sequence is what a server does, in order.
type Sequence []Step

func (q Sequence) String() string {
	var b strings.Builder
	for _, s := range q {
		b.WriteString(s.String() + "\n")
	}
	return b.String()
}

// Key is equal for sequences that differ only in ways that are not the model's doing; see byThing.
func (q Sequence) Key() string {
	things := q.byThing()
	var b strings.Builder
	for _, thing := range slices.Sorted(maps.Keys(things)) {
		b.WriteString(thing + ": " + things[thing] + "\n")
	}
	return b.String()
}

// byThing tells what was done on each thing, in order. It leaves out what is not the model's doing:
// the thread that the Go scheduler chose, the order of steps on different things, and looks that
// found nothing, for how often a loop looks before it waits depends on how long the tracer holds
// it up.
func (q Sequence) byThing() map[string]string {
	w := newWindow()
	for _, s := range q {
		if !s.vain() {
			w.add(Event{Name: s.Name, On: s.On, Err: s.Result})
		}
	}
	things := map[string]string{}
	for _, s := range w.finish() {
		things[s.On] += s.Name + " = " + s.Result + "; "
	}
	return things
}

// vain reports whether the step is a look at many things that found none of them ready.
func (s Step) vain() bool {
	return s.Result == "0" && (s.On == "set" || kindOfName(s.On) == "epoll") && s.Name != "epoll_ctl"
}

// Calls is how many calls there were, by name.
type Calls map[string]int

// Total is how many calls there were.
func (c Calls) Total() (n int) {
	for _, k := range c {
		n += k
	}
	return n
}

// Sequences returns what was done after each such mark, until the server rested.
func (t *Trace) Sequences(mark string) []Sequence {
	var all []Sequence
	for _, steps := range t.windows(mark) {
		all = append(all, fold(steps))
	}
	return all
}

// Calls counts the calls after each such mark, until the server rested.
func (t *Trace) Calls(mark string) []Calls {
	var all []Calls
	for _, steps := range t.windows(mark) {
		calls := Calls{}
		for _, s := range steps {
			calls[s.Name]++
		}
		all = append(all, calls)
	}
	return all
}

// windows cuts the trace.
func (t *Trace) windows(mark string) [][]Step {
	noise := newNoise(t.Events)
	var all [][]Step
	var w *window
	for _, e := range t.Events {
		switch {
		case e.Layer == Client && e.Name == mark:
			w = newWindow()
		case e.Layer == Client && e.Name == MarkQuiet && w != nil:
			all = append(all, w.finish())
			w = nil
		case w != nil && e.Layer == Syscall && e.Verb == Exit && !noise.is(e):
			w.add(e)
		}
	}
	return all
}

// window collects the steps of one request, or one burst.
type window struct {
	steps  []Step
	lanes  map[int]string
	things map[string][]string // by kind, in the order of their first steps
}

func newWindow() *window { return &window{lanes: map[int]string{}, things: map[string][]string{}} }

func (w *window) add(e Event) {
	if w.lanes[e.TID] == "" {
		w.lanes[e.TID] = "T" + strconv.Itoa(len(w.lanes))
	}
	if kind := kindOfName(e.On); !slices.Contains(w.things[kind], e.On) {
		w.things[kind] = append(w.things[kind], e.On)
	}
	result := e.Err
	if result == "" {
		result = strconv.FormatInt(e.Ret, 10)
	}
	name := e.Name
	if strings.HasPrefix(name, "epoll_pwait") { // the same call with a mask, or a finer clock
		name = "epoll_wait"
	}
	w.steps = append(w.steps, Step{Lane: w.lanes[e.TID], Name: name, On: e.On, Result: result})
}

// finish gives the things their short names.
func (w *window) finish() []Step {
	for i, s := range w.steps {
		kind := kindOfName(s.On)
		w.steps[i].On = kind
		if same := w.things[kind]; len(same) > 1 {
			w.steps[i].On = kind + strconv.Itoa(1+slices.Index(same, s.On))
		}
	}
	return w.steps
}

func kindOfName(name string) string { return strings.TrimRight(name, "0123456789") }

// fold writes three or more equal steps on one thing as one: how often a loop that does not wait
// goes round says nothing. Two stay two, for the second may be one too many.
func fold(steps []Step) Sequence {
	type run struct{ first, second int } // where the last run on a thing began; -1: no second step yet
	var out Sequence
	gone := map[int]bool{}
	last := map[string]*run{}
	for _, s := range steps {
		r := last[s.On]
		if r == nil || out[r.first].Name != s.Name || out[r.first].Result != s.Result {
			last[s.On] = &run{len(out), -1}
			out = append(out, s)
		} else if r.second < 0 {
			r.second = len(out)
			out = append(out, s)
		} else {
			out[r.first].Many, gone[r.second] = true, true
		}
	}
	var kept Sequence
	for i, s := range out {
		if !gone[i] {
			kept = append(kept, s)
		}
	}
	return kept
}

// Noise returns a question: is this system call the Go runtime's own, and no part of the model?
func (t *Trace) Noise() func(Event) bool { return newNoise(t.Events).is }

// noise knows what the Go runtime does for itself. It keeps an epoll instance of its own in every
// process, for timers, and wakes itself by an eventfd; in a server that waits in epoll by itself
// that is no part of the model. Where the runtime's instance is what connections wait in, it is.
type noise struct {
	watches map[string]bool   // epoll instances that know a socket
	within  map[string]string // eventfd: the epoll instance it is registered with
}

func newNoise(events []Event) noise {
	n := noise{map[string]bool{}, map[string]string{}}
	for _, e := range events {
		if e.Name != "epoll_ctl" {
			continue
		}
		switch kindOfName(e.With) {
		case "conn", "listener", "socket", "ring":
			n.watches[e.On] = true
		case "eventfd":
			n.within[e.With] = e.On
		}
	}
	return n
}

func (n noise) is(e Event) bool {
	if e.Err == "EINTR" || strings.HasPrefix(e.Err, "RESTART_") { // a signal: the scheduler's
		return true
	}
	switch kindOfName(e.On) {
	case "conn", "listener", "socket", "ring", "set":
		return false
	case "epoll":
		return !n.watches[e.On]
	case "eventfd":
		home, registered := n.within[e.On]
		return registered && !n.watches[home]
	}
	return true
}

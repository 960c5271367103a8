package trace

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Cutting leaves in a trace what a picture shows: the first connection, the last quiet request and
// the burst, and of what came before them what is still going on or says what things are.

// Cut returns a smaller trace, with the windows that pictures show.
func (t *Trace) Cut() *Trace {
	out := &Trace{Header: t.Header}
	out.Header.Cut = true
	keep := make([]bool, len(t.Events))
	for _, mark := range []string{MarkConnect, MarkSend, MarkBurst} {
		if from, to, ok := t.shown(mark); ok {
			for i := from; i <= to; i++ {
				keep[i] = true
			}
			for _, i := range t.pending(from) {
				keep[i] = true
				if over := t.over(i); over > 0 {
					keep[over] = true
				}
			}
		}
	}
	for i, e := range t.Events {
		keep[i] = keep[i] || e.Layer == Syscall && e.Verb == Exit && e.Name == "epoll_ctl"
	}
	out.Header.Folded = t.fold(keep)
	out.Events = t.thin(keep)
	out.renumber()
	return out
}

// look is a look of a thread, or a goroutine, at a thing.
type look struct {
	who      uint64
	name, on string
}

// fold takes out of what is kept what a loop that does not wait does again and again: from the third
// time on until it has found something. It returns how many calls that were.
func (t *Trace) fold(keep []bool) (folded int) {
	looks, entered := map[look]int{}, map[int]int{}
	again := func(l look) bool { looks[l]++; return looks[l] > 2 }
	for i, e := range t.Events {
		who := e.G
		if who == 0 {
			who = uint64(e.TID)
		}
		switch from := entered[e.TID]; {
		case e.Layer == Syscall && e.Verb == Enter && e.On != "":
			entered[e.TID] = i
		case e.Layer == Syscall && e.On != "" && e.Err == "EAGAIN":
			if again(look{who, e.Name, e.On}) && keep[i] && keep[from] {
				keep[i], keep[from] = false, false
				folded++
			}
		case e.Layer == Syscall && e.On != "" || e.Layer == Probe && e.Verb == "begin":
			maps.DeleteFunc(looks, func(l look, _ int) bool { return l.who == who })
		case e.Layer == Probe && e.Verb == "ready", e.Layer == Go && (e.Verb == Yield || e.Verb == Run):
			keep[i] = keep[i] && !again(look{who, e.Verb, e.On})
		}
	}
	return folded
}

// thin returns what is kept. Of the runtime's calls for itself, which are most, it is only told that
// they were made, and one that a thread makes again and again is told once until something happens.
func (t *Trace) thin(keep []bool) (out []Event) {
	noise, told := t.Noise(), map[string]bool{}
	for i, e := range t.Events {
		switch {
		case !keep[i]:
		case e.Layer != Syscall || !noise(e):
			if e.Layer != Go {
				clear(told)
			}
			out = append(out, e)
		case e.Name == "epoll_ctl" || e.Verb == Exit && e.Err != "": // says what is whose, or ends a call
			out = append(out, e)
		case e.Verb == Enter && !told[e.Name]:
			told[e.Name] = true
			e.Args, e.Stack = nil, nil
			out = append(out, e)
		}
	}
	return out
}

// Windows returns the events after each such mark, until the server rested; the mark is the first.
func (t *Trace) Windows(mark string) [][]Event {
	var all [][]Event
	for from, e := range t.Events {
		if e.Layer == Client && e.Name == mark {
			all = append(all, t.Events[from:t.end(from)+1])
		}
	}
	return all
}

// Before returns what was still going on when the i-th window of a mark began: calls that have not
// come back, operations that have not completed, and where goroutines were.
func (t *Trace) Before(mark string, i int) []Event {
	for from, e := range t.Events {
		if e.Layer != Client || e.Name != mark {
			continue
		}
		if i == 0 {
			var out []Event
			for _, at := range t.pending(from) {
				out = append(out, t.Events[at])
			}
			return out
		}
		i--
	}
	return nil
}

// shown finds the window of a mark that a picture is to show: of those that did what is most usual,
// the one that was answered soonest, for it was the least disturbed.
func (t *Trace) shown(mark string) (from, to int, ok bool) {
	usual, seen := "", t.Sequences(mark)
	if c := Usual(seen, 1); len(c) > 0 {
		usual = c[0].Key()
	}
	n, best := 0, int64(math.MaxInt64)
	for i, e := range t.Events {
		if e.Layer != Client || e.Name != mark {
			continue
		}
		took := t.answered(i) - e.At
		if n < len(seen) && seen[n].Key() != usual {
			took += int64(time.Hour)
		}
		if took < best {
			from, to, ok, best = i, t.end(i), true, took
		}
		n++
	}
	return from, to, ok
}

// answered returns when the window that begins at a place had its answer.
func (t *Trace) answered(from int) int64 {
	for _, e := range t.Events[from:] {
		if e.Layer == Client && e.Name == MarkAnswered {
			return e.At
		}
	}
	return t.Events[from].At
}

func (t *Trace) end(from int) int {
	for i := from; i < len(t.Events); i++ {
		if e := t.Events[i]; e.Layer == Client && e.Name == MarkQuiet {
			return i
		}
	}
	return len(t.Events) - 1
}

// pending returns the places of the events whose consequences last until the given one.
func (t *Trace) pending(until int) []int {
	type subject struct {
		layer    Layer
		pid      int
		tid      int
		g        uint64
		on, name string
	}
	open := map[subject]int{}
	for i, e := range t.Events[:until] {
		switch {
		case e.Layer == Syscall:
			if s := (subject{layer: Syscall, tid: e.TID}); e.Verb == Enter {
				open[s] = i
			} else {
				delete(open, s)
			}
		case e.Layer == Go:
			open[subject{layer: Go, pid: e.PID, g: e.G}] = i
		case e.Layer == Probe && e.Verb == "submit":
			open[subject{layer: Probe, pid: e.PID, on: e.On, name: e.Name}] = i
		case e.Layer == Probe && e.Verb == "ended":
			delete(open, subject{layer: Probe, pid: e.PID, on: e.On, name: e.Name})
		}
	}
	var places []int
	for _, i := range open {
		places = append(places, i)
	}
	slices.Sort(places)
	return places
}

// over returns the place where what began at i is over; 0: it never is, in this trace.
func (t *Trace) over(i int) int {
	begun := t.Events[i]
	for at := i + 1; at < len(t.Events); at++ {
		e := t.Events[at]
		switch {
		case begun.Layer == Syscall && e.Layer == Syscall && e.Verb == Exit && e.TID == begun.TID,
			begun.Layer == Probe && e.Layer == Probe && e.Verb == "ended" && e.On == begun.On && e.Name == begun.Name:
			return at
		}
	}
	return 0
}

// renumber drops the frames and goroutines that no event refers to any more.
func (t *Trace) renumber() {
	old, numbers := t.Header.Frames, map[int]int{}
	names := t.Header.Goroutines
	t.Header.Frames, t.Header.Goroutines = nil, map[uint64]string{}
	for i := range t.Events {
		e := &t.Events[i]
		if name := names[e.G]; name != "" {
			t.Header.Goroutines[e.G] = name
		}
		var stack []int
		for _, n := range e.Stack {
			at, known := numbers[n]
			if !known {
				at = len(t.Header.Frames)
				numbers[n] = at
				t.Header.Frames = append(t.Header.Frames, old[n])
			}
			stack = append(stack, at)
		}
		e.Stack = stack
	}
}

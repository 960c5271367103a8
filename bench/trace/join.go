package trace

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// join adds to t what the program has written into dir of itself, and finds the lines of code of
// its calls. Both clocks are CLOCK_MONOTONIC; the execution trace is cut to 64 ns, which is less
// than any two stops of a tracer are apart.
func (t *Trace) join(dir, program string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.trace"))
	if err != nil {
		return fmt.Errorf("look for execution traces: %w", err)
	}
	f, names := newFrames(), map[uint64]string{}
	if len(files) == 0 {
		const why = "the program was not built with -tags probe"
		t.miss(Go, why)
		t.miss(Probe, why)
	}
	for _, file := range files {
		pid, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".trace"))
		if err != nil {
			return fmt.Errorf("execution trace %s: its name is no process id", file)
		}
		l := goLayer{pid: pid, calls: t.Header.Missing[Syscall] != "", frames: f, names: names}
		if err := l.read(file); err != nil {
			return err
		}
		t.Events = append(t.Events, l.events...)
	}
	if err := t.findCode(program, f); err != nil {
		return err
	}
	slices.SortStableFunc(t.Events, func(a, b Event) int { return int(a.At - b.At) })
	t.matchGoroutines()
	t.nameDescriptors()
	t.Header.Frames, t.Header.Goroutines = f.list, names
	return nil
}

// findCode turns the addresses that the tracer saw into lines of code.
func (t *Trace) findCode(program string, f *frames) error {
	if !slices.ContainsFunc(t.Events, func(e Event) bool { return len(e.pcs) > 0 }) {
		return nil
	}
	s, err := openSymbols(program)
	if err != nil {
		return err
	}
	for i := range t.Events {
		if len(t.Events[i].pcs) == 0 {
			continue
		}
		var all []Frame
		for _, pc := range t.Events[i].pcs {
			all = append(all, s.at(pc-1)...) // a return address is behind the call
		}
		t.Events[i].Stack = f.stack(all)
	}
	return nil
}

// matchGoroutines tells of each system call which goroutine made it: the one that ran on its thread.
func (t *Trace) matchGoroutines() {
	running := map[int]uint64{} // by thread
	for i := range t.Events {
		e := &t.Events[i]
		switch {
		case e.Layer == Syscall && running[e.TID] != 0:
			e.G = running[e.TID]
		case e.Layer != Go:
		case e.Verb == Run:
			running[e.TID] = e.G
		case (e.Verb == Park || e.Verb == Yield || e.Verb == Gone) && running[e.TID] == e.G:
			delete(running, e.TID)
		}
	}
}

// nameDescriptors gives the notes of probes the names that the tracer has given to descriptors. A
// connection that came by a completion, and not by a call, has none yet.
func (t *Trace) nameDescriptors() {
	names, conns := map[[2]int64]string{}, 0
	for _, e := range t.Events {
		if n, err := strconv.Atoi(strings.TrimPrefix(e.With, "conn")); err == nil {
			conns = max(conns, n)
		}
	}
	for i := range t.Events {
		e := &t.Events[i]
		key := func(fd int64) [2]int64 { return [2]int64{int64(e.PID), fd} }
		switch {
		case e.Layer == Syscall && e.Verb == Enter && len(e.Args) > 2 && e.Name == "epoll_ctl":
			names[key(e.Args[2])] = e.With
		case e.Layer == Syscall && e.Verb == Enter && len(e.Args) > 0 && e.On != "" && e.On != "set":
			names[key(e.Args[0])] = e.On
		case e.Layer == Syscall && e.Verb == Exit && kindOfName(e.With) == "conn":
			names[key(e.Ret)] = e.With
		case e.Layer == Probe:
			accepted := e.Name == "accept" && (e.Verb == "complete" || e.Verb == "ended") && e.Ret > 0
			if accepted && kindOfName(names[key(e.Ret)]) != "conn" {
				conns++
				names[key(e.Ret)] = fmt.Sprintf("conn%d", conns)
			}
			if accepted {
				e.With = names[key(e.Ret)]
			}
			e.On = t.nameOf(names, key(e.Args[0]), e)
			e.Args = nil
		}
	}
}

// nameOf names the descriptor of a note, if it has one.
func (t *Trace) nameOf(names map[[2]int64]string, key [2]int64, e *Event) string {
	switch {
	case key[1] < 0:
		return ""
	case names[key] == "" && e.Name == "accept":
		names[key] = "listener1"
	case names[key] == "" && e.Name == "own":
		names[key] = "bell"
	case names[key] == "":
		names[key] = fmt.Sprintf("fd%d", key[1])
	}
	return names[key]
}

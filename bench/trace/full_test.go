package trace_test

import (
	"bytes"
	"debug/elf"
	"runtime"
	"slices"
	"strings"
	"testing"

	"iomodels/bench/trace"
)

// TestFull captures with all witnesses, and then again where ptrace is refused.
func TestFull(t *testing.T) {
	netserve := build(t, "-tags", "probe", "-trimpath")
	plan := func(model string) trace.Plan {
		return trace.Plan{Program: netserve, Model: model, Proto: "echo", Quiet: 3, Burst: 4, Full: true}
	}
	t.Run("reactor", func(t *testing.T) {
		c := capture(t, plan("reactor"))
		if why := c.Header.Missing[trace.Syscall]; why != "" {
			t.Skipf("no system calls: %s", why)
		}
		// Whoever waits by itself is told in this order, whatever the scheduler does meanwhile.
		inOrder(t, c, "epoll_pwait", "ready", "recvfrom", "begin", "end", "sendto")
		inHeart(t, c, "recvfrom", "servers/reactor/stream/stream.go", "servers/reactor/conn.go")
	})
	t.Run("goroutine", func(t *testing.T) {
		c := capture(t, plan("goroutine"))
		if why := c.Header.Missing[trace.Syscall]; why != "" {
			t.Skipf("no system calls: %s", why)
		}
		inOrder(t, c, "wake", "run", "read", "begin", "end", "write", "park")
		inHeart(t, c, "write", "servers/blocking/blocking.go")
		small := c.Cut()
		if len(small.Events) >= len(c.Events)/2 || len(small.Windows(trace.MarkSend)) != 1 {
			t.Errorf("%d of %d events and %d requests are left", len(small.Events), len(c.Events), len(small.Windows(trace.MarkSend)))
		}
		inOrder(t, small, "wake", "run", "read", "begin", "end", "write", "park")
	})
	t.Run("refused", func(t *testing.T) {
		c := capture(t, trace.Refusing(plan("goroutine")))
		if why := c.Header.Missing[trace.Syscall]; !strings.Contains(why, "so says a double") {
			t.Errorf("the header says %q of the layer that is not there", why)
		}
		if slices.ContainsFunc(c.Events, func(e trace.Event) bool { return e.Layer == trace.Syscall }) {
			t.Error("there are system calls that nobody can have seen")
		}
		inOrder(t, c, "wake", "run", "begin", "end", "park")
	})
}

// withoutProbes: a program that says nothing of itself is traced all the same, and the header tells.
func withoutProbes(t *testing.T, netserve string) {
	program, err := elf.Open(netserve)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	symbols, err := program.Symbols()
	if err != nil || len(symbols) == 0 {
		t.Fatalf("%d symbols, %v", len(symbols), err)
	}
	for _, s := range symbols {
		if strings.HasPrefix(s.Name, "iomodels/servers/probe.") {
			t.Errorf("the program that is measured has a probe: %s", s.Name)
		}
	}
	c := capture(t, trace.Plan{Program: netserve, Model: "thread", Proto: "echo", Quiet: 1, Full: true})
	for _, l := range []trace.Layer{trace.Go, trace.Probe} {
		if why := c.Header.Missing[l]; !strings.Contains(why, "-tags probe") {
			t.Errorf("layer %s is missing because of %q", l, why)
		}
	}
}

func capture(t *testing.T, plan trace.Plan) *trace.Trace {
	t.Helper()
	c, err := trace.Capture(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := c.Write(&file); err != nil {
		t.Fatal(err)
	}
	read, err := trace.Read(&file)
	if err != nil || len(read.Events) != len(c.Events) {
		t.Fatalf("%d of %d events came back, %v", len(read.Events), len(c.Events), err)
	}
	last := int64(0)
	for _, e := range read.Events {
		if e.At < last {
			t.Fatalf("time goes back: %+v", e)
		}
		last = e.At
	}
	return read
}

// inOrder looks in some request for these steps, one after the other, others in between.
func inOrder(t *testing.T, c *trace.Trace, want ...string) {
	t.Helper()
	noise := c.Noise()
	for _, window := range c.Windows(trace.MarkSend) {
		i := 0
		for _, e := range window {
			name := e.Verb
			if e.Layer == trace.Syscall {
				name = e.Name
				if e.Verb != trace.Exit || noise(e) {
					continue
				}
			}
			if i < len(want) && name == want[i] {
				i++
			}
		}
		if i == len(want) {
			return
		}
	}
	t.Errorf("in no request there was, in this order: %q", want)
}

// inHeart looks for the lines of code behind a call.
func inHeart(t *testing.T, c *trace.Trace, call string, files ...string) {
	t.Helper()
	for _, e := range c.Events {
		if e.Verb != trace.Enter || e.Name != call || len(e.Stack) == 0 || !strings.HasPrefix(e.On, "conn") {
			continue
		}
		var seen []string
		for _, n := range e.Stack {
			seen = append(seen, c.Header.Frames[n].File)
		}
		for _, f := range files {
			if !slices.Contains(seen, f) {
				t.Errorf("%s was made by %q, none of them %s", call, seen, f)
			}
		}
		return
	}
	if runtime.GOARCH == "amd64" {
		t.Errorf("no %s has a stack", call)
	}
}

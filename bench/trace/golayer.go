package trace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/exp/trace"
)

// What a program built with -tags probe says of itself; see package servers/probe.
const (
	probeDir      = "IOMODELS_PROBE" // the folder to write to
	probeCategory = "iomodels"       // of its notes, among those of the execution trace
)

// goLayer reads the execution trace of one process.
type goLayer struct {
	pid    int
	offset int64 // from the trace's clock to CLOCK_MONOTONIC
	calls  bool  // nobody else has seen the system calls
	frames *frames
	names  map[uint64]string // of goroutines
	events []Event
}

// read reads a file that the process has written.
func (l *goLayer) read(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("read the execution trace: %w", err)
	}
	defer file.Close()
	r, err := trace.NewReader(file)
	if err != nil {
		return fmt.Errorf("read the execution trace: %w", err)
	}
	for {
		e, err := r.ReadEvent()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the execution trace: %w", err)
		}
		l.add(e)
	}
}

func (l *goLayer) add(e trace.Event) {
	switch e.Kind() {
	case trace.EventSync:
		if c := e.Sync().ClockSnapshot; c != nil {
			l.offset = int64(c.Mono) - int64(c.Trace)
		}
	case trace.EventLog:
		if note := e.Log(); note.Category == probeCategory {
			l.note(e, note.Message)
		}
	case trace.EventStateTransition:
		if s := e.StateTransition(); s.Resource.Kind == trace.ResourceGoroutine {
			l.moved(e, s)
		}
	}
}

// event returns an event of the thread and the time of e.
func (l *goLayer) event(e trace.Event, layer Layer, verb string) Event {
	out := Event{At: int64(e.Time()) + l.offset, Layer: layer, Verb: verb, PID: l.pid}
	if m := e.Thread(); m != trace.NoThread {
		out.TID = int(m)
	}
	return out
}

// note takes down what a probe said: "STEP DESCRIPTOR NUMBER WHAT".
func (l *goLayer) note(e trace.Event, message string) {
	var step string
	var fd, n int64
	if _, err := fmt.Sscanf(message, "%s %d %d", &step, &fd, &n); err != nil {
		return
	}
	out := l.event(e, Probe, step)
	out.G, out.Ret = uint64(e.Goroutine()), n
	out.Args = []int64{fd}
	out.Stack = l.frames.goStack(e.Stack())
	if words := strings.Fields(message); len(words) > 3 {
		out.Name = words[3]
	}
	l.events = append(l.events, out)
}

// moved takes down what became of a goroutine.
func (l *goLayer) moved(e trace.Event, s trace.StateTransition) {
	from, to := s.Goroutine()
	g := uint64(s.Resource.Goroutine())
	l.learn(g, s.Stack)
	var out Event
	switch {
	case to == trace.GoWaiting:
		out = l.event(e, Go, Park)
		out.Name, out.Stack = s.Reason, l.frames.goStack(s.Stack)
	case to == trace.GoRunnable && from == trace.GoWaiting:
		out = l.event(e, Go, Wake)
		if by := e.Goroutine(); by != trace.NoGoroutine {
			out.With = fmt.Sprintf("G%d", by)
		}
	case to == trace.GoRunnable && from == trace.GoRunning:
		out = l.event(e, Go, Yield)
		out.Name = s.Reason
	case to == trace.GoRunning && from == trace.GoSyscall && l.calls:
		out = l.event(e, Go, Return)
	case to == trace.GoRunning && from != trace.GoSyscall:
		out = l.event(e, Go, Run)
	case to == trace.GoSyscall && from == trace.GoRunning && l.calls:
		out = l.event(e, Go, Call)
		out.Name, out.Stack = callName(s.Stack), l.frames.goStack(s.Stack)
	case to == trace.GoNotExist:
		out = l.event(e, Go, Gone)
	default:
		return
	}
	out.G = g
	l.events = append(l.events, out)
}

// learn names a goroutine by the outermost function of its stack, the first time there is one.
func (l *goLayer) learn(g uint64, s trace.Stack) {
	if l.names[g] != "" {
		return
	}
	for f := range s.Frames() {
		l.names[g] = f.Func
	}
}

// callName names the call at the top of a stack: the first function that is no mere way there.
func callName(s trace.Stack) string {
	for f := range s.Frames() {
		name := f.Func[strings.LastIndex(f.Func, ".")+1:]
		if !strings.Contains(strings.ToLower(name), "syscall") {
			return strings.ToLower(name)
		}
	}
	return "call"
}

// frames numbers lines of code.
type frames struct {
	list    []Frame
	numbers map[Frame]int
	sources sources
}

func newFrames() *frames { return &frames{numbers: map[Frame]int{}, sources: sources{}} }

// deepEnough is how many lines of code an event refers to: the innermost ones.
const deepEnough = 12

// stack returns the numbers of those frames that tell something.
func (f *frames) stack(all []Frame) []int {
	var out []int
	for _, frame := range all {
		frame, tells := frame.tell()
		if !tells || len(out) == deepEnough {
			continue
		}
		n, known := f.numbers[frame]
		if !known {
			n = len(f.list)
			f.numbers[frame] = n
			full := frame
			full.Text = f.sources.line(frame)
			f.list = append(f.list, full)
		}
		out = append(out, n)
	}
	return out
}

func (f *frames) goStack(s trace.Stack) []int {
	var all []Frame
	for frame := range s.Frames() {
		all = append(all, Frame{Func: frame.Func, File: frame.File, Line: int(frame.Line)})
	}
	return f.stack(all)
}

// Package trace records what a server asks of the kernel while it answers, so that what is said
// of an I/O model can be shown of the code that is measured.
//
//	Capture ──▶ netserve, traced ──every system call──▶ Tracer ─┐
//	        └─▶ client: one quiet request, again; then a burst ─┴▶ Trace ──▶ Sequences, a file
//
// # The tracer
//
// A child that asks to be traced needs neither root nor another program. The kernel stops each of
// its threads at the entry and at the exit of each system call, and PTRACE_GET_SYSCALL_INFO says
// which. New threads and processes are followed. Where ptrace is forbidden, as in some containers,
// Start returns ErrRefused, and a conformance check has nothing to check.
//
// # The three witnesses
//
// With Plan.Full the program, built with -tags probe, watches itself as well, and a trace joins what
// three witnesses saw, by time and by the kernel's thread id:
//
//	syscall  ptrace                   every call of every thread, and the lines of code that made it
//	go       the execution trace      goroutines that park, are woken, and run, and on which thread
//	probe    notes in the models      ready, submit, complete, a handler begins and ends, whose a buffer is
//
// Where ptrace is refused the other two are left. The header then says so (Missing), and the calls in
// the file are those of which the Go scheduler was told: raw ones, such as a reactor's, are not there.
//
// # The format
//
// A trace is a file of JSON lines: a Header, then one Event a line, in the order of their times,
// nanoseconds of CLOCK_MONOTONIC. That clock is the same for all processes of a machine; so what
// others see can be merged into the same file by time and joined by the kernel's thread id: the
// layer says who saw it.
//
//	syscall  enter, exit        the tracer, of any program
//	client   mark               the load: when a request was sent, and when its answer was complete
//	go       park, wake, run    the execution trace: goroutine G on thread TID
//	         call, return       and, without ptrace, the calls that the scheduler was told of
//	probe    ready, submit, ... the model: On is the connection, Ret the number, Name what
//	kernel   any                kernel tracepoints, where root has recorded them
//
// Sequences look at the first two. Unknown layers are kept by Read.
//
// # What a trace is not
//
// Every stop costs two switches to the tracer and back, so a traced request takes several times as
// long as another. The order of events is true; their distances are not, and under a burst a
// traced server finds more to do at each turn than it otherwise would. Calls of the Go runtime for
// itself (futex, nanosleep, its own epoll instance) are in the file, and in no Sequence.
package trace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is that of the format, in the header. Readers refuse others.
const Version = 1

// Clock is the clock of all times, as in the header.
const Clock = "CLOCK_MONOTONIC"

// Header is the first line of a file.
type Header struct {
	Version int    `json:"trace"`
	Clock   string `json:"clock"`
	Model   string `json:"model"`
	Proto   string `json:"proto"`
	Burst   int    `json:"burst"` // requests of the burst
	Kernel  string `json:"kernel"`
	Go      string `json:"go"`
	Time    string `json:"time"` // of day, RFC 3339, when the capture began

	// Missing says of each layer that is not there why it is not.
	Missing map[Layer]string `json:"missing,omitempty"`
	// Goroutines names the function that each began with.
	Goroutines map[uint64]string `json:"goroutines,omitempty"`
	// Frames are the lines of code that events refer to.
	Frames []Frame `json:"frames,omitempty"`
	// Cut: events outside of what a picture shows have been left out.
	Cut bool `json:"cut,omitempty"`
	// Folded is how many calls that found nothing, again and again, have been left out.
	Folded int `json:"folded,omitempty"`
}

// Frame is a line of code that has called something.
type Frame struct {
	Func string `json:"func"` // with its package's path
	File string `json:"file"` // in this module: from its root
	Line int    `json:"line"`
	Text string `json:"text,omitempty"` // the line itself, as it was then, if it was found
}

// Layer says who saw an event.
type Layer string

// The layers.
const (
	Syscall Layer = "syscall"
	Client  Layer = "client"
	Go      Layer = "go"
	Probe   Layer = "probe"
	Kernel  Layer = "kernel"
)

// Verbs of the layers above. Those of a probe are the steps of package servers/probe.
const (
	Enter = "enter" // a thread asks the kernel: Name, On, With, Args
	Exit  = "exit"  // and has its answer: the same, and Ret or Err
	Mark  = "mark"  // Name is one of the marks, Ret the bytes of a request

	Park   = "park"   // goroutine G waits: Name is for what
	Wake   = "wake"   // G can run again: With is the goroutine that saw to it, if one did
	Run    = "run"    // G runs on thread TID
	Yield  = "yield"  // G stands in line again: Name is why
	Gone   = "gone"   // G has ended
	Call   = "call"   // G enters a call that may wait: Name is which
	Return = "return" // and is back
)

// Event is one line.
type Event struct {
	At    int64   `json:"t"` // nanoseconds of CLOCK_MONOTONIC
	Layer Layer   `json:"layer"`
	Verb  string  `json:"ev"`
	PID   int     `json:"pid,omitempty"`
	TID   int     `json:"tid,omitempty"` // the kernel's thread id
	G     uint64  `json:"g,omitempty"`   // the goroutine, where the layer knows it
	Name  string  `json:"name"`
	On    string  `json:"on,omitempty"`   // what it is about: conn1, epoll2, ring1; see resources
	With  string  `json:"with,omitempty"` // epoll_ctl: what is registered
	Args  []int64 `json:"args,omitempty"`
	Ret   int64   `json:"ret,omitempty"`
	Err   string  `json:"err,omitempty"` // EAGAIN and the like; Ret is then 0
	// Stack are the lines of code that led here, innermost first, as places in Header.Frames.
	Stack []int `json:"stack,omitempty"`

	pcs []uint64 // the same, as the tracer saw it
}

// Trace is a capture.
type Trace struct {
	Header Header
	Events []Event
}

// Write writes t as JSON lines.
func (t *Trace) Write(w io.Writer) error {
	buf := bufio.NewWriter(w)
	lines := json.NewEncoder(buf)
	if err := lines.Encode(t.Header); err != nil {
		return fmt.Errorf("write trace header: %w", err)
	}
	for _, e := range t.Events {
		if err := lines.Encode(e); err != nil {
			return fmt.Errorf("write trace: %w", err)
		}
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write trace: %w", err)
	}
	return nil
}

// Read reads what Write wrote.
func Read(r io.Reader) (*Trace, error) {
	lines := json.NewDecoder(r)
	var t Trace
	if err := lines.Decode(&t.Header); err != nil {
		return nil, fmt.Errorf("read trace header: %w", err)
	}
	if t.Header.Version != Version || t.Header.Clock != Clock {
		return nil, fmt.Errorf("read trace: version %d by %q; want %d by %s",
			t.Header.Version, t.Header.Clock, Version, Clock)
	}
	for n := 2; ; n++ {
		var e Event
		err := lines.Decode(&e)
		if errors.Is(err, io.EOF) {
			return &t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read trace, line %d: %w", n, err)
		}
		t.Events = append(t.Events, e)
	}
}

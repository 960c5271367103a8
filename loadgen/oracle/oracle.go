// Package oracle is a server whose latencies are known: the truth that the load generator's
// percentiles are held against.
//
// # Idea
//
// It stamps each request when it reads it, asks a rule when the reply is due, and releases the
// reply at that time. The rule works in virtual time: it knows arrival times and a seed, and
// nothing of processors or sockets. So a queue with one server in service for a millisecond
// costs no millisecond of any processor, and M/M/1 is M/M/1 and not what a machine makes of it.
//
//	        read                         rule                      due
//	request ────▶ stamp, log ──▶ when is the reply due? ──▶ heap ──────▶ write
//	               arrived                                         late = write - due
//
// # Who does the I/O
//
// One thread, one epoll instance, in a process of its own. It sleeps in epoll_pwait2 with a
// timer slack of a nanosecond until shortly before the next reply is due, and spins the rest.
//
// # What it knows of itself
//
// No server releases a reply exactly when it should. So it records how long each reply was
// really held, and how much too late it was released; the self-test subtracts what is left. It
// counts requests, replies and bytes exactly, and logs every arrival.
//
// # What to watch
//
// It imports nothing of this module, neither of the servers nor of the generator: whoever
// shares code with the instrument cannot test it. It is made for a client that has one request
// in flight per connection; more are answered, but each when it is due, not in their order.
package oracle

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// The fates of a request: what becomes of it when it is due.
const (
	Answer   = "answer"     // the right reply
	Reset    = "reset"      // the connection is closed with RST
	Fin      = "fin"        // the connection is closed with FIN, without a reply
	Half     = "half"       // half of the reply, then FIN
	Garbage  = "garbage"    // bytes that are not the protocol
	Wrong    = "wrong-body" // a whole reply with one wrong byte in its body
	Error500 = "status-500" // http: a server error
	Error404 = "status-404" // http: a client error
	Silence  = "silence"    // never anything
)

// Spec is what an oracle is to do. The zero value is an echo server of 64 byte messages that
// answers at once.
type Spec struct {
	Proto string   `json:"proto,omitempty"` // echo (default), or http: GET is greeted
	Size  int      `json:"size,omitempty"`  // bytes of an echo message; default 64
	Rule  Rule     `json:"rule"`
	Fates []string `json:"fates,omitempty"` // of request i: entry i mod length; none: all are answered
	Seed  uint64   `json:"seed,omitempty"`

	Warmup time.Duration `json:"warmup_ns,omitempty"` // what arrives earlier is not in Held, Late

	Ports   int  `json:"ports,omitempty"`   // listening sockets; default 1
	Backlog int  `json:"backlog,omitempty"` // of the accept queues; default 4096
	Hold    bool `json:"hold,omitempty"`    // accept nothing until told to
	Stamped int  `json:"stamped,omitempty"` // every so many connections the kernel stamps too; 0: none
	Log     int  `json:"log,omitempty"`     // arrivals to make room for beforehand
}

// Ready is the first line an oracle prints.
type Ready struct {
	Addrs []string `json:"addrs"`
	PID   int      `json:"pid"`
}

// The commands an oracle understands on its standard input, one a line. It ends with the input.
const (
	cmdReport = "report" // answered with one line, a Report
	cmdAccept = "accept" // ends Spec.Hold; not answered
)

// Serve reads a Spec as one line from in and is that oracle until in ends. It prints Ready, and
// what commands ask for, on out. Both are the ends of pipes. It needs a goroutine of its own,
// and keeps a thread for itself.
func Serve(in, out *os.File) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	spec, err := readSpec(in)
	if err != nil {
		return err
	}
	s, err := newServer(spec, in, out)
	if err != nil {
		return err
	}
	defer s.close()
	// Without it the kernel rounds wake-ups up by 50 us to save some.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_TIMERSLACK", err)
	}
	if err := s.say(Ready{Addrs: s.addrs, PID: os.Getpid()}); err != nil {
		return err
	}
	return s.run()
}

// readSpec reads one line, byte by byte: what follows it belongs to the event loop.
func readSpec(in io.Reader) (Spec, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(in, b); err != nil {
			return Spec{}, fmt.Errorf("read the oracle's specification: %w", err)
		}
		if b[0] == '\n' {
			break
		}
		line = append(line, b[0])
	}
	var spec Spec
	if err := json.Unmarshal(line, &spec); err != nil {
		return spec, fmt.Errorf("read the oracle's specification: %w", err)
	}
	return spec.withDefaults()
}

func (s Spec) withDefaults() (Spec, error) {
	if s.Proto == "" {
		s.Proto = "echo"
	}
	if s.Size == 0 {
		s.Size = 64
	}
	if s.Ports == 0 {
		s.Ports = 1
	}
	if s.Backlog == 0 {
		s.Backlog = 4096
	}
	if s.Proto != "echo" && s.Proto != "http" {
		return s, fmt.Errorf("protocol %q: want echo or http", s.Proto)
	}
	if s.Size < 2 || s.Size > maxSize {
		return s, fmt.Errorf("message size %d: want 2 to %d", s.Size, maxSize)
	}
	if s.Ports < 0 || s.Stamped < 0 || s.Log < 0 {
		return s, fmt.Errorf("a count is negative: %d ports, every %d stamped, %d logged",
			s.Ports, s.Stamped, s.Log)
	}
	for _, f := range s.Fates {
		if err := checkFate(f, s.Proto); err != nil {
			return s, err
		}
	}
	return s, nil
}

func checkFate(fate, proto string) error {
	switch fate {
	case Answer, Reset, Fin, Half, Garbage, Wrong, Silence:
		return nil
	case Error500, Error404:
		if proto == "http" {
			return nil
		}
	}
	return fmt.Errorf("fate %q is none of %s", fate, proto)
}

// say prints v as one line.
func (s *server) say(v any) error {
	w := bufio.NewWriter(s.out)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return fmt.Errorf("write to whoever asked: %w", err)
	}
	return w.Flush()
}

// Package inject makes servers do too much on purpose: a system call, an allocation, memory,
// time. Whoever claims to notice such things is shown them first, for a gate that never fails
// looks just like one that finds nothing.
//
// A fault sits in the session of a connection, between the model and the protocol, so it reaches
// every model that runs our protocol code, and none of the libraries that parse for themselves.
// netserve knows of this package only when it is built with the tag inject; no server that is
// measured for its own sake holds any of it.
package inject

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/proto"
)

// Variable is the environment variable that names the fault.
const Variable = "NETSERVE_INJECT"

// The faults. Cpu is followed by the per cent of CPU time per request to add, as in cpu:20.
const (
	Syscall = "syscall" // one more system call for each request
	Alloc   = "alloc"   // one more allocation for each request
	Memory  = "memory"  // 512 bytes more for each connection
	Stall   = "stall"   // 2 ms of sleep in each 1,000th request
	CPU     = "cpu:"
)

const (
	moreMemory   = 512
	stallFor     = 2 * time.Millisecond
	stallEvery   = 1000
	requestAlloc = 64
)

// Into returns the protocol with a fault in every session; fault "" is none.
func Into(p proto.Protocol, fault string) (proto.Protocol, error) {
	if fault == "" {
		return p, nil
	}
	once, err := faultNamed(fault)
	if err != nil {
		return p, err
	}
	healthy := p.New
	p.New = func() proto.Session {
		s := &session{Session: healthy(), once: once}
		if fault == Memory {
			s.held = make([]byte, moreMemory)
		}
		return s
	}
	return p, nil
}

// faultNamed is what happens once for each request.
func faultNamed(fault string) (func(*session), error) {
	if percent, ok := strings.CutPrefix(fault, CPU); ok {
		n, err := strconv.Atoi(percent)
		if err != nil || n < 1 || n > 1000 {
			return nil, fmt.Errorf("%s=%s: want cpu:1 to cpu:1000, in per cent", Variable, fault)
		}
		b := &burner{share: float64(n) / 100}
		return func(*session) { b.request() }, nil
	}
	switch fault {
	case Syscall:
		return func(*session) { unix.Getppid() }, nil
	case Alloc:
		return func(s *session) { s.held = make([]byte, requestAlloc) }, nil
	case Memory:
		return func(*session) {}, nil
	case Stall:
		var requests atomic.Uint64
		return func(*session) {
			if requests.Add(1)%stallEvery == 0 {
				time.Sleep(stallFor)
			}
		}, nil
	}
	return nil, fmt.Errorf("%s=%s: no such fault; there are %s, %s, %s, %s, %sN",
		Variable, fault, Syscall, Alloc, Memory, Stall, CPU)
}

// session is one with a fault. It forgets to release the healthy one, which costs memory until
// the next collection, and nothing else.
type session struct {
	proto.Session
	once func(*session)
	held []byte
}

// Feed does too much, then what it should. One call is one request for a client that waits for
// each reply.
func (s *session) Feed(out, in []byte) ([]byte, proto.Verdict) {
	s.once(s)
	return s.Session.Feed(out, in)
}

// burner spends a share of what the process spends on a request, once more. It looks at the
// CPU time of the process now and then and takes its own part off, so the share holds for every
// model, and on a machine that changes its speed.
type burner struct {
	share    float64
	requests atomic.Int64
	burnt    atomic.Int64 // nanoseconds, since the last look
	each     atomic.Int64 // nanoseconds to burn for a request
	seen     atomic.Int64 // CPU time of the process at the last look, nanoseconds
}

// lookEvery is how many requests lie between two looks.
const lookEvery = 512

func (b *burner) request() {
	if b.requests.Add(1)%lookEvery == 0 {
		b.look(processCPU())
	}
	begin := time.Now()
	for want := time.Duration(b.each.Load()); time.Since(begin) < want; {
	}
	b.burnt.Add(int64(time.Since(begin)))
}

// look sets what to burn from the CPU time of the process up to now.
func (b *burner) look(cpu time.Duration) {
	spent := int64(cpu) - b.seen.Swap(int64(cpu)) - b.burnt.Swap(0)
	b.each.Store(int64(b.share * float64(max(spent, 0)) / lookEvery))
}

// processCPU is the CPU time of this process, all threads.
func processCPU() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(os.NewSyscallError("clock_gettime", err)) // a clock that every Linux has
	}
	return time.Duration(t.Nano())
}

// Package handles is a demultiplexer that many threads share: the handle set of Leader/Followers.
//
// Package demux belongs to one loop, and hands it a batch of events. Here every thread waits by
// itself, gets one event, and then nobody is told of that descriptor until it is armed again
// (EPOLLONESHOT). So a handler is never run by two threads at once, though by another each time.
//
//	thread A          Set: epoll, table       thread B
//	 │ Next ────────▶ epoll_wait ◀──────────── Next │
//	 │ ◀── handler ── an event: A is woken          │
//	 │ HandleReady                                  │ leads now
//	 │ Arm ─────────▶ epoll_ctl
//	 │ Next ────────▶ epoll_wait: behind B
package handles

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/servers/probe"
	"iomodels/servers/rawcall"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/reactor/table"
)

// Set is a set of descriptors and their handlers. Any goroutine may call it at any time.
type Set struct {
	epoll int
	bell  int // eventfd: rung once and never silenced, so that every thread hears it

	mu    sync.Mutex
	table table.Table[entry] // by descriptor
}

// entry is a handler, and the generation of its descriptor's number: a thread may have fetched an
// event, and be run again only when the descriptor is closed and its number a new connection's.
type entry struct {
	handler    demux.EventHandler // nil: none
	generation int32
	armed      bool // for the first time at least
}

// Open opens an empty set.
func Open() (*Set, error) {
	s := &Set{}
	var err error
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if s.bell, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		unix.Close(s.epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	if err := s.control(unix.EPOLL_CTL_ADD, s.bell, demux.Readable, 0); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Add makes h the handler of fd. It is told nothing before Arm.
func (s *Set) Add(fd int, h demux.EventHandler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.Grow(fd)
	s.table.At(fd).handler = h
}

// Arm has fd's handler told of interest, once. When Arm returns, another thread may be at it.
func (s *Set) Arm(fd int, interest demux.Readiness) error {
	s.mu.Lock()
	e := s.table.At(fd)
	op, generation := unix.EPOLL_CTL_MOD, e.generation
	if !e.armed {
		op, e.armed = unix.EPOLL_CTL_ADD, true
	}
	s.mu.Unlock()
	return s.control(op, fd, interest|demux.Once, generation)
}

// Remove ends it all for fd, which is closed afterwards: then its number may come back.
func (s *Set) Remove(fd int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.table.At(fd)
	*e = entry{generation: e.generation + 1}
}

// Next waits for an event, and returns the handler that is to be told of it. It returns nil, to
// every thread, after End.
func (s *Set) Next() (h demux.EventHandler, r demux.Readiness, err error) {
	var ev [1]unix.EpollEvent
	for {
		n, _, errno := syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(s.epoll), uintptr(unsafe.Pointer(&ev[0])),
			1, ^uintptr(0), 0, 0)
		switch {
		case errno == unix.EINTR || errno == 0 && n == 0:
		case errno != 0:
			return nil, 0, os.NewSyscallError("epoll_pwait", errno)
		case int(ev[0].Fd) == s.bell:
			return nil, 0, nil
		default:
			if h := s.handler(ev[0].Fd, ev[0].Pad); h != nil {
				if probe.On {
					probe.Note(probe.Ready, int(ev[0].Fd), int(ev[0].Events), "")
				}
				return h, demux.Readiness(ev[0].Events), nil
			}
		}
	}
}

func (s *Set) handler(fd, generation int32) demux.EventHandler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.table.At(int(fd)); e.generation == generation {
		return e.handler
	}
	return nil
}

// All appends every handler to list.
func (s *Set) All(list []demux.EventHandler) []demux.EventHandler {
	s.mu.Lock()
	defer s.mu.Unlock()
	for fd := range s.table.Len() {
		if h := s.table.At(fd).handler; h != nil {
			list = append(list, h)
		}
	}
	return list
}

// End makes every Next that waits, and every later one, return nil.
func (s *Set) End() { unix.Write(s.bell, []byte{1, 0, 0, 0, 0, 0, 0, 1}) } // not 0 in either byte order

// Close frees the set, not the descriptors in it. No Next is waiting then.
func (s *Set) Close() error {
	return errors.Join(os.NewSyscallError("close epoll", unix.Close(s.epoll)),
		os.NewSyscallError("close eventfd", unix.Close(s.bell)))
}

// control may not wait, so the scheduler need not hear of it; and so the event stays on the stack.
func (s *Set) control(op, fd int, interest demux.Readiness, generation int32) error {
	ev := unix.EpollEvent{Events: uint32(interest), Fd: int32(fd), Pad: generation}
	_, _, errno := rawcall.Syscall(unix.SYS_EPOLL_CTL, uintptr(s.epoll), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}

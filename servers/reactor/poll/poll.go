// Package poll is the reactor as it was before epoll: the same server, told by poll(2).
//
// # Idea
//
// One call asks about all connections, and waits until any of them is ready. But the kernel keeps
// nothing from one call to the next: every call hands over the whole list, the kernel looks at
// every socket on it, and the loop looks through the whole list for those that are ready.
//
//	loop                       kernel
//	 │ poll(10,000 entries) ──▶ looks at each: not ready, not ready, ready, ...
//	 │                          none? hangs itself on 10,000 wait queues, sleeps,
//	 │                          is woken, takes itself off all, looks at each again
//	 │ ◀── 1 is ready ─────────
//	 │ looks through 10,000 entries for the one
//	 │ HandleReady
//
// So the price of an event grows with the number of connections that are NOT ready. That is the
// wall of which the C10K problem spoke. epoll keeps the list in the kernel, where a socket that
// becomes ready puts itself on a second, short list; its price is that of the connections that
// are ready.
//
// # Who does the I/O
//
// As in package reactor: it is the same code. Only the source of events is another.
//
// # Who waits where
//
// The loop in poll(2), and nobody else.
//
// # What a connection costs
//
// What it costs in package reactor, with 16 bytes here in place of the kernel's epoll entry. And a
// share of every call, ready or not.
//
// # What to watch
//
//   - Busy connections hide it. When all are ready at once, a scan finds what it looks for. Hold
//     the active connections and add idle ones: the cost per request rises in a straight line.
//   - More are ready than a batch holds: the next scan must begin where this one ended, or the
//     end of the list starves. See scan.List.
//   - Changing interest is free here, a store to memory, where epoll needs a system call.
//   - select(2) has the same cost, and ends at descriptor 1023.
package poll

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/rawcall"
	"iomodels/servers/reactor"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/reactor/scan"
)

// Model is the entry in the registry.
func Model() servers.Model {
	const summary = "the reactor on poll(2): every call scans every connection"
	m := reactor.Variant("poll", summary, reactor.Options{Demux: open})
	m.Card.Loops = "one thread and poll(2) list per loop, each with its own listener (SO_REUSEPORT)"
	m.VariantOf = "reactor"
	return m
}

// source asks by poll(2).
type source struct {
	scan.List
	limit unix.Timespec // of a wait; here, since the kernel reads it
}

func open() (*demux.Demux, error) { return demux.Over(&source{}) }

// Fetch asks about every descriptor, and then looks for those that are ready.
func (s *source) Fetch(batch []demux.Event, ms int, raw bool) (n int, errno unix.Errno) {
	var limit *unix.Timespec
	if ms >= 0 {
		s.limit = unix.NsecToTimespec(int64(ms) * 1e6)
		limit = &s.limit
	}
	var ready uintptr
	if raw {
		ready, _, errno = rawcall.Syscall(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.Polls[0])),
			uintptr(len(s.Polls)), uintptr(unsafe.Pointer(limit)), 0, 0, 0)
	} else {
		ready, _, errno = syscall.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.Polls[0])),
			uintptr(len(s.Polls)), uintptr(unsafe.Pointer(limit)), 0, 0, 0)
	}
	if errno != 0 || ready == 0 {
		return 0, errno
	}
	n, _ = s.Collect(batch, told)
	return n, 0
}

func told(p unix.PollFd) demux.Readiness { return demux.Readiness(uint16(p.Revents)) }

// Close implements demux.Source: there is nothing that the kernel keeps.
func (s *source) Close() error { return nil }

package engine

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The sizes of an epoll loop.
const (
	maxEvents  = 256      // sockets reported by one wait
	readBuffer = 64 << 10 // bytes asked for by one read; one buffer serves all connections
	maxReads   = 16       // of one socket in a row
)

// epoll is the readiness transport. It is edge-triggered: a level-triggered socket stays in the
// ready list, and every wait asks it again whether there is more. So a read that fills the buffer
// is followed by another, and so is one when the peer has closed: no second event would say so.
// System calls that cannot block are made raw: entering and leaving the Go
// scheduler would cost a third of an empty call, twice per request.
type epoll struct {
	loop   *Loop
	fd     int
	events []unix.EpollEvent
	buffer []byte
	spec   unix.Timespec // handed to the kernel, so in the heap and not on a stack that moves
	event  unix.EpollEvent
	stamps *stamper // of a sample of the connections
}

func newEpoll(l *Loop) (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	e := &epoll{
		loop: l, fd: fd, events: make([]unix.EpollEvent, maxEvents), buffer: make([]byte, readBuffer),
	}
	e.stamps = newStamper(e, min(l.cfg.Stamps, l.cfg.Conns))
	return e, nil
}

const (
	readable = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
	closing  = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	broken   = unix.EPOLLERR | unix.EPOLLHUP
)

func (e *epoll) watch(slot int32, connected bool) syscall.Errno {
	if connected {
		if e.stamps.has(slot) {
			e.stamps.watch(slot)
		}
		return e.control(unix.EPOLL_CTL_ADD, slot, readable)
	}
	return e.control(unix.EPOLL_CTL_ADD, slot, unix.EPOLLOUT)
}

// control sets what is reported for the slot's socket. Slot and generation travel with the
// event: a slot may have another socket by the time an event of the same batch is looked at.
func (e *epoll) control(op int, slot int32, what uint32) syscall.Errno {
	c := &e.loop.conns[slot]
	e.event = unix.EpollEvent{Events: what, Fd: slot, Pad: int32(c.gen)}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(e.fd), uintptr(op), uintptr(c.fd),
		uintptr(unsafe.Pointer(&e.event)), 0, 0)
	return errno
}

func (e *epoll) flush(slot int32) {
	c := &e.loop.conns[slot]
	for c.unwritten > 0 && !c.blocked {
		b := e.loop.out(slot)
		n, errno := e.send(int(c.fd), b)
		switch errno {
		case 0:
			e.loop.wrote(slot, n)
			if e.stamps.has(slot) {
				e.stamps.wrote(slot, n)
			}
		case unix.EINTR:
		case unix.EAGAIN:
			c.blocked = true
			if errno := e.control(unix.EPOLL_CTL_MOD, slot, readable|unix.EPOLLOUT); errno != 0 {
				e.loop.broke(slot, errno, e.loop.clock.Now())
			}
			return
		default:
			e.loop.broke(slot, errno, e.loop.clock.Now())
			return
		}
	}
}

func (e *epoll) send(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func (e *epoll) forget(slot int32) {
	if c := &e.loop.conns[slot]; c.fd >= 0 {
		unix.RawSyscall(unix.SYS_CLOSE, uintptr(c.fd), 0, 0) // leaves the epoll set by itself
		c.fd = -1
		c.gen++
	}
}

// wait sleeps for ns at most, to the nanosecond as far as the kernel's timers go: epoll_wait's
// milliseconds would be reported as the server's latency.
func (e *epoll) wait(ns int64) error {
	e.spec = unix.NsecToTimespec(ns)
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(e.fd),
		uintptr(unsafe.Pointer(&e.events[0])), maxEvents, uintptr(unsafe.Pointer(&e.spec)), 0, 0)
	switch {
	case errno == unix.EINTR: // the Go runtime interrupts threads now and then
		return nil
	case errno == unix.ENOSYS:
		return errors.New("epoll_pwait2 is missing: Linux 5.11 or newer is needed")
	case errno != 0:
		return os.NewSyscallError("epoll_pwait2", errno)
	}
	for i := range e.events[:n] {
		e.dispatch(&e.events[i])
	}
	return nil
}

func (e *epoll) dispatch(ev *unix.EpollEvent) {
	slot := ev.Fd
	c := &e.loop.conns[slot]
	if c.gen != uint32(ev.Pad) {
		return // of a socket this slot had before
	}
	if c.state == isOpening {
		e.connected(slot, ev.Events)
		return
	}
	if ev.Events&(unix.EPOLLIN|closing) != 0 {
		if ev.Events&unix.EPOLLERR != 0 && e.stamps.has(slot) {
			e.stamps.collect(slot)
		}
		e.drain(slot, ev.Events&closing != 0)
	}
	if ev.Events&unix.EPOLLOUT != 0 && c.gen == uint32(ev.Pad) && c.blocked {
		c.blocked = false
		e.loop.stamp = e.loop.clock.Now()
		if errno := e.control(unix.EPOLL_CTL_MOD, slot, readable); errno != 0 {
			e.loop.broke(slot, errno, e.loop.clock.Now())
			return
		}
		e.flush(slot)
	}
}

func (e *epoll) connected(slot int32, events uint32) {
	c := &e.loop.conns[slot]
	now := e.loop.clock.Now()
	errno := syscall.Errno(0)
	if events&broken != 0 {
		errno = socketError(c.fd)
	} else {
		if e.stamps.has(slot) {
			e.stamps.watch(slot)
		}
		errno = e.control(unix.EPOLL_CTL_MOD, slot, readable)
	}
	if errno != 0 {
		e.loop.broke(slot, errno, now)
		return
	}
	e.loop.connected(slot, now)
}

// socketError asks why a connect failed.
func socketError(fd int32) syscall.Errno {
	code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || code == 0 {
		return unix.ECONNRESET
	}
	return syscall.Errno(code)
}

// drain reads until there is nothing more, or as often as one socket may keep the others waiting.
// Then it asks to be told again.
func (e *epoll) drain(slot int32, toTheEnd bool) {
	c := &e.loop.conns[slot]
	gen := c.gen
	for range maxReads {
		n, errno := e.read(slot)
		again := errno == unix.EINTR || errno == 0 && (n == readBuffer || toTheEnd && n > 0)
		if !again || c.gen != gen {
			return
		}
	}
	what := uint32(readable)
	if c.blocked {
		what |= unix.EPOLLOUT
	}
	if errno := e.control(unix.EPOLL_CTL_MOD, slot, what); errno != 0 {
		e.loop.broke(slot, errno, e.loop.clock.Now())
	}
}

func (e *epoll) read(slot int32) (int, syscall.Errno) {
	if e.stamps.has(slot) {
		n, errno, now := e.stamps.read(slot, e.buffer)
		e.took(slot, n, errno, now)
		return n, errno
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(e.loop.conns[slot].fd),
		uintptr(unsafe.Pointer(&e.buffer[0])), readBuffer, 0, 0, 0)
	e.took(slot, int(n), errno, e.loop.clock.Now())
	return int(n), errno
}

// took passes on what a read brought.
func (e *epoll) took(slot int32, n int, errno syscall.Errno, now int64) {
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
	case errno != 0:
		e.loop.broke(slot, errno, now)
	case n == 0:
		e.loop.peerClosed(slot, now)
	default:
		e.loop.received(slot, e.buffer[:n], now)
	}
}

func (e *epoll) close() error { return os.NewSyscallError("close epoll", unix.Close(e.fd)) }

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// pair makes a connection with both ends in this process, non-blocking. What is written to one end
// is there at the other when write returns: so the order of things needs no waiting.
func pair() (server, client int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, os.NewSyscallError("socketpair", err)
	}
	return fds[0], fds[1], nil
}

// listen makes a non-blocking listener on the loopback.
func listen(reusePort bool, addr *unix.SockaddrInet4) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if reusePort {
		err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, addr))
	}
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, 128))
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// anyPort is where listen finds a port by itself.
func anyPort() *unix.SockaddrInet4 { return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}} }

// addressOf is where a listener can be reached.
func addressOf(listener int) (*unix.SockaddrInet4, error) {
	sa, err := unix.Getsockname(listener)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	v4, ok := sa.(*unix.SockaddrInet4)
	if !ok {
		return nil, fmt.Errorf("getsockname: %T is no IPv4 address", sa)
	}
	return v4, nil
}

// hostPort is an address as package net wants it.
func hostPort(sa *unix.SockaddrInet4) string {
	return (&net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}).String()
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// poller is an epoll instance.
type poller struct{ fd int }

func newPoller() (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return poller{fd}, os.NewSyscallError("epoll_create1", err)
}

func (p poller) close() { unix.Close(p.fd) }

// watch registers a descriptor. Generation comes back with its events, in Pad.
func (p poller) watch(fd int, events uint32, generation int32) error {
	e := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: generation}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e))
}

// change makes the events of a registered descriptor others.
func (p poller) change(fd int, events uint32) error {
	e := unix.EpollEvent{Events: events, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &e))
}

// wait returns what is ready, after at most so long: 0 only looks, less than 0 is for ever.
func (p poller) wait(within time.Duration) ([]unix.EpollEvent, error) {
	var events [64]unix.EpollEvent
	millis := -1
	if within >= 0 {
		millis = int(within.Milliseconds())
	}
	for {
		n, err := unix.EpollWait(p.fd, events[:], millis)
		if !errors.Is(err, unix.EINTR) {
			return slices.Clone(events[:max(n, 0)]), os.NewSyscallError("epoll_wait", err)
		}
	}
}

// read reads what is there. none: there is nothing now. n is 0 at the end of the stream, too.
func read(fd int, buf []byte) (n int, none bool, err error) {
	n, err = unix.Read(fd, buf)
	if errors.Is(err, unix.EAGAIN) {
		return 0, true, nil
	}
	return max(n, 0), false, os.NewSyscallError("read", err)
}

// write writes what there is room for. full: there is no room now.
func write(fd int, buf []byte) (n int, full bool, err error) {
	n, err = unix.Write(fd, buf)
	if errors.Is(err, unix.EAGAIN) {
		return 0, true, nil
	}
	return max(n, 0), false, os.NewSyscallError("write", err)
}

// until polls for something that is about to happen.
func until(ctx context.Context, what string, happened func() (bool, error)) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := happened(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Package sock holds the few socket calls the models share, and the one place where socket
// options are set. Two models that tuned their sockets apart would differ for a reason that
// has nothing to do with their I/O.
//
// The options are set on the listener: Linux copies them to every socket it accepts, so the
// io_uring ACCEPT, which gives no chance to call setsockopt before the first byte, gets the
// same sockets as accept4, and nobody pays for system calls per connection.
package sock

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Backlog asks for the longest accept queue the kernel grants (it cuts the value down to
// net.core.somaxconn). A short queue shows up as connects that take exactly one second, the
// SYN retransmission, and would be charged to the model.
const Backlog = 65535

// Tune sets the options that every stream socket of the suite has. It is applied to
// listeners, whose accepted sockets inherit it.
//
// TCP_NODELAY: a small reply must not wait for the acknowledgement of the one before.
// SO_REUSEADDR: a restarted server must not wait for old TIME_WAIT sockets of its port.
func Tune(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt TCP_NODELAY", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_REUSEADDR", err)
	}
	return nil
}

// Listen opens a tuned, listening stream socket on addr (HOST:PORT, port 0 picks one) and
// returns its descriptor and the bound address. The descriptor is close-on-exec, and
// non-blocking when asked. With reusePort several listeners share one address and the kernel
// spreads new connections over them by a hash of their addresses: every loop can own one.
// The caller closes the descriptor.
func Listen(addr string, reusePort, nonblock bool) (int, *net.TCPAddr, error) {
	sa, family, err := resolve(addr)
	if err != nil {
		return -1, nil, err
	}
	kind := unix.SOCK_STREAM | unix.SOCK_CLOEXEC
	if nonblock {
		kind |= unix.SOCK_NONBLOCK
	}
	fd, err := unix.Socket(family, kind, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("socket", err)
	}
	bound, err := bind(fd, sa, reusePort)
	if err == nil {
		err = os.NewSyscallError("listen", unix.Listen(fd, Backlog))
	}
	if err != nil {
		unix.Close(fd)
		return -1, nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return fd, bound, nil
}

// Reserve finds and holds an address for processes that will listen on it with SO_REUSEPORT: the
// kernel gives the port to nobody who asks for any. (Who asks for this very one, with
// SO_REUSEADDR, is only refused once one of them listens.) The socket does not listen, and so gets
// no connections. The caller closes the descriptor.
func Reserve(addr string) (int, *net.TCPAddr, error) {
	sa, family, err := resolve(addr)
	if err != nil {
		return -1, nil, err
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("socket", err)
	}
	bound, err := bind(fd, sa, true)
	if err != nil {
		unix.Close(fd)
		return -1, nil, fmt.Errorf("reserve %s: %w", addr, err)
	}
	return fd, bound, nil
}

func bind(fd int, sa unix.Sockaddr, reusePort bool) (*net.TCPAddr, error) {
	if err := prepare(fd, reusePort); err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, sa); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	return LocalAddr(fd)
}

// prepare sets all options of a listener to be.
func prepare(fd int, reusePort bool) error {
	if err := Tune(fd); err != nil || !reusePort {
		return err
	}
	return os.NewSyscallError("setsockopt SO_REUSEPORT",
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// NetListen is Listen for models built on package net: the same options, set before bind,
// and no keep-alive probes (package net would set them with four calls per connection).
func NetListen(ctx context.Context, addr string, reusePort bool) (net.Listener, error) {
	lc := net.ListenConfig{
		KeepAlive: -1,
		Control: func(_, _ string, c syscall.RawConn) error {
			var tuneErr error
			if err := c.Control(func(fd uintptr) { tuneErr = prepare(int(fd), reusePort) }); err != nil {
				return err
			}
			return tuneErr
		},
	}
	return lc.Listen(ctx, "tcp", addr)
}

// LocalAddr returns the address fd is bound to.
func LocalAddr(fd int) (*net.TCPAddr, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: net.IP(sa.Addr[:]), Port: sa.Port}, nil
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: net.IP(sa.Addr[:]), Port: sa.Port}, nil
	}
	return nil, fmt.Errorf("getsockname: address family %T is not TCP", sa)
}

// resolve turns HOST:PORT into what bind wants.
func resolve(addr string) (unix.Sockaddr, int, error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, 0, fmt.Errorf("address %q: %w", addr, err)
	}
	if ip4 := a.IP.To4(); ip4 != nil {
		return &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip4)}, unix.AF_INET, nil
	}
	sa := &unix.SockaddrInet6{Port: a.Port}
	copy(sa.Addr[:], a.IP.To16())
	return sa, unix.AF_INET6, nil
}

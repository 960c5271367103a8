package sock

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Recv, Send and Accept are for non-blocking descriptors only. Such a call cannot wait, so the
// Go scheduler need not hear of it: RawSyscall leaves out its bookkeeping, which is about a
// quarter of the cost of a call that finds nothing to do. On a blocking descriptor the same call
// would hold up every goroutine of its processor.
//
// They return an Errno, not an error: EAGAIN is an everyday answer.

// Recv reads at most len(p) > 0 bytes. 0 without an Errno is the peer's FIN.
func Recv(fd int, p []byte) (n int, errno unix.Errno) {
	return retry(unix.SYS_RECVFROM, fd, unsafe.Pointer(&p[0]), len(p), 0)
}

// Send writes as much of p as the socket takes, len(p) > 0. A broken connection is EPIPE or
// ECONNRESET and never the signal SIGPIPE.
func Send(fd int, p []byte) (n int, errno unix.Errno) {
	return retry(unix.SYS_SENDTO, fd, unsafe.Pointer(&p[0]), len(p), unix.MSG_NOSIGNAL)
}

// Accept returns the next connection of a listener, non-blocking and close-on-exec. The peer's
// address is not asked for: nobody needs it, and it would have to be copied.
func Accept(listener int) (fd int, errno unix.Errno) {
	return retry(unix.SYS_ACCEPT4, listener, nil, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
}

// retry makes the call until it is not interrupted by a signal. The fourth argument of all
// three calls is their flags; recvfrom and sendto have no address then, accept4 no length.
func retry(trap uintptr, fd int, p unsafe.Pointer, n int, flags uintptr) (int, unix.Errno) {
	for {
		// Package syscall's: x/sys/unix only jumps to it, by way of the assembler's conventions.
		r, _, errno := syscall.RawSyscall6(trap, uintptr(fd), uintptr(p), uintptr(n), flags, 0, 0)
		if errno != unix.EINTR {
			return max(int(r), 0), errno
		}
	}
}

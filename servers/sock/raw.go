package sock

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/servers/rawcall"
)

// Recv, Send and Accept are for non-blocking descriptors only. Such a call cannot wait, so the
// Go scheduler need not hear of it: rawcall leaves out its bookkeeping, which is about a
// quarter of the cost of a call that finds nothing to do. On a blocking descriptor the same call
// would hold up every goroutine of its processor. And because it cannot wait, no signal can
// interrupt it: there is no EINTR.
//
// They return an Errno, not an error: EAGAIN is an everyday answer; n or fd is then -1, as in C.
// They are small enough to be inlined: one thing more, and each is a call.

// Recv reads at most len(p) > 0 bytes. 0 without an Errno is the peer's FIN.
func Recv(fd int, p []byte) (n int, errno unix.Errno) {
	r, _, errno := rawcall.Syscall(unix.SYS_RECVFROM,
		uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	return int(r), errno
}

// Send writes as much of p as the socket takes, len(p) > 0. A broken connection is EPIPE or
// ECONNRESET and never the signal SIGPIPE.
func Send(fd int, p []byte) (n int, errno unix.Errno) {
	r, _, errno := rawcall.Syscall(unix.SYS_SENDTO,
		uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	return int(r), errno
}

// Accept returns the next connection of a listener, non-blocking and close-on-exec. The peer's
// address is not asked for: nobody needs it, and it would have to be copied.
func Accept(listener int) (fd int, errno unix.Errno) {
	r, _, errno := rawcall.Syscall(unix.SYS_ACCEPT4,
		uintptr(listener), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(r), errno
}

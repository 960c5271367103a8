package demux

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/servers/rawcall"
)

// epoll is the source that scales: the kernel keeps the interests, hangs a callback on each
// socket, and hands out only what is ready. An idle descriptor costs nothing per call.
type epoll struct{ fd int }

func newEpoll() (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &epoll{fd}, nil
}

func (e *epoll) Control(op Control, fd int, interest Readiness, generation uint32) error {
	ev := unix.EpollEvent{Events: uint32(interest), Fd: int32(fd), Pad: int32(generation)}
	if err := unix.EpollCtl(e.fd, int(op), fd, &ev); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

// Forget has nothing to do: the kernel drops a descriptor with its last reference.
func (e *epoll) Forget(int) {}

func (e *epoll) Fetch(batch []Event, ms int, raw bool) (n int, errno unix.Errno) {
	var r uintptr
	if raw {
		r, _, errno = rawcall.Syscall(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
			uintptr(unsafe.Pointer(&batch[0])), uintptr(len(batch)), uintptr(ms), 0, 0)
	} else {
		r, _, errno = syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
			uintptr(unsafe.Pointer(&batch[0])), uintptr(len(batch)), uintptr(ms), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

func (e *epoll) Close() error { return os.NewSyscallError("close epoll", unix.Close(e.fd)) }

package sock

import (
	"os"

	"golang.org/x/sys/unix"
)

// PregrowFDs makes the kernel allocate the process's descriptor table at its full size now.
//
// The table starts at 256 slots and doubles. In a process with several threads each doubling
// waits for an RCU grace period, about 10 ms during which socket and accept stall; a ramp to
// 10,000 connections meets six of them, and they would be charged to the model. Duplicating a
// descriptor to the last permitted number and closing it grows the table once, beforehand.
func PregrowFDs() error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	// Never more than a million: a container may report "unlimited", and each slot costs 8 bytes.
	last := min(lim.Cur, 1<<20) - 1
	spare, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	defer unix.Close(spare)
	fd, err := unix.FcntlInt(uintptr(spare), unix.F_DUPFD_CLOEXEC, int(last))
	if err != nil {
		return os.NewSyscallError("fcntl F_DUPFD", err)
	}
	return unix.Close(fd)
}

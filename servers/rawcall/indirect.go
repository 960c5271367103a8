//go:build !go1.26 || go1.27 || indirect

package rawcall

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Syscall makes a system call, with the arguments as they stand. A pointer must be converted to
// uintptr within the list of arguments: it is then kept alive, and where it is, until the call is
// over. r1 is -1 with an Errno.
//
//go:uintptrescapes
func Syscall(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, errno unix.Errno) {
	return syscall.RawSyscall6(trap, a1, a2, a3, a4, a5, a6)
}

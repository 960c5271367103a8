// Package probe finds out whether io_uring can be used here, and if not, why and what to do
// about it: it is forbidden more often than it is missing.
package probe

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor/uring/ring"
)

// Available says why io_uring cannot be used here, and what to do about it.
func Available() error {
	r, err := ring.Open(8, false)
	if err != nil {
		return remedy(err, sysctl("kernel/io_uring_disabled"))
	}
	return r.Close()
}

// remedy explains why io_uring_setup failed. disabled is the value of the sysctl, "" if there
// is none.
func remedy(err error, disabled string) error {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: the kernel has no io_uring (Linux before 5.1, or built without), "+
			"or a seccomp filter hides it: leave the container or sandbox, or permit the io_uring calls", err)
	case errors.Is(err, unix.EPERM) && disabled == "1":
		return fmt.Errorf("%w: sysctl kernel.io_uring_disabled is 1: set it to 0, "+
			"or join the group of kernel.io_uring_group", err)
	case errors.Is(err, unix.EPERM) && disabled == "2":
		return fmt.Errorf("%w: sysctl kernel.io_uring_disabled is 2: set it to 0", err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: a seccomp filter or security module forbids io_uring: "+
			"permit the io_uring calls (with Docker: --security-opt seccomp=...)", err)
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("%w: no memory may be locked for a ring: raise the limit (ulimit -l)", err)
	}
	return err
}

func sysctl(name string) string {
	value, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(value))
}

package probe

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRemedyNamesTheCause(t *testing.T) {
	for _, tc := range []struct {
		errno  unix.Errno
		sysctl string
		want   string
	}{
		{unix.ENOSYS, "", "seccomp"},
		{unix.EPERM, "", "seccomp"},
		{unix.EPERM, "0", "seccomp"},
		{unix.EPERM, "1", "kernel.io_uring_group"},
		{unix.EPERM, "2", "kernel.io_uring_disabled is 2"},
		{unix.EACCES, "", "security module"},
		{unix.ENOMEM, "0", "ulimit -l"},
	} {
		err := remedy(fmt.Errorf("io_uring_setup: %w", tc.errno), tc.sysctl)
		if !errors.Is(err, tc.errno) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v with sysctl %q: %v; want the cause and %q", tc.errno, tc.sysctl, err, tc.want)
		}
	}
}

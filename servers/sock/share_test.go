package sock

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestListenShared(t *testing.T) {
	for _, n := range []int{1, 3} {
		fds, addr, err := ListenShared("127.0.0.1:0", n, true)
		if err != nil || len(fds) != n {
			t.Fatalf("ListenShared(%d) = %v, %v", n, fds, err)
		}
		for _, fd := range fds {
			if got, err := LocalAddr(fd); err != nil || got.String() != addr.String() {
				t.Errorf("listener %d is bound to %v (%v); want %v", fd, got, err, addr)
			}
		}
		// A second server must learn that the address is taken, not take a share of it.
		for _, other := range []int{1, 2} {
			if _, _, err := ListenShared(addr.String(), other, true); !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("%d more listeners of somebody else: %v; want EADDRINUSE", other, err)
			}
		}
		for _, fd := range fds {
			if err := unix.Close(fd); err != nil {
				t.Error(err)
			}
		}
	}
}

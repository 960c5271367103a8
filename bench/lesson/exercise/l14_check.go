package exercise

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// check14 lets a peer send as long as it is read from, and never read itself.
func check14(interest func(pending, bound int) uint32) error {
	const bound, chunk = 64 << 10, 16 << 10
	pending := 0
	for range 1000 {
		if interest(pending, bound)&unix.EPOLLIN != 0 {
			pending += chunk
		}
	}
	if pending > bound+chunk {
		return fmt.Errorf("%d bytes are pending; the bound is %d", pending, bound)
	}
	for what, c := range map[string]struct {
		pending int
		want    uint32
	}{
		"nothing pending":   {0, unix.EPOLLIN},
		"some pending":      {1, unix.EPOLLIN | unix.EPOLLOUT},
		"too much pending":  {bound + 1, unix.EPOLLOUT},
		"exactly the bound": {bound, unix.EPOLLIN | unix.EPOLLOUT},
	} {
		if got := interest(c.pending, bound); got != c.want {
			return fmt.Errorf("%s: events %#x, want %#x", what, got, c.want)
		}
	}
	return nil
}

package exercise

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// check06 wants what is to be done, in order. What has been received is read before a connection is
// closed: the peer may have sent it right before it left.
func check06(dispatch func(events uint32) []string) error {
	for _, c := range []struct {
		events uint32
		want   []string
	}{
		{unix.EPOLLIN, []string{"read"}},
		{unix.EPOLLOUT, []string{"write"}},
		{unix.EPOLLIN | unix.EPOLLOUT, []string{"read", "write"}},
		{unix.EPOLLIN | unix.EPOLLHUP, []string{"read", "close"}},
		{unix.EPOLLHUP, []string{"close"}},
		{unix.EPOLLERR, []string{"close"}},
		{unix.EPOLLOUT | unix.EPOLLERR, []string{"close"}}, // there is nobody to write to
	} {
		if got := dispatch(c.events); !slices.Equal(got, c.want) {
			return fmt.Errorf("events %#x: does %q, want %q", c.events, got, c.want)
		}
	}
	return nil
}

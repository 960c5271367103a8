package exercise

import "golang.org/x/sys/unix"

// solution06 says what is to be done with a connection: read, write, close.
func solution06(events uint32) (do []string) {
	if events&unix.EPOLLIN != 0 {
		do = append(do, "read")
	}
	switch {
	case events&(unix.EPOLLHUP|unix.EPOLLERR) != 0:
		do = append(do, "close")
	case events&unix.EPOLLOUT != 0:
		do = append(do, "write")
	}
	return do
}

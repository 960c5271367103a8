package exercise

import "golang.org/x/sys/unix"

// starter06 says what is to be done with a connection: read, write, close.
func starter06(events uint32) (do []string) {
	if events&unix.EPOLLIN != 0 {
		do = append(do, "read")
	}
	return do
}

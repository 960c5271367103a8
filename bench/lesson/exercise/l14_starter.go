package exercise

import "golang.org/x/sys/unix"

// starter14 says what a connection is watched for, with so many bytes of output pending.
func starter14(pending, bound int) uint32 {
	if pending > 0 {
		return unix.EPOLLIN | unix.EPOLLOUT
	}
	return unix.EPOLLIN
}

package exercise

import "golang.org/x/sys/unix"

// solution14 says what a connection is watched for, with so many bytes of output pending.
func solution14(pending, bound int) uint32 {
	switch {
	case pending > bound:
		return unix.EPOLLOUT
	case pending > 0:
		return unix.EPOLLIN | unix.EPOLLOUT
	}
	return unix.EPOLLIN
}

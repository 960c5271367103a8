package trace

import "golang.org/x/sys/unix"

// archCalls are the calls that newer processors do without: each has a successor with more
// arguments.
func archCalls() map[int64]call {
	return map[int64]call{
		unix.SYS_EPOLL_WAIT: {"epoll_wait", first},
		unix.SYS_POLL:       {"poll", many},
		unix.SYS_SELECT:     {"select", many},
	}
}

package exercise

import "golang.org/x/sys/unix"

// solution05 returns what waits for one of the descriptors, once for each call.
func solution05(fds []int) (wait func() (int, error), release func(), err error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, nil, err
	}
	for _, fd := range fds {
		e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
			unix.Close(epoll)
			return nil, nil, err
		}
	}
	events := make([]unix.EpollEvent, 64)
	wait = func() (int, error) { return unix.EpollWait(epoll, events, 0) }
	return wait, func() { unix.Close(epoll) }, nil
}

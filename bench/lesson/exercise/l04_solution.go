package exercise

import "golang.org/x/sys/unix"

// solution04 returns the next byte of a non-blocking socket, and how often it has asked for it.
func solution04(fd int) (b byte, asked int, err error) {
	var buf [1]byte
	for {
		asked++
		_, err := unix.Read(fd, buf[:])
		if err != unix.EAGAIN && err != unix.EINTR {
			return buf[0], asked, err
		}
		// Sleeps until there is something. A signal may end it early: then it asks once more.
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if err != nil && err != unix.EINTR {
			return 0, asked, err
		}
	}
}

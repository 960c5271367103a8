package exercise

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// check04 sends a byte after a while, and wants to know how often it was asked for.
func check04(await func(fd int) (b byte, asked int, err error)) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	time.AfterFunc(20*time.Millisecond, func() { _, _ = unix.Write(fds[1], []byte("x")) })
	b, asked, err := await(fds[0])
	switch {
	case err != nil:
		return err
	case b != 'x':
		return fmt.Errorf("the byte is %q", b)
	case asked > 10:
		return fmt.Errorf("asked %d times", asked)
	}
	return nil
}

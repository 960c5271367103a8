package exercise

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// receiver10 is a connection of a proactor. Receive submits; Ready is called by the loop when the
// socket may be readable, which can be a mistake.
type receiver10 interface {
	Receive(done func(message string))
	Ready()
}

func check10(open func(fd int) receiver10) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	var got []string
	done := func(message string) { got = append(got, message) }
	r := open(fds[0])
	_, err = unix.Write(fds[1], []byte("one"))
	r.Receive(done)
	if len(got) > 0 {
		return errors.New("the handler is called inside Receive: who submits from a handler recurses")
	}
	r.Ready()
	r.Ready() // nothing is submitted: nothing may happen
	r.Receive(done)
	r.Ready() // nothing is there: it stays pending
	_, err2 := unix.Write(fds[1], []byte("two"))
	r.Ready()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	if fmt.Sprint(got) != "[one two]" {
		return fmt.Errorf("the handler got %q", got)
	}
	return nil
}

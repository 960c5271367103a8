package gate

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// client is a few connections driven by plain blocking calls from one thread: what it does,
// and when, is the same for every server.
type client struct {
	fds     []int
	request []byte
	reply   int // bytes of a reply
	buf     []byte
}

// patience bounds each wait for a server: what takes longer is a fault.
const patience = 5 * time.Second

// dial opens n connections.
func dial(addr netip.AddrPort, n int, request []byte) (*client, error) {
	c := &client{request: request, buf: make([]byte, 16<<10)}
	to := &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, errors.Join(os.NewSyscallError("socket", err), c.close())
		}
		c.fds = append(c.fds, fd)
		wait := unix.NsecToTimeval(patience.Nanoseconds())
		err = errors.Join(
			os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)),
			os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)),
			os.NewSyscallError("connect", unix.Connect(fd, to)),
		)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("connect to %v: %w", addr, err), c.close())
		}
	}
	return c, nil
}

func (c *client) close() error {
	var all error
	for _, fd := range c.fds {
		all = errors.Join(all, os.NewSyscallError("close", unix.Close(fd)))
	}
	c.fds = nil
	return all
}

// learn sends one request and takes what comes before it grows quiet as the size of a reply.
func (c *client) learn() error {
	if err := c.send(c.fds[0]); err != nil {
		return err
	}
	const quiet = 50 // milliseconds
	for {
		ready := []unix.PollFd{{Fd: int32(c.fds[0]), Events: unix.POLLIN}}
		wait := quiet
		if c.reply == 0 {
			wait = int(patience.Milliseconds())
		}
		n, err := unix.Poll(ready, wait)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return os.NewSyscallError("poll", err)
		case n == 0 && c.reply == 0:
			return errors.New("no reply to the first request")
		case n == 0:
			return nil
		}
		got, err := c.read(c.fds[0])
		if err != nil {
			return err
		}
		c.reply += got
	}
}

func (c *client) send(fd int) error {
	if n, err := unix.Write(fd, c.request); err != nil || n != len(c.request) {
		return fmt.Errorf("sent %d of %d bytes: %w", n, len(c.request), err)
	}
	return nil
}

func (c *client) read(fd int) (int, error) {
	for {
		n, err := unix.Read(fd, c.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, errors.New("the server closed the connection")
		}
		return n, nil
	}
}

// receive reads one whole reply.
func (c *client) receive(fd int) error {
	for got := 0; got < c.reply; {
		n, err := c.read(fd)
		if err != nil {
			return err
		}
		got += n
	}
	return nil
}

// lockstep sends n requests one by one, each a beat after the last and once the server has gone to
// sleep: then it does for each exactly what one request takes. A beat, because what a server does as
// time goes by must be the same share of a request on a fast machine and on a slow one. pid 0 is not
// waited for.
func (c *client) lockstep(pid, n int, beat time.Duration) error {
	next := time.Now()
	for range n {
		time.Sleep(time.Until(next)) // none, if it is late: then the next one is
		next = time.Now().Add(beat)
		if err := asleep(pid); err != nil {
			return err
		}
		if err := c.send(c.fds[0]); err != nil {
			return err
		}
		if err := c.receive(c.fds[0]); err != nil {
			return err
		}
	}
	return nil
}

// burst lets every connection send while the server is frozen, so that it wakes up to all of
// them at once: what it does about many ready connections, without a race with the client.
func (c *client) burst(pid, rounds int) error {
	for range rounds {
		if err := freeze(pid); err != nil {
			return err
		}
		for _, fd := range c.fds {
			if err := c.send(fd); err != nil {
				return errors.Join(err, unix.Kill(pid, unix.SIGCONT))
			}
		}
		if err := unix.Kill(pid, unix.SIGCONT); err != nil {
			return os.NewSyscallError("kill", err)
		}
		for _, fd := range c.fds {
			if err := c.receive(fd); err != nil {
				return err
			}
		}
		time.Sleep(time.Millisecond)
		if err := asleep(pid); err != nil { // or it would be frozen in the middle of something
			return err
		}
	}
	return nil
}

// sleepPatience bounds the wait for a server that goes to sleep: some never do.
const sleepPatience = 20 * time.Millisecond

// asleep waits until no thread of a process runs or waits for a processor. On a machine with
// other work a fixed pause is not enough: the server has not had its turn yet.
func asleep(pid int) error {
	for begin := time.Now(); pid != 0 && time.Since(begin) < sleepPatience; time.Sleep(50 * time.Microsecond) {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return fmt.Errorf("threads of process: %w", err)
		}
		running := false
		for _, task := range tasks {
			state, err := stateIn(fmt.Sprintf("/proc/%d/task/%s/stat", pid, task.Name()))
			running = running || (err == nil && state == 'R') // a thread may have ended meanwhile
		}
		if !running {
			return nil
		}
	}
	return nil
}

// freeze stops a process and waits until all of it stands still.
func freeze(pid int) error {
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		return os.NewSyscallError("kill", err)
	}
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(100 * time.Microsecond) {
		state, err := stateIn(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return err
		}
		if state == 'T' {
			return nil
		}
	}
	return fmt.Errorf("process %d does not stop", pid)
}

// stateIn is the letter after the name in a stat file of /proc; the name may hold anything.
func stateIn(path string) (byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("state of process: %w", err)
	}
	i := bytes.LastIndexByte(data, ')')
	if i < 0 || i+2 >= len(data) {
		return 0, fmt.Errorf("state of process in %s: %q", path, data)
	}
	return data[i+2], nil
}

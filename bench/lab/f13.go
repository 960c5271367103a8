package lab

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

func f13() Row {
	return Row{
		F: 13, Name: "an event for somebody else",
		Tried: "one batch of events; the handler of the first closes the second's connection and " +
			"accepts a new one",
		Idea: "The descriptor in an event says whose event it is.",
		See: "Once in a long while a new connection is closed, or is given somebody else's " +
			"readiness.",
		Why: "A descriptor is a number, and the kernel gives the lowest free one to the next " +
			"connection. An event that was fetched before the close still carries the number.",
		Fix: "The token of an event is the number and a generation, and the loop compares both. In " +
			"io_uring user_data must be as careful: completions come after the close, too.",
		Safe:   "our reactors and proactors: every token has a generation",
		Claim:  Claim{"new connections closed by mistake", Exactly, 0, ""},
		Faulty: Variant{"the descriptor is the token", reuse(false)},
		Fixed:  Variant{"descriptor and generation", reuse(true)},
	}
}

// reuse plays one batch, and returns whether the newcomer was closed by it.
func reuse(compare bool) func(context.Context, *Env) (Outcome, error) {
	return func(context.Context, *Env) (Outcome, error) {
		var fds [6]int // a, b and the newcomer, each followed by its peer
		for i := 0; i < len(fds); i += 2 {
			server, client, err := pair()
			if err != nil {
				return Outcome{}, err
			}
			defer closeAll([]int{server, client})
			fds[i], fds[i+1] = server, client
		}
		a, b := fds[0], fds[2]
		p, err := newPoller()
		if err != nil {
			return Outcome{}, err
		}
		defer p.close()
		generation := map[int]int32{a: 1, b: 1}
		for _, fd := range []int{a, b} {
			if err := p.watch(fd, unix.EPOLLIN|unix.EPOLLRDHUP, generation[fd]); err != nil {
				return Outcome{}, err
			}
		}
		if _, _, err := write(fds[1], []byte("replace b")); err != nil {
			return Outcome{}, err
		}
		if err := unix.Shutdown(fds[3], unix.SHUT_WR); err != nil { // b's peer goes
			return Outcome{}, os.NewSyscallError("shutdown", err)
		}
		batch, err := p.wait(0) // a, then b: in the order in which they became ready
		if err != nil {
			return Outcome{}, err
		}
		stale := 0
		for _, e := range batch {
			fd := int(e.Fd)
			switch {
			case compare && e.Pad != generation[fd]:
				stale++
			case e.Events&unix.EPOLLRDHUP != 0: // its peer has gone: it can be closed
				err = os.NewSyscallError("shutdown", unix.Shutdown(fd, unix.SHUT_RDWR))
			default:
				// b is closed, and its number given to the newcomer. accept would do so by itself;
				// dup3 makes sure that nobody else in this process comes in between.
				err = os.NewSyscallError("dup3", unix.Dup3(fds[4], b, unix.O_CLOEXEC))
				generation[b]++
			}
			if err != nil {
				return Outcome{}, err
			}
		}
		_, alive, err := read(fds[5], make([]byte, 1)) // its peer sees nothing, or the end
		closed := 1.0
		if alive {
			closed = 0
		}
		return Outcome{closed, Facts{"events": float64(len(batch)), "stale": float64(stale)}}, err
	}
}

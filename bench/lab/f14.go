package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func f14() Row {
	return Row{
		F: 14, Name: "no descriptor left, and the loop spins",
		Tried: fmt.Sprintf("%d connections wait, the process may open %d more descriptors; "+
			"level-triggered",
			emfileConns, emfileSpare),
		Idea: "An accept that fails is logged, and tried again at the next event.",
		See:  "All processor time is used, nothing is served, and the log fills the disk.",
		Why: "The connection stays in the queue, so the listener stays ready, and the next wait " +
			"returns at once. There is no way to refuse a connection without accepting it, and that " +
			"takes a descriptor.",
		Fix: "Keep one in reserve: close it, accept, close what came, open the reserve again. Or stop " +
			"watching the listener for a while. The peer is refused, and may go elsewhere.",
		Safe:   "every model of ours: a limit, and a pause after a failed accept",
		Claim:  Claim{"wakeups that brought no connection", AtMost, emfileConns, ""},
		Faulty: Variant{"tries again", played("emfile-spins")},
		Fixed:  Variant{"a descriptor in reserve", played("emfile-reserve")},
	}
}

const (
	emfileConns = 40
	emfileSpare = 10
	emfileSpins = 10_000 // then it is clear
)

// acceptWithoutDescriptors lets more connections come than there are descriptors for, and counts
// how often the loop was woken for nothing until it rests.
func acceptWithoutDescriptors(out *json.Encoder, reserve bool) error {
	listener, err := listen(false, anyPort())
	if err != nil {
		return err
	}
	at, err := addressOf(listener)
	if err != nil {
		return err
	}
	p, err := newPoller()
	if err != nil {
		return err
	}
	if err := p.watch(listener, unix.EPOLLIN, 0); err != nil {
		return err
	}
	highest := 0
	for range emfileConns { // they stay in the queue: connect needs nobody to accept
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		if err := unix.Connect(fd, at); err != nil {
			return os.NewSyscallError("connect", err)
		}
		highest = fd
	}
	spare := -1
	if reserve {
		if spare, err = openNull(); err != nil {
			return err
		}
		highest = max(highest, spare)
	}
	limit := uint64(highest + 1 + emfileSpare)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	outcome, err := acceptAll(p, listener, spare)
	if err != nil {
		return err
	}
	return out.Encode(outcome)
}

// acceptAll accepts, one connection for each wakeup. spare is a descriptor in reserve; -1: none.
func acceptAll(p poller, listener, spare int) (Outcome, error) {
	accepted, refused, empty := 0, 0, 0
	for empty < emfileSpins {
		events, err := p.wait(50 * time.Millisecond)
		if err != nil {
			return Outcome{}, err
		}
		if len(events) == 0 {
			break // it rests
		}
		_, _, err = unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			accepted++
			continue
		case !errors.Is(err, unix.EMFILE):
			return Outcome{}, os.NewSyscallError("accept4", err)
		}
		empty++
		if spare < 0 {
			continue
		}
		unix.Close(spare)
		if fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC); err == nil {
			unix.Close(fd)
			refused++
		}
		if spare, err = openNull(); err != nil {
			return Outcome{}, err
		}
	}
	return Outcome{float64(empty), Facts{"accepted": float64(accepted), "refused": float64(refused)}}, nil
}

func openNull() (int, error) {
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return fd, os.NewSyscallError("open", err)
}

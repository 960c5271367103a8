package lab

import (
	"context"

	"golang.org/x/sys/unix"
)

func f04() Row {
	return Row{
		F: 4, Name: "edge-triggered without draining",
		Tried: "10 bytes are there, the buffer takes 4; one read for each event",
		Idea:  "Edge-triggered epoll says less often that something is ready. Less is cheaper.",
		See: "A request stays unanswered until the peer sends something else. Under load nobody " +
			"notices.",
		Why: "An edge is told once: bytes have come. What is left after a read is no news, and the " +
			"loop waits for an event that never comes.",
		Fix:    "Read until EAGAIN, which takes one call more for each burst; or be level-triggered.",
		Safe:   "every level-triggered loop; reactor-et, which drains, with a bound (F5)",
		Claim:  Claim{"bytes that arrive of 10", Exactly, 10, ""},
		Faulty: Variant{"EPOLLET, one read", readTen(unix.EPOLLET, false)},
		Fixed:  Variant{"EPOLLET, read until EAGAIN", readTen(unix.EPOLLET, true)},
	}
}

// readTen sends ten bytes to a loop with a buffer of four, and returns how many it has read when
// it has nothing more to do.
func readTen(trigger uint32, drain bool) func(context.Context, *Env) (Outcome, error) {
	return func(context.Context, *Env) (Outcome, error) {
		server, client, err := pair()
		if err != nil {
			return Outcome{}, err
		}
		defer closeAll([]int{server, client})
		p, err := newPoller()
		if err != nil {
			return Outcome{}, err
		}
		defer p.close()
		if err := p.watch(server, unix.EPOLLIN|trigger, 0); err != nil {
			return Outcome{}, err
		}
		if _, _, err := write(client, []byte("0123456789")); err != nil {
			return Outcome{}, err
		}
		bytes, wakeups, reads := 0, 0, 0
		for {
			events, err := p.wait(0) // a loop would sleep here, for ever
			if err != nil {
				return Outcome{}, err
			}
			if len(events) == 0 {
				facts := Facts{"wakeups": float64(wakeups), "reads": float64(reads)}
				return Outcome{float64(bytes), facts}, nil
			}
			wakeups++
			for {
				var buf [4]byte
				n, none, err := read(server, buf[:])
				if err != nil {
					return Outcome{}, err
				}
				bytes, reads = bytes+n, reads+1
				if none || !drain {
					break
				}
			}
		}
	}
}

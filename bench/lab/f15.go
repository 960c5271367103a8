package lab

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

func f15() Row {
	return Row{
		F: 15, Name: "asks for what it has",
		Tried: fmt.Sprintf("an idle connection, level-triggered; the loop is watched until it rests, "+
			"or has been woken %d times",
			idleSpins),
		Idea: "Be told when a connection is readable or writable, and then see what there is to do.",
		See:  "An idle server uses a whole processor.",
		Why: "A socket is writable nearly always: its buffer has room. Level-triggered epoll says so " +
			"each time it is asked, and the loop never sleeps.",
		Fix: "Ask for EPOLLOUT only while output is pending, at the price of two epoll_ctl for each " +
			"reply that does not go out at once. Edge-triggered, it may stay on.",
		Safe:   "the reactors: interest follows what a connection waits for",
		Claim:  Claim{"wakeups with nothing to do", Exactly, 0, ""},
		Faulty: Variant{"EPOLLIN and EPOLLOUT, always", idle(unix.EPOLLIN | unix.EPOLLOUT)},
		Fixed:  Variant{"EPOLLOUT only while output is pending", idle(unix.EPOLLIN)},
	}
}

const idleSpins = 1000

// idle returns how often a loop is woken that has nothing to do.
func idle(interest uint32) func(context.Context, *Env) (Outcome, error) {
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
		if err := p.watch(server, interest, 0); err != nil {
			return Outcome{}, err
		}
		wakeups := 0
		for wakeups < idleSpins {
			events, err := p.wait(50 * time.Millisecond)
			if err != nil {
				return Outcome{}, err
			}
			if len(events) == 0 {
				break // it rests
			}
			wakeups++
		}
		return Outcome{Value: float64(wakeups)}, nil
	}
}

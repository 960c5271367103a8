package lab

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

func f08() Row {
	return Row{
		F: 8, Name: "the thundering herd",
		Tried: fmt.Sprintf("%d workers, each with an epoll of its own, watch one listener; %d "+
			"connections come one by one",
			herdWorkers, herdConns),
		Idea: "Every worker watches the listener. Whoever is free takes the connection.",
		See:  "Processor time goes up with the number of workers, at the same number of connections.",
		Why: "The listener is ready, so every epoll says so, to every worker. One of them gets the " +
			"connection; the others were woken for an accept that finds nothing.",
		Fix: "EPOLLEXCLUSIVE: the kernel wakes one. Or a listener for each worker (SO_REUSEPORT): " +
			"then there is nothing to share. Both have their own price: F9.",
		Safe:   "every model of ours with several loops: each has a listener of its own",
		Claim:  Claim{"accepts that found nothing", Exactly, 0, ""},
		Faulty: Variant{"one listener, all are woken", emptyAccepts(true, 0)},
		Fixed:  Variant{"EPOLLEXCLUSIVE", emptyAccepts(true, unix.EPOLLEXCLUSIVE)},
	}
}

func emptyAccepts(share bool, events uint32) func(context.Context, *Env) (Outcome, error) {
	return func(ctx context.Context, _ *Env) (Outcome, error) {
		workers, err := stampede(ctx, share, events)
		if err != nil {
			return Outcome{}, err
		}
		empty, wakeups := 0, 0
		for _, w := range workers {
			empty, wakeups = empty+w.empty, wakeups+w.wakeups
		}
		return Outcome{float64(empty), Facts{"wakeups": float64(wakeups), "conns": herdConns}}, nil
	}
}

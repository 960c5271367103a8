package lab

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

func f09() Row {
	return Row{
		F: 9, Name: "one worker gets them all",
		Tried: fmt.Sprintf("%d workers, %d connections, one by one, so that all workers are free each "+
			"time",
			herdWorkers, herdConns),
		Idea: "EPOLLEXCLUSIVE wakes one worker for each connection: the herd is tamed, and the load " +
			"is shared.",
		See: "One processor is busy and the others are not, with long connections until the next " +
			"restart.",
		Why: "Those who wait stand in a list, and the kernel wakes the first that can. Whoever is at " +
			"the head when all are free gets the connection, each time.",
		Fix: "A listener for each worker (SO_REUSEPORT): the kernel deals connections out by a hash " +
			"of the addresses. That is fair on average and blind to load: a busy worker gets its share, " +
			"too.",
		Safe:   "every model of ours with several loops, by SO_REUSEPORT",
		Claim:  Claim{fmt.Sprintf("of %d, the busiest worker has", herdConns), AtMost, herdConns / 2, ""},
		Faulty: Variant{"one listener, EPOLLEXCLUSIVE", busiest(true, unix.EPOLLEXCLUSIVE)},
		Fixed:  Variant{"a listener each, SO_REUSEPORT", busiest(false, 0)},
	}
}

func busiest(share bool, events uint32) func(context.Context, *Env) (Outcome, error) {
	return func(ctx context.Context, _ *Env) (Outcome, error) {
		workers, err := stampede(ctx, share, events)
		if err != nil {
			return Outcome{}, err
		}
		most, idle := 0, 0
		for _, w := range workers {
			most = max(most, w.accepted)
			if w.accepted == 0 {
				idle++
			}
		}
		return Outcome{float64(most), Facts{"idle_workers": float64(idle), "workers": herdWorkers}}, nil
	}
}

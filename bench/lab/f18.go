package lab

import (
	"context"
	"fmt"
	"slices"
	"time"
)

func f18() Row {
	return Row{
		F: 18, Name: "the clock that waits for the server",
		Tried: fmt.Sprintf("%d requests planned, one every %v; the server stalls once, for %d ms",
			planned, pace, stallMillis),
		Idea: "Latency is the time from sending a request to its answer.",
		See:  "Two tools measure the same server, and their 99th percentiles are worlds apart.",
		Why: "While the server stalls, a client that waits for its answer sends nothing. All requests " +
			"that should have been sent then are sent later, quickly answered, and the stall counts " +
			"once.",
		Fix: "Count from when the request was due. Users do not wait for each other, so neither may a " +
			"plan; that takes a generator that can be late, and says so.",
		Safe:   "netload counts both ways: response from the due time, service from the send",
		Claim:  Claim{"99th percentile", AtLeast, stallMillis / 2, "ms"},
		Faulty: Variant{"counted from the send", stalled(false)},
		Fixed:  Variant{"counted from the due time", stalled(true)},
	}
}

const (
	planned     = 200
	pace        = 5 * time.Millisecond
	stallMillis = 300
	stallAt     = planned / 4 // the request that stalls; those behind it on the connection wait
)

// stalled plays the plan and returns the 99th percentile in milliseconds.
func stalled(fromDue bool) func(context.Context, *Env) (Outcome, error) {
	return func(ctx context.Context, env *Env) (Outcome, error) {
		server, err := env.Serve(ctx, "goroutine", "http")
		if err != nil {
			return Outcome{}, err
		}
		defer server.Stop(stopWithin)
		c, err := dialHTTP(ctx, server.Addr)
		if err != nil {
			return Outcome{}, err
		}
		defer c.Close()
		var times []time.Duration
		begin := time.Now()
		for i := range planned {
			due := begin.Add(time.Duration(i) * pace)
			time.Sleep(time.Until(due)) // the pace; nothing, if it is late already
			from := time.Now()
			if fromDue {
				from = due
			}
			path := "/"
			if i == stallAt {
				path = fmt.Sprintf("/delay/%d", stallMillis)
			}
			if _, err := c.get(path); err != nil {
				return Outcome{}, err
			}
			times = append(times, time.Since(from))
		}
		slices.Sort(times)
		return Outcome{ms(times[planned*99/100-1]), Facts{
			"p50_ms": ms(times[planned/2]), "max_ms": ms(times[planned-1]),
		}}, nil
	}
}

package lab

import (
	"context"
	"fmt"
	"time"
)

func f10() Row {
	return Row{
		F: 10, Name: "head of line",
		Tried: fmt.Sprintf("GET /delay/%d and GET / at once, to a server whose handlers block nobody",
			blockMillis),
		Idea: "Pipelining saves round trips: send the next request before the answer to the first is " +
			"there.",
		See: "A fast request is as slow as the slow one before it. No server of any model is " +
			"better.",
		Why: "HTTP/1.1 has no number on an answer: the client tells them apart by their order. The " +
			"fast answer may be ready, and must wait for its turn.",
		Fix: "Two connections. Or a protocol whose answers carry the number of their request, and may " +
			"come in any order; TCP itself still delivers bytes in order.",
		Safe:   "none: it is the protocol, not the engine",
		Claim:  Claim{"the fast answer after", AtMost, blockMillis / 2, "ms"},
		Faulty: Variant{"one connection, pipelined", behindSlow(false)},
		Fixed:  Variant{"two connections", behindSlow(true)},
	}
}

// behindSlow returns the milliseconds until a fast request is answered that is sent right behind a
// slow one; at best of three.
func behindSlow(apart bool) func(context.Context, *Env) (Outcome, error) {
	return func(ctx context.Context, env *Env) (Outcome, error) {
		server, err := env.Serve(ctx, "reactor", "http", "--loops", "1", "--offload", "2")
		if err != nil {
			return Outcome{}, err
		}
		defer server.Stop(stopWithin)
		slow, err := dialHTTP(ctx, server.Addr)
		if err != nil {
			return Outcome{}, err
		}
		defer slow.Close()
		fast := slow
		if apart {
			if fast, err = dialHTTP(ctx, server.Addr); err != nil {
				return Outcome{}, err
			}
			defer fast.Close()
		}
		best := time.Hour
		for range 3 {
			took, err := askBoth(slow, fast)
			if err != nil {
				return Outcome{}, err
			}
			best = min(best, took)
		}
		return Outcome{Value: ms(best)}, nil
	}
}

// askBoth sends both requests, the slow one first, and returns how long the fast answer took.
func askBoth(slow, fast *client) (took time.Duration, err error) {
	if err := slow.ask(fmt.Sprintf("/delay/%d", blockMillis)); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := fast.ask("/"); err != nil {
		return 0, err
	}
	if slow != fast {
		if err := fast.answer(); err != nil {
			return 0, err
		}
		took = time.Since(begin)
		return took, slow.answer()
	}
	for range 2 { // in the order of the requests: there is no other
		if err := fast.answer(); err != nil {
			return 0, err
		}
	}
	return time.Since(begin), nil
}

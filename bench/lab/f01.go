package lab

import (
	"context"
	"fmt"
	"time"
)

func f01() Row {
	return Row{
		F: 1, Name: "one handler blocks the loop",
		Tried: fmt.Sprintf("one loop; GET /delay/%d, and 20 ms later GET / on another connection",
			blockMillis),
		Idea: "A handler is called when its request is there, and may take the time it needs.",
		See: "Some requests are slow, now and then, that have nothing to do with the slow ones. No " +
			"error, and no processor time.",
		Why: "The loop calls one handler after the other. While one waits, nobody looks for what else " +
			"is ready. A proactor is no better off: the thread that takes completions is a loop, too.",
		Fix: "Handlers that may wait run on a bounded pool of workers, and the loop only takes their " +
			"answers. That costs two switches of thread for each request.",
		Safe: "goroutine and thread have somebody to wait for each connection; netpoll runs " +
			"handlers off its loops",
		Claim:  Claim{"the other connection's answer after", AtMost, blockMillis / 2, "ms"},
		Faulty: blocked("reactor, handler on the loop", "reactor"),
		Fixed:  blocked("reactor --offload 2", "reactor", "--offload", "2"),
	}
}

// blockMillis is how long the handler waits.
const blockMillis = 200

func blocked(name, model string, args ...string) Variant {
	return Variant{name, func(ctx context.Context, env *Env) (Outcome, error) {
		return BehindBlocked(ctx, env, model, args...)
	}}
}

// BehindBlocked returns how many milliseconds a request waits for an answer, at best of three,
// while the handler of another connection of the same loop blocks.
func BehindBlocked(ctx context.Context, env *Env, model string, args ...string) (Outcome, error) {
	server, err := env.Serve(ctx, model, "http", append([]string{"--loops", "1"}, args...)...)
	if err != nil {
		return Outcome{}, err
	}
	defer server.Stop(stopWithin)
	slow, err := dialHTTP(ctx, server.Addr)
	if err != nil {
		return Outcome{}, err
	}
	defer slow.Close()
	other, err := dialHTTP(ctx, server.Addr)
	if err != nil {
		return Outcome{}, err
	}
	defer other.Close()
	best := time.Hour
	for range 3 {
		if err := slow.ask(fmt.Sprintf("/delay/%d", blockMillis)); err != nil {
			return Outcome{}, err
		}
		time.Sleep(20 * time.Millisecond) // the handler blocks by now: this is the failure's set-up
		took, err := other.get("/")
		if err != nil {
			return Outcome{}, err
		}
		if err := slow.answer(); err != nil {
			return Outcome{}, err
		}
		best = min(best, took)
	}
	return Outcome{Value: ms(best), Facts: Facts{"block_ms": blockMillis}}, nil
}

package lab

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

func f16() Row {
	return Row{
		F: 16, Name: "completions that call each other",
		Tried: fmt.Sprintf("a proactor made of non-blocking reads; %d messages are there before the "+
			"first receive",
			pipelined),
		Idea: "If the operation can be done at once, do it, and call its completion handler right " +
			"away.",
		See: "The stack grows with what a peer pipelines. In a language with fixed stacks the " +
			"server dies.",
		Why: "The handler submits the next operation, which completes at once and calls the handler, " +
			"which submits the next: each message is answered inside the handler of the one before.",
		Fix: "Submit only queues; the loop takes completions from the queue and calls handlers from " +
			"there, one at a time. It also keeps a handler from being called before the call that " +
			"submits has returned.",
		Safe:   "both proactors: Submit never completes inside the call. io_uring queues by nature",
		Claim:  Claim{"handlers inside one another", AtMost, 1, ""},
		Faulty: Variant{"completes inside Submit", recursion(true)},
		Fixed:  Variant{"completes from a queue", recursion(false)},
	}
}

const pipelined = 1000

func recursion(inline bool) func(context.Context, *Env) (Outcome, error) {
	return func(context.Context, *Env) (Outcome, error) {
		server, client, err := pair()
		if err != nil {
			return Outcome{}, err
		}
		defer closeAll([]int{server, client})
		if _, _, err := write(client, make([]byte, pipelined)); err != nil {
			return Outcome{}, err
		}
		p := emulated{fd: server, inline: inline}
		if err := p.run(); err != nil {
			return Outcome{}, err
		}
		if p.messages != pipelined {
			return Outcome{}, fmt.Errorf("%d of %d messages were received", p.messages, pipelined)
		}
		return Outcome{float64(p.deepest), Facts{"messages": pipelined}}, nil
	}
}

// emulated is a proactor of one connection that can receive.
type emulated struct {
	fd     int
	inline bool // the fault

	completed []func()
	messages  int
	depth     int
	deepest   int
	failed    error
}

// run is the loop: it ends when nothing is pending.
func (p *emulated) run() error {
	p.receive()
	for len(p.completed) > 0 {
		next := p.completed[0]
		p.completed = p.completed[1:]
		next()
	}
	return p.failed
}

// receive submits a receive of one byte.
func (p *emulated) receive() {
	var buf [1]byte
	n, err := unix.Read(p.fd, buf[:])
	switch {
	case err == unix.EAGAIN: // the loop would wait for readiness here; for this row nothing more comes
	case err != nil:
		p.failed = err
	case p.inline:
		p.received(n)
	default:
		p.completed = append(p.completed, func() { p.received(n) })
	}
}

// received is the completion handler: it takes the message and wants the next.
func (p *emulated) received(n int) {
	p.depth++
	p.deepest = max(p.deepest, p.depth)
	p.messages += n
	p.receive()
	p.depth--
}

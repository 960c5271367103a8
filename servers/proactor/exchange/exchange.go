// Package exchange is what a completion-based connection needs only while it owes its peer
// something: from the bytes received to the last byte sent. Few connections owe at any moment,
// so what they need for it is pooled, and an idle connection is small.
//
//	bytes HAVE been received ─▶ Borrow ─▶ Feed: the session appends to Job.Out
//	                                       │ here: done │ on a worker: Wake, then Returned
//	                                       ▼
//	                                     Send, until all of Job.Out HAS been sent ─▶ GiveBack
//
// The output cannot live in a buffer of the loop, as a reactor's may: from the submission of a
// send to its completion its bytes are the kernel's. Nor can the input wait where it was
// received: that buffer is lent for the length of a handler. So a worker's input, and what
// arrives while an answer is under way, is copied; that is the pattern's price for slow peers.
package exchange

import (
	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/proactor"
	"iomodels/servers/proto"
)

// Exchange is one debt to one peer.
type Exchange struct {
	Send    proactor.Op       // of Job.Out, or of what is left of it
	Job     offload.Job       // the session, what it is fed, and the output
	Rest    []byte            // received meanwhile
	Paused  deadline.Deadline // of the peer, while the job is with a worker
	Working bool              // the job is with a worker
	Gathers bool              // more input comes at once, and its output joins what there is

	in []byte // a worker's copy of what it is fed
}

// spareMax is how many bytes of idle exchanges a pool keeps for reuse.
const spareMax = 4 << 20

// Pool lends exchanges to the connections of one loop, whose goroutine makes every call.
type Pool struct {
	workers *offload.Pool // nil: sessions think on the loop
	wake    func()        // makes the loop look at Returned; any goroutine may call it
	out     int           // exchanges with a worker
	spare   []*Exchange
	held    int // bytes held by spare
	returns offload.Returns[*Exchange]
}

// NewPool returns a pool that lends nothing yet.
func NewPool(workers *offload.Pool, wake func()) *Pool {
	return &Pool{workers: workers, wake: wake}
}

// Borrow returns an exchange that owes nothing yet. The caller sets Send and Job.Session.
func (p *Pool) Borrow() *Exchange {
	if n := len(p.spare); n > 0 {
		x := p.spare[n-1]
		p.spare = p.spare[:n-1]
		p.held -= x.Size()
		return x
	}
	x := new(Exchange)
	x.Job.Done = func(*offload.Job) { // on a worker
		p.returns.Put(x)
		p.wake()
	}
	return x
}

// GiveBack ends the use of x. It must neither be sending nor with a worker.
func (p *Pool) GiveBack(x *Exchange) {
	if p.held+x.Size() > spareMax {
		return
	}
	x.Send.Buf, x.Job.In, x.Job.Session = nil, nil, nil
	x.Job.Out, x.Rest = x.Job.Out[:0], x.Rest[:0]
	p.held += x.Size()
	p.spare = append(p.spare, x)
}

// Feed feeds the session. It reports whether that is done; if not, a worker does it, with a copy
// of in, and x comes back from Returned.
func (p *Pool) Feed(x *Exchange, in []byte) bool {
	if p.workers == nil {
		x.Job.In = in
		x.Job.Run()
		return true
	}
	x.in = append(x.in[:0], in...)
	x.Job.In, x.Working = x.in, true
	p.out++
	p.workers.Submit(&x.Job)
	return false
}

// Thinking is how many exchanges are with a worker.
func (p *Pool) Thinking() int { return p.out }

// Returned takes what workers have done since the last call. The slice is valid until the next.
func (p *Pool) Returned() []*Exchange {
	if p.workers == nil {
		return nil
	}
	returned := p.returns.Take()
	for _, x := range returned {
		x.Working = false
	}
	p.out -= len(returned)
	return returned
}

// Busy reports whether x is in other hands: with the kernel, or with a worker.
func (x *Exchange) Busy() bool { return x.Send.Pending || x.Working }

// Reads reports whether one receive may be pending although something is owed: the session
// wants more, and nothing has arrived that waits for it.
func (x *Exchange) Reads() bool {
	return !x.Working && x.Job.Verdict == proto.Continue && len(x.Rest) == 0
}

// Size is how many bytes x holds for its connection.
func (x *Exchange) Size() int { return cap(x.Job.Out) + cap(x.in) + cap(x.Rest) }

package uring

import (
	"golang.org/x/sys/unix"

	"iomodels/servers/proactor"
	"iomodels/servers/proactor/uring/abi"
	"iomodels/servers/proactor/uring/entry"
	"iomodels/servers/proactor/uring/feature"
	"iomodels/servers/proactor/uring/pending"
)

// hearBell is the operation behind Wake: a read of the bell.
const hearBell proactor.Kind = 0

// arm prepares the entry of a new operation.
func (p *Proactor) arm(op *proactor.Op) {
	p.pending.Add(op)
	e := p.ring.Entry()
	switch op.Kind {
	case proactor.Accept:
		entry.Accept(e, !p.opt.Without.Has(feature.Multishot))
	case proactor.Receive:
		p.buffers.Prepare(e, op)
	case proactor.SendLazily:
		if !p.opt.Without.Has(feature.QuietSends) {
			entry.SendQuietly(e, op.Buf)
			p.quiet.Add(op, p.ring.Prepared())
			break
		}
		fallthrough
	case proactor.Send:
		entry.Send(e, op.Buf)
	case hearBell:
		entry.Read(e, p.bell.Count[:])
	}
	e.FD, e.UserData = op.FD, pending.UserData(op)
}

// unheard returns an entry whose completion nobody waits for.
func (p *Proactor) unheard() *abi.SQE {
	e := p.ring.Entry()
	if p.ring.Features.SkipSuccess() {
		e.Flags = abi.SkipSuccess
	}
	return e
}

// settle completes the quiet sends that the kernel has seen: those that failed, as the
// completions that are there tell, then the others. It comes before everything else of a
// batch: the peer's next request may be in the same one, and comes after the reply.
func (p *Proactor) settle() {
	if p.quiet.Len() == 0 || p.ring.Overflowed() { // a failure may be among what did not fit
		return
	}
	taken := p.quiet.Taken(p.ring.Submitted()) // before any handler runs: it may submit more
	for i, filled := uint32(0), p.ring.Filled(); i < filled; i++ {
		if c := p.ring.Peek(i); pending.IsQuiet(c.UserData) {
			p.failedQuietly(*c)
		}
	}
	for i := range taken {
		if op := p.quiet.At(i); op != nil {
			p.complete(op, len(op.Buf), nil, false)
		}
	}
	p.quiet.Forget(taken)
}

// failedQuietly completes a quiet send that failed, or sent less than asked: nothing, if there was
// no room.
func (p *Proactor) failedQuietly(c abi.CQE) {
	op := p.pending.Find(c.UserData)
	if op == nil {
		return
	}
	n, err := result(c.Res)
	if err == unix.EAGAIN {
		err = nil
	}
	p.complete(op, n, err, false)
}

// completed handles one completion.
func (p *Proactor) completed(c abi.CQE) {
	op := p.pending.Find(c.UserData)
	if op == nil { // nobody waits for it any more
		return
	}
	n, err := result(c.Res)
	switch {
	case op.Mark&pending.Quietly != 0: // it came too late for settle: the queue had been full
		p.failedQuietly(c)
	case op.Kind != proactor.Receive:
		p.complete(op, n, err, c.Flags&abi.More != 0)
	case err == unix.EINVAL && op.Mark&pending.Closing == 0 && p.buffers.Unbound():
		p.arm(op)
	default:
		lent := p.buffers.Lend(op, &c, n)
		op.Follow = p.follows(c)
		p.complete(op, n, err, c.Flags&abi.More != 0)
		p.buffers.TakeBack(&c, lent)
	}
}

// follows reports whether the next completion of this turn brings more of the same stream.
func (p *Proactor) follows(c abi.CQE) bool {
	if p.left == 0 {
		return false
	}
	next := p.ring.Peek(0)
	return next.UserData == c.UserData && next.Flags&abi.HasBuffer != 0 && next.Res > 0
}

// complete tells the handler, unless the proactor is being closed.
func (p *Proactor) complete(op *proactor.Op, n int, err error, more bool) {
	if !more && p.pending.Remove(op) {
		entry.Close(p.unheard(), int(op.FD))
	}
	switch {
	case !p.closed:
		op.Complete(n, err, more)
	case op.Kind == proactor.Accept && err == nil:
		unix.Close(n) // a connection that nobody will hear of
	}
}

// result splits what the kernel reports into a count and an error.
func result(res int32) (int, error) {
	if res < 0 {
		return 0, unix.Errno(-res)
	}
	return int(res), nil
}

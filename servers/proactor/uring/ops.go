package uring

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor"
	"iomodels/servers/proactor/uring/ring"
)

// hearBell is the operation behind Wake: a read of the bell.
const hearBell proactor.Kind = 0

// Marks of an Op.
const (
	closing uint8 = 1 << iota // its descriptor is to be closed after it
	quietly                   // only its failure is reported
)

// place is an operation's index in ops: its descriptor, and whether it sends.
func place(op *proactor.Op) uint32 {
	if op.Kind >= proactor.Send {
		return uint32(op.FD)<<1 | 1
	}
	return uint32(op.FD) << 1
}

// userData names a submission: where its operation is found, and its token, which tells it
// from all that were there before. quietBit spares those who look for failed quiet sends the
// way to the operation.
func userData(op *proactor.Op) uint64 {
	d := uint64(op.Token)<<32 | uint64(place(op))
	if op.Mark&quietly != 0 {
		d |= quietBit
	}
	return d
}

const quietBit = 1 << 31 // descriptors need 30 bits at most

// lookup returns the operation that a completion is about; nil: it has completed before.
func (p *Proactor) lookup(data uint64) *proactor.Op {
	at := uint32(data &^ quietBit)
	if at < uint32(len(p.ops)) {
		if op := p.ops[at]; op != nil && op.Token == uint32(data>>32) {
			return op
		}
	}
	return nil
}

// enlist makes op findable by the completions of a new submission.
func (p *Proactor) enlist(op *proactor.Op) {
	at := int(place(op))
	if at >= len(p.ops) {
		p.ops = append(p.ops, make([]*proactor.Op, at|1+1-len(p.ops))...)
	}
	if p.ops[at] == nil {
		p.pending++
	} else if p.ops[at] != op {
		panic("uring: two operations of one direction on one descriptor")
	}
	if p.token++; p.token == 0 { // 0 is the token of entries that nobody waits for
		p.token = 1
	}
	op.Token, op.Mark = p.token, 0
	p.ops[at] = op
}

// delist ends the backend's interest in op, and closes its descriptor if that was asked for
// and nothing else is pending on it.
func (p *Proactor) delist(op *proactor.Op) {
	at := place(op)
	p.ops[at] = nil
	p.pending--
	if op.Mark&closing != 0 && p.ops[at^1] == nil {
		p.silent(ring.OpClose, op.FD)
	}
}

// entry returns an empty submission entry. If the queue is full, what is in it is submitted
// first. If that fails for good, the entry leads nowhere, and Complete says why.
func (p *Proactor) entry() *ring.SQE {
	e := p.ring.Next()
	for e == nil && p.broken == nil {
		p.enter(0, 0)
		e = p.ring.Next()
	}
	if e == nil {
		e = new(ring.SQE)
	}
	return e
}

// silent prepares an entry whose completion nobody waits for.
func (p *Proactor) silent(opcode uint8, fd int32) *ring.SQE {
	e := p.entry()
	e.Opcode, e.FD = opcode, fd
	if p.ring.CanSkipSuccess() {
		e.Flags = ring.SkipSuccess
	}
	return e
}

// arm prepares the entry of a new operation.
func (p *Proactor) arm(op *proactor.Op) {
	p.enlist(op)
	e := p.entry()
	switch op.Kind {
	case proactor.Accept:
		e.Opcode, e.OpFlags = ring.OpAccept, unix.SOCK_CLOEXEC
		if !p.opt.NoMultishot {
			e.Ioprio = ring.AcceptMultishot
		}
	case proactor.Receive:
		p.prepareReceive(e, op)
	case proactor.Send, proactor.SendLazily:
		p.prepareSend(e, op, op.Kind == proactor.SendLazily && !p.opt.NoQuietSends)
	case hearBell:
		e.Opcode = ring.OpRead
		point(e, p.bell.Count[:])
	}
	e.FD, e.UserData = op.FD, userData(op)
}

// point has an entry refer to buf, which must be on the heap, reachable from somewhere else:
// the address is a number that neither keeps it alive nor follows a stack that moves.
func point(e *ring.SQE, buf []byte) {
	e.Addr, e.Len = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(buf)))), uint32(len(buf))
}

func (p *Proactor) prepareReceive(e *ring.SQE, op *proactor.Op) {
	e.Opcode = ring.OpRecv
	if p.buffers == nil { // the proactor's price: a buffer committed while nothing arrives
		if n := len(p.spare); n > 0 {
			op.Buf, p.spare = p.spare[n-1], p.spare[:n-1]
		} else {
			op.Buf = make([]byte, p.opt.BufferSize)
		}
		point(e, op.Buf)
		return
	}
	e.Flags = ring.BufferSelect
	if !p.opt.NoMultishot {
		e.Ioprio = ring.RecvMultishot
		if !p.endless { // or one peer could fill all buffers in one turn
			e.OptLen = uint32(p.opt.ReceiveMax)
		}
	}
}

// prepareSend prepares a send, quiet or not.
//
// The success of a quiet send is not reported. It need not be: with DONTWAIT it is carried out
// while it is submitted or not at all, so whoever looks at the queue after the submission and
// finds no failure knows that it succeeded. That saves a completion per request, and, when few
// connections are busy, a turn of the loop: the wait ends with the next request, not with the
// news that the reply was sent. (Measured: half the system calls with one connection, and two
// to three per cent of the cost of a small request with 256.) WAITALL makes a short send a
// failure as well: io_send and io_sendrecv_fail in io_uring/net.c, io_req_defer_failed in
// io_uring/io_uring.c.
func (p *Proactor) prepareSend(e *ring.SQE, op *proactor.Op, quiet bool) {
	e.Opcode, e.OpFlags = ring.OpSend, unix.MSG_NOSIGNAL
	point(e, op.Buf)
	if quiet {
		op.Mark |= quietly
		e.OpFlags |= unix.MSG_DONTWAIT | unix.MSG_WAITALL
		e.Flags = ring.SkipSuccess
		p.quiet = append(p.quiet, quietSend{op: op, token: op.Token, entry: p.ring.Prepared()})
	}
}

// quietSend is a send that has succeeded if the kernel has taken its entry and said nothing.
type quietSend struct {
	op    *proactor.Op
	token uint32 // of the submission
	entry uint32 // how many entries were prepared, with its own
}

// settle completes the quiet sends that the kernel has seen: those that failed, as the
// completions that are there tell, then the others. It comes before everything else of a
// batch: the peer's next request may be in the same one, and comes after the reply.
func (p *Proactor) settle() {
	if len(p.quiet) == 0 || p.ring.Overflowed() { // a failure may be among what did not fit
		return
	}
	seen, n := p.ring.Submitted(), 0 // before any handler runs: it may submit more
	for n < len(p.quiet) && int32(seen-p.quiet[n].entry) >= 0 {
		n++
	}
	for i, filled := uint32(0), p.ring.Filled(); i < filled; i++ {
		if c := p.ring.Peek(i); c.UserData&quietBit != 0 {
			p.failedQuietly(*c)
		}
	}
	for i := range n {
		q := p.quiet[i] // a copy: handlers append to p.quiet
		if q.op.Pending && q.op.Token == q.token {
			p.complete(q.op, len(q.op.Buf), nil, false)
		}
	}
	p.quiet = p.quiet[:copy(p.quiet, p.quiet[n:])]
}

// failedQuietly completes a quiet send that failed, or sent less than asked. If there was no
// room at all, it is sent again, aloud, and the kernel waits for room.
func (p *Proactor) failedQuietly(c ring.CQE) {
	op := p.lookup(c.UserData)
	if op == nil {
		return
	}
	n, err := result(c.Res)
	if err == unix.EAGAIN && op.Mark&closing == 0 {
		p.enlist(op)
		e := p.entry()
		p.prepareSend(e, op, false)
		e.FD, e.UserData = op.FD, userData(op)
		return
	}
	p.complete(op, n, err, false)
}

// completed handles one completion.
func (p *Proactor) completed(c ring.CQE) {
	op := p.lookup(c.UserData)
	if op == nil { // nobody waits for it any more
		return
	}
	n, err := result(c.Res)
	switch {
	case op.Mark&quietly != 0: // it came too late for settle: the queue had been full
		p.failedQuietly(c)
	case err == unix.EINVAL && op.Kind == proactor.Receive && !p.endless && op.Mark&closing == 0:
		p.endless = true // the kernel does not know the bound
		p.arm(op)
	case c.Flags&ring.HasBuffer != 0:
		id := uint16(c.Flags >> ring.BufferShift)
		op.Buf, op.Follow = p.buffers.Take(id, n), p.follows(c)
		p.complete(op, n, err, c.Flags&ring.More != 0)
		if c.Flags&ring.BufferMore == 0 {
			p.buffers.GiveBack(id)
		}
	case p.buffers == nil && op.Kind == proactor.Receive:
		buf := op.Buf
		op.Buf = buf[:n]
		p.complete(op, n, err, false)
		p.spare = append(p.spare, buf)
	default:
		p.complete(op, n, err, c.Flags&ring.More != 0)
	}
}

// follows reports whether the next completion of this turn brings more of the same stream.
func (p *Proactor) follows(c ring.CQE) bool {
	if p.left == 0 {
		return false
	}
	next := p.ring.Peek(0)
	return next.UserData == c.UserData && next.Flags&ring.HasBuffer != 0 && next.Res > 0
}

// complete tells the handler, unless the proactor is being closed.
func (p *Proactor) complete(op *proactor.Op, n int, err error, more bool) {
	if !more {
		p.delist(op)
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

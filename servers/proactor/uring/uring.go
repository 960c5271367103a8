package uring

import (
	"errors"
	"runtime"
	"time"

	"iomodels/servers/proactor"
	"iomodels/servers/proactor/uring/bell"
	"iomodels/servers/proactor/uring/buffers"
	"iomodels/servers/proactor/uring/entry"
	"iomodels/servers/proactor/uring/feature"
	"iomodels/servers/proactor/uring/pending"
	"iomodels/servers/proactor/uring/ring"
)

// Options are how the backend uses io_uring. The zero value of all but Settings uses what the
// kernel grants.
type Options struct {
	proactor.Settings
	Entries int         // submission queue; 0: 256, which stays in the first-level cache
	Buffers int         // receive buffers shared by all connections, a power of two; 0: defaultBuffers
	Without feature.Set // what to leave out
}

// defaultBuffers are few, for they are lent for the length of a handler only, and stay in the cache.
const defaultBuffers = 32

// Proactor is io_uring in the roles of the pattern: the kernel is the asynchronous operation
// processor, the ring's second queue the completion event queue, Complete the proactor that
// runs handlers. The thread that opened it owns it; only Wake may come from others.
type Proactor struct {
	opt     Options // Without: also what the kernel does not know
	ring    *ring.Ring
	buffers *buffers.Lender

	pending pending.Table // what the kernel has,
	quiet   pending.Quiet // and of what it will not tell

	left   uint32 // completions of this turn that are still to be taken
	found  uint32 // how many there were at its begin: if any, more are likely soon
	closed bool   // no handler runs any more

	bell    bell.Bell
	hearing proactor.Op // the pending read of the bell
}

// New opens a ring and locks the calling goroutine, which must make all further calls, to its
// thread until Close.
func New(opt Options) (*Proactor, error) {
	runtime.LockOSThread()
	if opt.Entries == 0 {
		opt.Entries = 256
	}
	if opt.Buffers == 0 {
		opt.Buffers = defaultBuffers
	}
	r, err := ring.Open(uint32(opt.Entries), opt.Without.Has(feature.Deferral))
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	if !r.Features.Multishot() {
		opt.Without |= feature.Multishot
	}
	if !r.Features.SkipSuccess() {
		opt.Without |= feature.QuietSends
	}
	lender, err := buffers.New(r, opt.Buffers, opt.BufferSize, opt.ReceiveMax, opt.Without)
	p := &Proactor{opt: opt, ring: r, buffers: lender}
	if err = errors.Join(err, p.bell.Hang()); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.hearing = proactor.Op{FD: int32(p.bell.FD), Done: p.heard}
	p.Submit(&p.hearing, hearBell)
	return p, nil
}

// Submit prepares an entry for op. The kernel sees it at the next Complete, together with all
// others: one system call for many operations is half of what makes io_uring cheap.
func (p *Proactor) Submit(op *proactor.Op, kind proactor.Kind) {
	op.Begin(kind)
	p.arm(op)
	if p.opt.Without.Has(feature.Batching) {
		p.ring.Enter(0, 0, true)
	}
}

// Cancel looks the operation up by its user_data. (To cancel by descriptor would be simpler,
// and would search all pending operations of the ring each time.)
func (p *Proactor) Cancel(op *proactor.Op) {
	if op.Pending && op.Mark&pending.Quietly == 0 { // a quiet send is over when the kernel has seen it
		entry.Cancel(p.unheard(), pending.UserData(op))
	}
}

// CloseFD cancels what is pending on fd, and has it closed after the last completion. An
// earlier close would free the number for a new connection while completions of the old are
// still to come. The close goes through the ring too: it must not overtake a send.
func (p *Proactor) CloseFD(fd int) {
	in, out := p.pending.On(fd)
	for _, op := range [...]*proactor.Op{in, out} {
		if op != nil {
			op.Mark |= pending.Closing
			p.Cancel(op)
		}
	}
	if in == nil && out == nil {
		entry.Close(p.unheard(), fd)
	}
}

// HEART

// Complete makes the one system call of a turn: it submits what was prepared, and waits. Then it
// takes the completions one by one. After a batch of them more are likely soon, so the wait is a
// raw one first; what that is good for, and its bound, stands at proactor.Settings. Nor may a
// quiet send wait long for its completion.
func (p *Proactor) Complete(wait time.Duration) error {
	bound, raw := wait, p.found > 0 && p.opt.RawWait > 0
	switch {
	case raw:
		bound = p.opt.RawWait
	case p.quiet.Len() > 0:
		bound = proactor.RawWaitMax
	}
	if wait < 0 || bound < wait {
		wait = bound
	}
	if !raw {
		p.opt.Watch.Waits()
	}
	if p.ring.Enter(1, wait, raw); p.ring.Err() != nil {
		return p.ring.Err()
	}
	p.opt.Watch.Busy()
	if p.found > 1 && !p.opt.Without.Has(feature.Gathering) {
		p.ring.Gather()
	}
	p.settle()
	p.found = p.ring.Filled()
	p.left = p.found
	for p.left > 0 {
		p.left--
		p.completed(p.ring.Take())
	}
	return p.ring.Err()
}

// HEART END

// Wake makes the read of the bell complete.
func (p *Proactor) Wake() { p.bell.Ring() }

func (p *Proactor) heard(op *proactor.Op, _ int, _ error) {
	p.bell.Heard()
	p.Submit(op, hearBell)
}

// Close cancels what is still pending and waits for it: until an operation has completed, the
// kernel may write into its buffer, and a listener that it holds keeps its address.
func (p *Proactor) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	entry.CancelAll(p.unheard())
	for tries := 0; p.pending.Count > 0 && p.ring.Err() == nil && tries < closeTries; tries++ {
		p.ring.Enter(1, closeWait, false)
		p.settle()
		for n := p.ring.Filled(); n > 0; n-- {
			p.completed(p.ring.Take())
		}
	}
	p.ring.Enter(0, 0, true) // the last of them may have left descriptors to close
	err := errors.Join(p.ring.Close(), p.bell.Close())
	p.buffers.Close()
	runtime.UnlockOSThread()
	return err
}

// Cancelled socket operations complete within one turn; the bound is against the unforeseen.
const (
	closeTries = 100
	closeWait  = 10 * time.Millisecond
)

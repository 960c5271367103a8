package uring

import (
	"errors"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor"
	"iomodels/servers/proactor/uring/ring"
)

// Options select what the backend uses of io_uring, so that the worth of each feature can be
// measured. The zero value of all but Settings uses what the kernel grants.
type Options struct {
	proactor.Settings
	Entries int // submission queue; 0: 256, which stays in the first-level cache
	Buffers int // receive buffers shared by all connections, a power of two; 0: 32

	NoMultishot       bool // every accept and every receive is submitted anew
	NoProvidedBuffers bool // every pending receive holds a buffer of its own, and is submitted anew
	NoIncremental     bool // every receive uses up a whole buffer of the pool
	NoQuietSends      bool // the success of every send is reported
	NoBatching        bool // every operation is submitted by a system call of its own
	NoDeferral        bool // the kernel interrupts us to do its half of the work
}

// Proactor is io_uring in the roles of the pattern: the kernel is the asynchronous operation
// processor, the ring's second queue the completion event queue, Complete the proactor that
// runs handlers. The thread that opened it owns it; only Wake may come from others.
type Proactor struct {
	opt     Options
	ring    *ring.Ring
	buffers *ring.Buffers // nil: none are provided
	spare   [][]byte      // then: buffers that no receive holds

	// ops holds the pending operations, by descriptor and direction (see place). An entry's
	// user_data is that place and the operation's token, never a pointer: the kernel would keep
	// it where the garbage collector does not look, and a completion that comes after its time
	// must be recognised instead of followed.
	ops     []*proactor.Op
	token   uint32 // of the latest submission
	pending int    // operations in ops

	quiet []quietSend // sends whose success is not reported, oldest first

	endless bool // the kernel cannot bound what one receive brings in all

	left   uint32 // completions of this turn that are still to be taken
	fresh  bool   // the last Complete found something: more is likely soon
	closed bool   // no handler runs any more
	broken error  // an entry could not be submitted

	bell    ring.Bell
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
		opt.Buffers = 32
	}
	r, err := ring.Open(uint32(opt.Entries), opt.NoDeferral)
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	p := &Proactor{opt: opt, ring: r}
	p.opt.NoMultishot = opt.NoMultishot || !r.HasMultishot()
	p.endless = p.opt.NoMultishot || opt.NoProvidedBuffers || opt.ReceiveMax == 0
	p.opt.NoQuietSends = opt.NoQuietSends || !r.CanSkipSuccess()
	if err := errors.Join(p.provideBuffers(), p.bell.Hang()); err != nil {
		p.Close()
		return nil, err
	}
	p.hearing = proactor.Op{FD: int32(p.bell.FD), Done: p.heard}
	p.Submit(&p.hearing, hearBell)
	return p, nil
}

func (p *Proactor) provideBuffers() (err error) {
	if p.opt.NoProvidedBuffers {
		return nil
	}
	p.buffers, err = ring.NewBuffers(p.ring, p.opt.Buffers, uint32(p.opt.BufferSize), !p.opt.NoIncremental)
	if errors.Is(err, unix.EINVAL) {
		return nil // the kernel does not know them
	}
	return err
}

// Submit prepares an entry for op. The kernel sees it at the next Complete, together with all
// others: one system call for many operations is half of what makes io_uring cheap.
func (p *Proactor) Submit(op *proactor.Op, kind proactor.Kind) {
	op.Begin(kind)
	p.arm(op)
	if p.opt.NoBatching {
		p.enter(0, 0)
	}
}

// Cancel looks the operation up by its user_data. (To cancel by descriptor would be simpler,
// and would search all pending operations of the ring each time.)
func (p *Proactor) Cancel(op *proactor.Op) {
	if op.Pending && op.Mark&quietly == 0 { // a quiet send is over when the kernel has seen it
		p.silent(ring.OpAsyncCancel, -1).Addr = userData(op)
	}
}

// CloseFD cancels what is pending on fd, and has it closed after the last completion. An
// earlier close would free the number for a new connection while completions of the old are
// still to come. The close goes through the ring too: it must not overtake a send.
func (p *Proactor) CloseFD(fd int) {
	last := true
	for _, op := range p.ops[min(2*fd, len(p.ops)):min(2*fd+2, len(p.ops))] {
		if op != nil {
			last = false
			op.Mark |= closing
			p.Cancel(op)
		}
	}
	if last {
		p.silent(ring.OpClose, int32(fd))
	}
}

// Complete makes the one system call of a turn: it submits all that was prepared since the
// last, and waits. Then it takes the completions one by one.
//
// After a batch of completions more are likely soon, so that wait is a raw one first; what
// this is good for, and its bound, stands at proactor.Settings. Nor may a quiet send wait long
// for its completion.
func (p *Proactor) Complete(wait time.Duration) error {
	bound := wait
	switch {
	case p.fresh && p.opt.RawWait > 0:
		bound = p.opt.RawWait
	case len(p.quiet) > 0:
		bound = proactor.RawWaitMax
	}
	if wait < 0 || bound < wait {
		wait = bound
	}
	if !p.fresh || p.opt.RawWait == 0 {
		p.opt.Watch.Waits()
	}
	if p.enter(1, wait); p.broken != nil {
		return p.broken
	}
	p.opt.Watch.Busy()
	p.settle()
	p.left = p.ring.Filled()
	p.fresh = p.left > 0
	for p.left > 0 {
		p.left--
		p.completed(p.ring.Take())
	}
	return p.broken
}

// enter submits what is prepared and waits for n completions. It takes none: handlers run in
// Complete alone. A signal is no error; being short of memory, or of room for completions, is
// over when some are taken.
func (p *Proactor) enter(n uint32, wait time.Duration) {
	if p.buffers != nil {
		p.buffers.Publish()
	}
	if wait == 0 {
		n = 0
	}
	switch errno := p.ring.Enter(n, wait, n == 0 || p.fresh && p.opt.RawWait > 0); errno {
	case 0, unix.EINTR, unix.EAGAIN, unix.EBUSY:
	default:
		p.broken = os.NewSyscallError("io_uring_enter", errno)
	}
}

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
	p.silent(ring.OpAsyncCancel, -1).OpFlags = ring.CancelAny | ring.CancelAll
	for tries := 0; p.pending > 0 && p.broken == nil && tries < closeTries; tries++ {
		p.enter(1, closeWait)
		p.settle()
		for n := p.ring.Filled(); n > 0; n-- {
			p.completed(p.ring.Take())
		}
	}
	p.enter(0, 0) // the last of them may have left descriptors to close
	err := errors.Join(p.ring.Close(), p.bell.Close())
	if p.buffers != nil {
		p.buffers.Close()
	}
	runtime.UnlockOSThread()
	return err
}

// Cancelled socket operations complete within one turn; the bound is against the unforeseen.
const (
	closeTries = 100
	closeWait  = 10 * time.Millisecond
)

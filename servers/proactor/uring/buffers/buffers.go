// Package buffers decides where received bytes go, for as long as a handler looks at them.
//
// A proactor's receive is submitted before there is anything to receive, so by the book it comes
// with a buffer, which is the kernel's until then: ten thousand silent connections hold ten
// thousand buffers. The remedy is to submit the receive without one, and a pool for all: the
// kernel takes a buffer when it has bytes, and gets it back when the handler returns.
//
//	by the book                            with a pool (ring.Pool)
//	 receive + buffer ──▶ kernel            receive ──▶ kernel     pool: [0][1] ... [31]
//	   (silence)          ▓ holds it          (silence)
//	 ◀── n bytes in it ───┘                 ◀── n bytes in buffer 7
//	 handler                                handler; then 7 goes back to the pool
//
// Both are here, the first for kernels without pools and to measure what it costs.
package buffers

import (
	"errors"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor"
	"iomodels/servers/proactor/uring/abi"
	"iomodels/servers/proactor/uring/entry"
	"iomodels/servers/proactor/uring/feature"
	"iomodels/servers/proactor/uring/ring"
	"iomodels/servers/probe"
)

// Lender lends buffers to handlers. The loop's goroutine makes every call.
type Lender struct {
	pool  *ring.Pool // nil: every receive holds a buffer of its own
	size  int        // of a buffer
	spare [][]byte   // without a pool: buffers that no receive holds
	again bool       // receives complete many times
	most  int        // bytes that one of them may bring in all; 0: there is no bound
}

// New returns a lender for the receives of a ring, which bring most bytes at a time, about.
func New(r *ring.Ring, count, size, most int, without feature.Set) (*Lender, error) {
	l := &Lender{size: size}
	if without.Has(feature.ProvidedBuffers) {
		return l, nil
	}
	pool, err := ring.NewPool(r, count, uint32(size), !without.Has(feature.Incremental))
	if errors.Is(err, unix.EINVAL) { // the kernel does not know pools
		return l, nil
	}
	l.pool, l.again = pool, !without.Has(feature.Multishot)
	if l.again {
		l.most = most
	}
	return l, err
}

// Prepare prepares the entry of a receive.
func (l *Lender) Prepare(e *abi.SQE, op *proactor.Op) {
	if l.pool != nil {
		entry.Receive(e, l.again, l.most)
		return
	}
	if n := len(l.spare); n > 0 {
		op.Buf, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		op.Buf = make([]byte, l.size)
	}
	entry.ReceiveInto(e, op.Buf)
	if probe.On {
		probe.Note(probe.Owner, int(op.FD), l.size, "kernel")
	}
}

// Unbound is told that a receive was refused with EINVAL, and reports whether it is worth
// another try: a kernel that cannot bound a receive says so in this way.
func (l *Lender) Unbound() bool {
	bound := l.most > 0
	l.most = 0
	return bound
}

// Lend makes op.Buf the n bytes that a completion tells of. It returns what TakeBack wants.
func (l *Lender) Lend(op *proactor.Op, c *abi.CQE, n int) []byte {
	if probe.On {
		probe.Note(probe.Owner, int(op.FD), n, "handler")
	}
	switch {
	case l.pool == nil:
		whole := op.Buf
		op.Buf = whole[:n]
		return whole
	case c.Flags&abi.HasBuffer != 0:
		op.Buf = l.pool.Take(uint16(c.Flags>>abi.BufferShift), n)
	}
	return nil
}

// TakeBack ends the loan, unless the kernel goes on with the same buffer.
func (l *Lender) TakeBack(c *abi.CQE, whole []byte) {
	if probe.On {
		probe.Note(probe.Owner, -1, int(c.Res), "pool")
	}
	switch {
	case l.pool == nil:
		l.spare = append(l.spare, whole)
	case c.Flags&(abi.HasBuffer|abi.BufferMore) == abi.HasBuffer:
		l.pool.GiveBack(uint16(c.Flags >> abi.BufferShift))
	}
}

// Close frees the pool. No receive may be pending.
func (l *Lender) Close() {
	if l.pool != nil {
		l.pool.Close()
	}
}

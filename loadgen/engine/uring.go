package engine

import (
	"errors"
	"math/bits"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/uring"
)

// The sizes of a ring loop.
const (
	submissions = 1024 // entries between two waits; when they are used up, they are submitted early
	// submitBatch is how many sends are queued before they are submitted: the kernel carries them
	// out one after the other, so the last of a batch leaves later than it was stamped.
	submitBatch = 32
	bufferBytes = 2 << 20
	minBuffer   = 512
	// RingBuffers is how many receive buffers a ring has, at most: replies of up to minBuffer bytes.
	RingBuffers = bufferBytes / minBuffer
	// LoneRequest is the size up to which a lone request is taken as written when it is queued: it
	// fits the socket's buffer, so only a failure needs to be reported.
	LoneRequest = 8 << 10
)

// The operations of a connection, as they stand in the user data of a submission: operation,
// generation and slot. A pointer would outlive its connection.
const (
	opConnected = iota + 1
	opReceived
	opSent
	opForgotten
)

func userData(op uint64, gen uint32, slot int32) uint64 {
	return op<<56 | uint64(gen&genMask)<<32 | uint64(uint32(slot))
}

const genMask = 1<<24 - 1

// ring is the completion transport: told that bytes HAVE arrived. One receive per connection is
// asked for once, and completes again and again; the kernel takes a buffer when there are bytes.
// Sends are queued, and go to the kernel in batches with the call that waits.
type ring struct {
	loop    *Loop
	queue   *uring.Ring
	buffers *uring.Buffers
	// now is the clock when the last call returned. What completes with it has arrived by then, so
	// one reading is exact for all of it; the longer ago it is, the earlier a request is stamped.
	now    int64
	handle func(uring.Completion) // the method, bound once: a method value allocates
	failed error
}

func newRing(l *Loop) (*ring, error) {
	completions := 1 << bits.Len(uint(2*len(l.conns)+submissions))
	queue, err := uring.New(submissions, completions)
	if err != nil {
		return nil, err
	}
	size := 1 << bits.Len(uint(min(max(l.cfg.ReplySize, minBuffer), readBuffer)-1))
	buffers, err := uring.NewBuffers(queue, 0, bufferBytes/size, size)
	if err != nil {
		return nil, errors.Join(err, queue.Close())
	}
	r := &ring{loop: l, queue: queue, buffers: buffers}
	r.handle = r.complete
	return r, nil
}

// entry returns a free entry. The queue is made room in by submitting what it holds.
func (r *ring) entry() *uring.Entry {
	for {
		if e := r.queue.Entry(); e != nil {
			return e
		}
		r.check(r.queue.Submit())
	}
}

func (r *ring) check(errno syscall.Errno) {
	if errno != 0 && r.failed == nil {
		r.failed = os.NewSyscallError("io_uring_enter", errno)
	}
}

func (r *ring) watch(slot int32, connected bool) syscall.Errno {
	if connected {
		r.receive(slot)
		return 0
	}
	c := &r.loop.conns[slot]
	e := r.entry()
	e.Op, e.FD, e.OpFlags = uring.OpPollAdd, c.fd, unix.POLLOUT
	e.UserData = userData(opConnected, c.gen, slot)
	return 0
}

func (r *ring) receive(slot int32) {
	c := &r.loop.conns[slot]
	e := r.entry()
	e.Op, e.FD, e.Flags, e.IOPrio = uring.OpRecv, c.fd, uring.SelectBuffer, uring.Multishot
	e.UserData = userData(opReceived, c.gen, slot)
}

// flush queues one send at a time: two on one socket could overtake each other.
func (r *ring) flush(slot int32) {
	c := &r.loop.conns[slot]
	if c.blocked {
		return
	}
	b := r.loop.out(slot)
	if len(b) == 0 {
		return
	}
	e := r.entry()
	e.Op, e.FD, e.OpFlags = uring.OpSend, c.fd, unix.MSG_NOSIGNAL|unix.MSG_WAITALL
	e.Addr, e.Len = uint64(uintptr(unsafe.Pointer(&b[0]))), uint32(len(b))
	e.UserData = userData(opSent, c.gen, slot)
	if r.loop.cfg.Pipeline == 1 && len(b) <= LoneRequest {
		e.Flags = uring.SkipSuccess
		r.loop.wrote(slot, len(b))
	} else {
		c.blocked = true
	}
	if r.queue.Pending() >= submitBatch {
		r.check(r.queue.Submit())
		r.now = r.loop.clock.Now()
	}
}

// forget cancels what is out for the socket before it is closed: a receive that is out holds
// the socket open, and the server would not see the end.
func (r *ring) forget(slot int32) {
	c := &r.loop.conns[slot]
	if c.fd < 0 {
		return
	}
	e := r.entry()
	e.Op, e.FD, e.OpFlags = uring.OpCancel, c.fd, uring.CancelFD|uring.CancelAll
	e.Flags, e.UserData = uring.SkipSuccess, userData(opForgotten, 0, slot)
	e = r.entry()
	e.Op, e.FD = uring.OpClose, c.fd
	e.Flags, e.UserData = uring.SkipSuccess, userData(opForgotten, 0, slot)
	c.fd = -1
	c.gen++
}

func (r *ring) wait(ns int64) error {
	r.buffers.Show()
	r.check(r.queue.Enter(ns))
	r.now = r.loop.clock.Now()
	r.queue.Each(r.handle)
	return r.failed
}

// complete handles one completion. A buffer goes back whoever it was for.
func (r *ring) complete(c uring.Completion) {
	slot := int32(uint32(c.UserData))
	conn := &r.loop.conns[slot]
	number, taken := c.Buffer()
	if op := c.UserData >> 56; op != opForgotten && uint32(c.UserData>>32)&genMask == conn.gen&genMask {
		switch op {
		case opConnected:
			r.connected(slot, c)
		case opReceived:
			r.received(slot, c, number)
		case opSent:
			r.sent(slot, c)
		}
	}
	if taken {
		r.buffers.Return(number)
	}
}

func (r *ring) connected(slot int32, c uring.Completion) {
	now := r.loop.clock.Now()
	errno := c.Errno()
	if errno == 0 && c.Res&(unix.POLLERR|unix.POLLHUP) != 0 {
		errno = socketError(r.loop.conns[slot].fd)
	}
	if errno != 0 {
		r.loop.broke(slot, errno, now)
		return
	}
	r.receive(slot)
	r.loop.connected(slot, now)
}

func (r *ring) received(slot int32, c uring.Completion, buffer uint16) {
	now := r.now
	switch errno := c.Errno(); {
	case errno == unix.ENOBUFS || errno == unix.EINTR || errno == unix.EAGAIN: // ended: ask again
		r.buffers.Show()
		r.receive(slot)
		return
	case errno != 0:
		r.loop.broke(slot, errno, now)
		return
	case c.Res == 0:
		r.loop.peerClosed(slot, now)
		return
	}
	gen := r.loop.conns[slot].gen
	r.loop.received(slot, r.buffers.Bytes(buffer, int(c.Res)), now)
	if !c.More() && r.loop.conns[slot].gen == gen {
		r.receive(slot)
	}
}

func (r *ring) sent(slot int32, c uring.Completion) {
	r.loop.stamp = r.loop.clock.Now()
	if errno := c.Errno(); errno != 0 {
		r.loop.broke(slot, errno, r.loop.stamp)
		return
	}
	r.loop.conns[slot].blocked = false
	r.loop.wrote(slot, int(c.Res))
	r.flush(slot)
}

// close waits until what forget asked for is done: closing the ring would leave it to the
// kernel's leisure, and the server's sockets open meanwhile.
func (r *ring) close() error {
	for range 100 {
		r.check(r.queue.Enter(0))
		pending := false
		r.queue.Each(func(uring.Completion) { pending = true })
		if !pending && r.queue.Pending() == 0 {
			break
		}
	}
	return errors.Join(r.failed, r.queue.Close(), r.buffers.Close())
}

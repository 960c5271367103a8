package proactor

import (
	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// connection is all that an idle connection costs besides the kernel's share: a receive that
// is pending, without a buffer. A loop keeps connections in slabs and finds them by tag.
type connection struct {
	receive Op
	session proto.Session // nil: the connection is only told that the server is full
	owed    *exchange     // nil: nothing is owed to the peer
	life    life
	fin     bool  // the peer has sent its last byte
	stopped bool  // receive has been cancelled, to stop reading
	dropped uint8 // receives while lingering
}

// life is how far a connection has come.
type life uint8

const (
	free      life = iota // its place in the slab waits for another
	open                  // reading and writing
	lingering             // all is said; what still arrives is dropped
	dead                  // its descriptor is being closed; completions are still to come
)

// exchange is what a connection needs while it owes its peer something: from the bytes received
// to the last byte sent. Exchanges are pooled, for few connections owe at any moment.
type exchange struct {
	send    Op
	job     offload.Job       // the session, what it is fed, and the output
	in      []byte            // a worker's copy of what it is fed
	rest    []byte            // received meanwhile
	paused  deadline.Deadline // of the peer, while the job is with a worker
	working bool              // the job is with a worker
	gathers bool              // more input comes at once, and its output joins what there is
}

// HEART

// received is the completion handler of a connection's receive: bytes HAVE been received. They
// are the handler's while it runs. A connection is reading or writing: what arrives while
// something is owed is set aside, and reading stops until that is sent.
func (l *loop) received(op *Op, n int, err error) {
	c := l.connection(op.Tag)
	switch {
	case c.life == dead:
		l.bury(c)
	case err == unix.ENOBUFS, err == unix.ECANCELED, err == unix.EINTR: // not the peer's doing
		l.read(c)
	case err != nil, n == 0 && c.owed == nil: // FIN, and nothing is owed
		l.close(c)
	case n == 0:
		c.fin = true
	case c.life == lingering:
		l.drop(c)
	case c.owed != nil && !c.owed.gathers:
		c.owed.rest = append(c.owed.rest, op.Buf...)
		l.read(c)
	default:
		l.feed(c, op.Buf, op.Follow)
	}
}

// feed lets the session think, here or on a worker, and has its answer sent. When more input
// follows at once, the answers to both are sent together.
func (l *loop) feed(c *connection, in []byte, more bool) {
	x := l.exchange(c)
	x.job.In = in
	if l.workers != nil {
		l.offload(c, x)
		return
	}
	x.job.Run()
	l.watch.Handled(in)
	x.gathers = more && x.job.Verdict == proto.Continue && len(x.job.Out) < proto.OutputBound
	if !x.gathers {
		l.answer(c)
	}
}

// sent is the completion handler of a send: n bytes HAVE been sent.
func (l *loop) sent(op *Op, n int, err error) {
	c := l.connection(op.Tag)
	op.Buf = op.Buf[n:]
	switch {
	case c.life == dead:
		l.bury(c)
	case err != nil:
		l.close(c)
	case len(op.Buf) > 0:
		l.write(c)
	default:
		l.answered(c)
	}
}

// HEART END

// answer has the output of a Feed sent.
func (l *loop) answer(c *connection) {
	x := c.owed
	if x.job.Panic != nil {
		l.cfg.Log.Error("handler panicked; its connection is closed", "panic", x.job.Panic)
	}
	if x.send.Buf = x.job.Out; len(x.send.Buf) > 0 {
		l.write(c)
	} else {
		l.answered(c)
	}
}

// answered goes on as the session's verdict says, when all output of a Feed is sent.
func (l *loop) answered(c *connection) {
	switch x := c.owed; {
	case x.job.Verdict == proto.Again:
		x.job.Out = x.job.Out[:0]
		l.feed(c, nil, false)
	case x.job.Verdict == proto.Close:
		l.close(c)
	case x.job.Verdict == proto.Linger:
		l.linger(c)
	case len(x.rest) > 0:
		in := x.rest
		x.rest, x.job.Out = x.rest[:0], x.job.Out[:0]
		l.feed(c, in, false)
	default:
		answered := len(x.job.Out) > 0
		l.dropExchange(c)
		if c.fin || l.stopping && c.phase() == proto.Idle {
			l.close(c)
			return
		}
		l.touch(c, answered)
		l.read(c)
	}
}

// write has what is left of the output sent. If the next thing to do is to read, it reads
// ahead: one system call then carries both the reply and the wait for the next request.
func (l *loop) write(c *connection) {
	kind := Send
	if c.readsAhead() {
		kind = SendLazily
	}
	l.p.Submit(&c.owed.send, kind)
	l.touch(c, true)
	l.read(c)
}

// readsAhead reports whether one receive may be pending although something is owed. Once it
// has brought bytes, none may: back-pressure begins.
func (c *connection) readsAhead() bool {
	x := c.owed
	return !x.working && x.job.Verdict == proto.Continue && len(x.rest) == 0 && !c.fin
}

// read sees to it that a receive is pending, or that none is.
func (l *loop) read(c *connection) {
	op := &c.receive
	switch wanted := c.life == lingering || c.owed == nil || c.readsAhead(); {
	case wanted && !op.Pending:
		c.stopped = false
		l.p.Submit(op, Receive)
	case !wanted && op.Pending && !c.stopped && len(c.owed.rest) >= l.enough:
		c.stopped = true
		l.p.Cancel(op)
	}
}

// phase says what the session waits for.
func (c *connection) phase() proto.Phase {
	if c.session == nil {
		return proto.Idle
	}
	return c.session.Phase()
}

// touch notes progress: the peer's time begins anew.
func (l *loop) touch(c *connection, answered bool) {
	w := deadline.Waiting(c.phase(), c.owed != nil)
	l.timeouts.Touch(int(c.receive.Tag), l.now(), w, answered)
}

// linger shuts down our direction and drops what still arrives until the peer is done: closing
// at once would answer it with RST, which can destroy what we have said before it is read.
func (l *loop) linger(c *connection) {
	l.dropExchange(c)
	if c.fin || unix.Shutdown(int(c.receive.FD), unix.SHUT_WR) != nil {
		l.close(c)
		return
	}
	c.life = lingering
	l.timeouts.Set(int(c.receive.Tag), deadline.After(l.now(), lingerTime))
	l.read(c)
}

// drop throws away what was received while lingering: for a while, but not for ever.
func (l *loop) drop(c *connection) {
	if c.dropped++; c.dropped == lingerReads {
		l.close(c)
		return
	}
	l.read(c)
}

// close begins the end: it has what is pending cancelled.
func (l *loop) close(c *connection) {
	c.life = dead
	l.timeouts.Set(int(c.receive.Tag), deadline.Never)
	l.p.CloseFD(int(c.receive.FD))
	l.bury(c)
}

// bury frees the place of a dead connection when no completion can reach it any more.
func (l *loop) bury(c *connection) {
	if c.receive.Pending || c.owed != nil && (c.owed.send.Pending || c.owed.working) {
		return
	}
	l.dropExchange(c)
	if c.session != nil {
		proto.Release(c.session)
		l.conns.Add(-1)
	} else {
		l.refused--
	}
	l.live--
	l.unused = append(l.unused, c.receive.Tag)
	*c = connection{}
	l.resumeAccept()
}

// expired is told of a slot whose time is over.
func (l *loop) expired(slot int) {
	switch {
	case slot != listenerSlot:
		l.close(l.connection(uint32(slot)))
	case l.stopping:
		l.killed = true
		l.each(l.close)
	default:
		l.resumeAccept()
	}
}

// resumeAccept ends a pause: time has passed, or a descriptor is free again.
func (l *loop) resumeAccept() {
	if !l.accept.Pending && !l.stopping {
		l.timeouts.Set(listenerSlot, deadline.Never)
		l.p.Submit(&l.accept, Accept)
	}
}

// stop closes the listener, takes in what has arrived by now, closes all connections that ask
// for nothing, and leaves the others the grace to finish.
func (l *loop) stop() error {
	l.stopping = true
	l.p.CloseFD(int(l.accept.FD))
	l.timeouts.Set(listenerSlot, deadline.After(l.now(), l.cfg.Grace))
	for range l.live/16 + 1 { // a backend may bring a few completions at a time
		if err := l.p.Complete(0); err != nil {
			return err
		}
	}
	l.each(func(c *connection) {
		if c.life == open && c.owed == nil && c.phase() == proto.Idle {
			l.close(c)
		}
	})
	return nil
}

// each calls f with every connection that is not dead.
func (l *loop) each(f func(*connection)) {
	for _, slab := range l.slabs {
		for i := range slab {
			if life := slab[i].life; life == open || life == lingering {
				f(&slab[i])
			}
		}
	}
}

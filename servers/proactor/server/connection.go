package server

import (
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/exchange"
	"iomodels/servers/proto"
)

// connection is all that an idle connection costs besides the kernel's share: a receive that
// is pending, without a buffer. A loop keeps connections in a slab and finds them by tag.
type connection struct {
	receive proactor.Op
	session proto.Session      // nil: the connection is only told that the server is full
	owed    *exchange.Exchange // nil: nothing is owed to the peer
	life    life
	seat    loops.Seat
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

// A peer that lingers is dropped after this time, or this many receives.
const (
	lingerTime  = time.Second
	lingerReads = 64
)

// HEART

// received is the completion handler of a connection's receive: bytes HAVE been received. They
// are the handler's while it runs. A connection is reading or writing: what arrives while
// something is owed is set aside, and reading stops until that is sent.
func (l *loop) received(op *proactor.Op, n int, err error) {
	c := l.conns.At(op.Tag)
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
	case c.owed != nil && !c.owed.Gathers:
		c.owed.Rest = append(c.owed.Rest, op.Buf...)
		l.read(c)
	default:
		l.feed(c, op.Buf, op.Follow)
	}
}

// feed lets the session think, here or on a worker, and has its answer sent. When more input
// follows at once, the answers to both are sent together.
func (l *loop) feed(c *connection, in []byte, more bool) {
	x := l.exchange(c)
	if !l.exchanges.Feed(x, in) {
		x.Paused = l.deadlines.Pause(int(c.receive.Tag))
		return
	}
	l.watch.Handled(in)
	x.Gathers = more && x.Job.Verdict == proto.Continue && len(x.Job.Out) < proto.OutputBound
	if !x.Gathers {
		l.answer(c)
	}
}

// sent is the completion handler of a send: n bytes HAVE been sent.
func (l *loop) sent(op *proactor.Op, n int, err error) {
	c := l.conns.At(op.Tag)
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
	if x.Job.Panic != nil {
		l.house.Log.Error("handler panicked; its connection is closed", "panic", x.Job.Panic)
	}
	if x.Send.Buf = x.Job.Out; len(x.Send.Buf) > 0 {
		l.write(c)
	} else {
		l.answered(c)
	}
}

// answered goes on as the session's verdict says, when all output of a Feed is sent.
func (l *loop) answered(c *connection) {
	switch x := c.owed; {
	case x.Job.Verdict == proto.Again:
		x.Job.Out = x.Job.Out[:0]
		l.feed(c, nil, false)
	case x.Job.Verdict == proto.Close:
		l.close(c)
	case x.Job.Verdict == proto.Linger:
		l.linger(c)
	case len(x.Rest) > 0:
		in := x.Rest
		x.Rest, x.Job.Out = x.Rest[:0], x.Job.Out[:0]
		l.feed(c, in, false)
	default:
		answered := len(x.Job.Out) > 0
		l.settle(c)
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
	kind := proactor.Send
	if c.readsAhead() {
		kind = proactor.SendLazily
	}
	l.p.Submit(&c.owed.Send, kind)
	l.touch(c, true)
	l.read(c)
}

// readsAhead reports whether one receive may be pending although something is owed. Once it
// has brought bytes, none may: back-pressure begins.
func (c *connection) readsAhead() bool {
	return c.owed.Reads() && !c.fin
}

// read sees to it that a receive is pending, or that none is.
func (l *loop) read(c *connection) {
	op := &c.receive
	switch wanted := c.life == lingering || c.owed == nil || c.readsAhead(); {
	case wanted && !op.Pending:
		c.stopped = false
		l.p.Submit(op, proactor.Receive)
	case !wanted && op.Pending && !c.stopped && len(c.owed.Rest) >= l.enough:
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
	l.deadlines.Touch(int(c.receive.Tag), l.now(), w, answered)
}

// linger shuts down our direction and drops what still arrives until the peer is done: closing
// at once would answer it with RST, which can destroy what we have said before it is read.
func (l *loop) linger(c *connection) {
	l.settle(c)
	if c.fin || unix.Shutdown(int(c.receive.FD), unix.SHUT_WR) != nil {
		l.close(c)
		return
	}
	c.life = lingering
	l.deadlines.Set(int(c.receive.Tag), deadline.After(l.now(), lingerTime))
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
	l.deadlines.Set(int(c.receive.Tag), deadline.Never)
	l.p.CloseFD(int(c.receive.FD))
	l.bury(c)
}

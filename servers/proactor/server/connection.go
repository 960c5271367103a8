package server

import (
	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/conn"
	"iomodels/servers/proto"
)

// HEART

// received is the completion handler of a connection's receive: bytes HAVE been received. They
// are the handler's while it runs. A connection is reading or writing: what arrives while
// something is owed is set aside, and reading stops until that is sent.
func (l *loop) received(op *proactor.Op, n int, err error) {
	c := l.conns.At(op.Tag)
	switch {
	case c.Life == conn.Dead:
		l.bury(c)
	case err == unix.ENOBUFS, err == unix.ECANCELED, err == unix.EINTR: // not the peer's doing
		l.read(c)
	case err != nil, n == 0 && c.Owed == nil: // FIN, and nothing is owed
		l.close(c)
	case n == 0:
		c.Fin = true
	case c.Life == conn.Lingering:
		l.drop(c)
	case c.Owed != nil && !c.Owed.Gathers:
		c.Owed.Rest = append(c.Owed.Rest, op.Buf...)
		l.read(c)
	default:
		l.feed(c, op.Buf, op.Follow)
	}
}

// feed lets the session think, here or on a worker, and has its answer sent. When more input
// follows at once, the answers to both are sent together.
func (l *loop) feed(c *conn.Conn, in []byte, more bool) {
	x := c.Owe(l.exchanges, l.onSent)
	if !l.exchanges.Feed(x, in) {
		x.Paused = l.deadlines.Pause(int(c.Receive.Tag))
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
	case c.Life == conn.Dead:
		l.bury(c)
	case err != nil:
		l.close(c)
	case len(op.Buf) > 0:
		l.write(c, proactor.Send)
	default:
		l.answered(c)
	}
}

// HEART END

// answer has the output of a Feed sent.
func (l *loop) answer(c *conn.Conn) {
	x := c.Owed
	if x.Job.Panic != nil {
		l.house.Log.Error("handler panicked; its connection is closed", "panic", x.Job.Panic)
	}
	if x.Send.Buf = x.Job.Out; len(x.Send.Buf) > 0 {
		l.write(c, proactor.SendLazily)
	} else {
		l.answered(c)
	}
}

// answered goes on as the session's verdict says, when all output of a Feed is sent.
func (l *loop) answered(c *conn.Conn) {
	switch x := c.Owed; {
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
		c.Settle(l.exchanges)
		if c.Fin || l.stopping && c.Phase() == proto.Idle {
			l.close(c)
			return
		}
		l.touch(c, answered)
		l.read(c)
	}
}

// write has what is left of the output sent. If the next thing to do is to read, it reads ahead:
// one system call then carries both the reply and the wait for the next request. An answer is sent
// lazily at first: it is on its way with that call, or its peer has to make room, and has a time.
func (l *loop) write(c *conn.Conn, kind proactor.Kind) {
	if !c.ReadsAhead() {
		kind = proactor.Send
	}
	if kind == proactor.Send || c.Timed {
		l.touch(c, true)
	}
	l.p.Submit(&c.Owed.Send, kind)
	l.read(c)
}

// read sees to it that a receive is pending, or that none is.
func (l *loop) read(c *conn.Conn) {
	op := &c.Receive
	switch wanted := c.Reads(); {
	case wanted && !op.Pending:
		c.Stopped = false
		l.p.Submit(op, proactor.Receive)
	case !wanted && op.Pending && !c.Stopped && len(c.Owed.Rest) >= l.enough:
		c.Stopped = true
		l.p.Cancel(op)
	}
}

// touch notes progress: the peer's time begins anew. Most peers need no entry in the table: between
// two requests they may be silent for ever.
func (l *loop) touch(c *conn.Conn, answered bool) {
	w := deadline.Waiting(c.Phase(), c.Owed != nil)
	limited := w != deadline.Request || l.house.Timeouts.Idle != 0
	if limited || c.Timed {
		l.deadlines.Touch(int(c.Receive.Tag), l.clock.Now(), w, answered)
	}
	c.Timed = limited
}

// linger shuts down our direction and drops what still arrives until the peer is done: closing
// at once would answer it with RST, which can destroy what we have said before it is read.
func (l *loop) linger(c *conn.Conn) {
	c.Settle(l.exchanges)
	if !c.Linger() {
		l.close(c)
		return
	}
	l.deadlines.Set(int(c.Receive.Tag), deadline.After(l.clock.Now(), deadline.LingerTime))
	l.read(c)
}

// drop throws away what was received while lingering: for a while, but not for ever.
func (l *loop) drop(c *conn.Conn) {
	if c.Drop() {
		l.close(c)
		return
	}
	l.read(c)
}

// close begins the end: it has what is pending cancelled.
func (l *loop) close(c *conn.Conn) {
	c.Life = conn.Dead
	l.deadlines.Set(int(c.Receive.Tag), deadline.Never)
	l.p.CloseFD(int(c.Receive.FD))
	l.bury(c)
}

package reactor

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/sock"
)

// conn is the event handler of one connection. Its loop's goroutine owns it.
type conn struct {
	loop    *loop
	session proto.Session
	pending []byte            // owed output; while there is any, nothing is read
	fd      int32             // -1: closed
	slot    int32             // its place in the loop's tables
	paused  deadline.Deadline // of the peer, while a worker has the session
	verdict proto.Verdict
	seat    loops.Seat
	drops   uint8 // reads dropped while lingering; 0: does not linger

	canRead    bool // a read may find something
	canWrite   bool // the socket may have room
	ended      bool // the stream ends behind what there is to read: a short read is not the last
	registered bool // with the demultiplexer
	thinking   bool // a worker has the session
	queued     bool // in the loop's list of those that go on unasked
	moved      bool // bytes came or went since the last touch
	answered   bool // output was made since the last touch
}

// fairSteps bounds one connection's turn: then all others come first.
const fairSteps = 16

// A peer that lingers is dropped after this time, or this many full buffers.
const (
	lingerTime  = time.Second
	lingerReads = 64
)

// HEART
// HandleReady notes what can be done now, and does it.
func (c *conn) HandleReady(r demux.Readiness) {
	c.ended = c.ended || r&(demux.Hangup|demux.Gone|demux.Failure) != 0
	c.canRead = c.canRead || c.ended || r&demux.Readable != 0
	c.canWrite = c.canWrite || r&(demux.Writable|demux.Gone|demux.Failure) != 0
	if c.thinking {
		c.mute()
		return
	}
	c.proceed()
}

// proceed takes one step after the other, until a worker has the session or the peer has to move.
func (c *conn) proceed() {
	for step := 0; !c.thinking; step++ {
		owes := len(c.pending) > 0
		switch {
		case step == fairSteps: // the others first
			c.touch()
			c.loop.later(c)
			return
		case owes && c.canWrite:
			c.pending = c.send(c.pending)
		case owes: // back-pressure: who does not read is not read from
			c.rest(demux.Writable)
			return
		case c.verdict == proto.Again:
			c.think(c.loop.desk.Borrow(), 0)
		case c.verdict == proto.Close:
			c.close()
			return
		case c.verdict == proto.Linger && c.drops == 0:
			c.linger()
		case c.canRead:
			c.receive()
		default:
			c.rest(demux.Readable | demux.Hangup)
			return
		}
	}
}

// receive reads once, and has the session think about what came.
func (c *conn) receive() {
	w := c.loop.desk.Borrow()
	n, errno := sock.Recv(int(c.fd), w.Buf)
	c.canRead = n == len(w.Buf) || n > 0 && c.ended // a short read has emptied the socket
	if n > 0 && c.drops == 0 {
		c.think(w, n)
		return
	}
	c.loop.desk.GiveBack(w)
	switch {
	case n > 0 && c.drops < lingerReads:
		c.drops++
	case errno != unix.EAGAIN:
		c.verdict = proto.Close // FIN: all that was asked is answered. Or nobody is there
	}
}

// HEART END

// think feeds the session the first n bytes of w's buffer: here, or on a worker.
func (c *conn) think(w *offload.Work, n int) {
	c.moved = true
	w.For = c
	if c.loop.desk.Feed(w, c.session, n) {
		c.loop.watch.Handled(w.In)
		c.obey(w)
		return
	}
	c.thinking = true
	c.paused = c.loop.deadlines.Pause(int(c.slot))
}

// obey sends what the session said. What does not fit is kept, since w is not the connection's.
func (c *conn) obey(w *offload.Work) {
	c.verdict = w.Verdict
	if w.Panic != nil {
		c.loop.house.Log.Error("handler panicked; its connection is closed", "panic", w.Panic)
	}
	if len(w.Out) > 0 {
		c.answered = true
		c.pending = slices.Clone(c.send(w.Out))
	}
	c.loop.desk.GiveBack(w)
}

// send writes what the socket takes and returns the rest. A broken socket takes everything.
func (c *conn) send(out []byte) (rest []byte) {
	n, errno := sock.Send(int(c.fd), out)
	if errno != 0 && errno != unix.EAGAIN {
		c.verdict = proto.Close
		return nil
	}
	c.moved = c.moved || n > 0
	if c.canWrite = n == len(out); c.canWrite {
		return nil
	}
	return out[n:]
}

// rest waits for interest: the end of a turn.
func (c *conn) rest(interest demux.Readiness) {
	l := c.loop
	if l.closing && c.drops == 0 && interest != demux.Writable && c.session.Phase() == proto.Idle {
		c.close() // the server stops, and nothing is asked or owed
		return
	}
	c.touch()
	if err := c.arm(interest); err != nil {
		l.house.Log.Error("connection lost", "err", err)
		c.close()
	}
}

// touch gives the peer time anew if it has made progress since the last time.
func (c *conn) touch() {
	if c.moved && c.drops == 0 {
		wait := deadline.Waiting(c.session.Phase(), len(c.pending) > 0)
		c.loop.deadlines.Touch(int(c.slot), c.loop.tick(), wait, c.answered)
	}
	c.moved, c.answered = false, false
}

// arm makes sure that interest will be reported.
func (c *conn) arm(interest demux.Readiness) error {
	d, edge := c.loop.demux, c.loop.edge
	switch {
	case c.registered && edge:
		return nil
	case c.registered:
		return d.Rearm(int(c.fd), interest)
	case edge:
		interest = demux.Readable | demux.Writable | demux.Hangup | demux.Edge
	}
	c.registered = true
	return d.Register(int(c.fd), interest, c)
}

// mute ends the events of a connection that cannot react to them: a level would be reported
// for as long as the worker thinks. It is not done in advance because most peers say nothing
// before they are answered, and then it would cost two system calls for each request.
func (c *conn) mute() {
	if c.registered && !c.loop.edge {
		c.registered = false
		c.loop.demux.Unregister(int(c.fd))
	}
}

// linger sends FIN. What still comes is dropped: closing now would answer it with RST, and RST
// destroys what the peer has not read yet.
func (c *conn) linger() {
	unix.Shutdown(int(c.fd), unix.SHUT_WR) // fails on a broken connection, which an event will tell
	c.drops = 1
	c.loop.deadlines.Set(int(c.slot), deadline.After(c.loop.tick(), lingerTime))
}

// close ends the connection. A worker that has its session keeps it until it is done.
func (c *conn) close() {
	if c.registered {
		c.loop.demux.Forget(int(c.fd))
	}
	unix.Close(int(c.fd)) // whatever it returns, the descriptor is gone
	c.fd = -1
	c.pending = nil
	if !c.thinking {
		proto.Release(c.session)
	}
	c.loop.remove(c)
}

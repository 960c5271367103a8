package leader

import (
	"sync"

	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/reactor/stream"
)

// conn is one connection. Whoever holds mu owns all of it: a thread with an event, a worker that
// has finished, or the goroutine that looks after time. Its descriptor is armed exactly when
// nobody is at work with it.
type conn struct {
	mu sync.Mutex
	stream.Stream
	server  *server
	late    deadline.Late
	lingers deadline.Tick // until then
}

// keepOutput bounds the output buffer that is kept for the next event.
const keepOutput = 2 * proto.OutputBound

// HEART

// HandleReady is told what can be done now, and does it.
func (c *conn) HandleReady(r demux.Readiness) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.Closed() && !c.Thinking() {
		c.Note(r)
		c.proceed()
	}
}

// proceed ends with the descriptor armed, the session with a worker, or the connection closed.
func (c *conn) proceed() {
	s := c.server
	w := s.works.Get().(*offload.Work)
	w.For = c
	next := c.Proceed(w, &s.means)
	if next != stream.Thinking {
		s.giveBack(w)
	}
	switch next {
	case stream.Wait:
		if s.house.Stopping() && c.Idle() {
			c.close()
			return
		}
		c.arm(c.Interest())
	case stream.Linger:
		c.lingers = deadline.After(s.now(), deadline.LingerTime)
		fallthrough
	case stream.Later: // what can be done is reported again, after what others can do
		c.arm(demux.Readable | demux.Writable)
	case stream.Over:
		c.close()
	}
}

// HEART END

// arm has the next event reported. From then on it may be another thread's.
func (c *conn) arm(interest demux.Readiness) {
	if err := c.server.handles.Arm(c.FD(), interest); err != nil {
		c.server.house.Log.Error("connection lost", "err", err)
		c.close()
	}
}

// returned goes on with the connection, on the worker that has finished its job.
func (c *conn) returned(w *offload.Work) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Obey(w, &c.server.means)
	c.server.giveBack(w)
	if !c.Closed() {
		c.proceed()
	}
}

// checkTime gives the peer up if its time is over.
func (c *conn) checkTime(now deadline.Tick) {
	if c.Thinking() {
		return
	}
	over := now >= c.lingers
	if !c.Lingers() {
		wait, moved, answered := c.Progress()
		over = c.late.Look(deadline.Policy(c.server.house.Timeouts), now, wait, moved, answered)
	}
	if over {
		c.close()
	}
}

// windDown is called again and again at stop: what was asked is answered, and who asks nothing
// leaves.
func (c *conn) windDown() {
	switch {
	case c.server.killed.Load():
		c.close()
	case !c.Thinking():
		c.Note(demux.Readable) // what it asked may be in its socket, unread
		c.proceed()
	}
}

// close ends the connection.
func (c *conn) close() {
	c.server.handles.Remove(c.FD())
	c.Close(c.server.house)
	c.server.open.Add(-1)
}

package leader

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/sock"
)

// conn is one connection. Whoever holds mu owns all of it: a thread with an event, a worker that
// has finished, or the goroutine that looks after time. Its descriptor is armed exactly when
// nobody is at work with it.
type conn struct {
	mu      sync.Mutex
	server  *server
	session proto.Session
	pending []byte // owed output; while there is any, nothing is read
	late    deadline.Late
	fd      int           // -1: closed
	lingers deadline.Tick // until then
	verdict proto.Verdict
	seat    loops.Seat
	drops   uint8 // reads dropped while lingering; 0: does not linger

	canRead  bool // a read may find something
	canWrite bool // the socket may have room
	thinking bool // a worker has the session
	moved    bool // bytes came or went since the last look at the time
	answered bool // output was made since then
}

// work is a read buffer, and the Feed of what is in it.
type work struct {
	offload.Job
	conn *conn
	buf  []byte
}

func (s *server) newWork() *work {
	w := &work{buf: make([]byte, s.house.ReadSize)}
	w.Done = func(*offload.Job) { w.conn.returned(w) }
	return w
}

const (
	fairSteps   = 16                    // of one connection's turn: then others come first
	keepOutput  = 2 * proto.OutputBound // a larger output buffer is not kept
	lingerTime  = time.Second
	lingerReads = 64
)

// proceed takes the reactor's steps, one after the other. It ends with the descriptor armed, the
// session with a worker, or the connection closed.
func (c *conn) proceed() {
	for step := 0; c.fd >= 0 && !c.thinking; step++ {
		owes := len(c.pending) > 0
		switch {
		case c.server.killed.Load():
			c.close()
		case step == fairSteps: // what can be done is reported again, after what others can do
			c.arm(demux.Readable | demux.Writable)
			return
		case owes && c.canWrite:
			c.pending = c.send(c.pending)
		case owes: // back-pressure: who does not read is not read from
			c.arm(demux.Writable)
			return
		case c.verdict == proto.Again:
			c.think(c.server.works.Get().(*work), 0)
		case c.verdict == proto.Close:
			c.close()
		case c.verdict == proto.Linger && c.drops == 0:
			c.linger()
		case c.canRead:
			c.receive()
		case c.server.house.Stopping() && c.drops == 0 && c.session.Phase() == proto.Idle:
			c.close() // nothing is asked or owed
		default:
			c.arm(demux.Readable)
			return
		}
	}
}

// arm has the next event reported. From then on it may be another thread's.
func (c *conn) arm(interest demux.Readiness) {
	if err := c.server.handles.Arm(c.fd, interest); err != nil {
		c.server.house.Log.Error("connection lost", "err", err)
		c.close()
	}
}

// receive reads once, and has the session think about what came.
func (c *conn) receive() {
	w := c.server.works.Get().(*work)
	n, errno := sock.Recv(c.fd, w.buf)
	c.canRead = n == len(w.buf) // a short read has emptied the socket, but for a FIN: the next event
	if n > 0 && c.drops == 0 {
		c.think(w, n)
		return
	}
	c.server.works.Put(w)
	switch {
	case n > 0 && c.drops < lingerReads:
		c.drops++
	case errno != unix.EAGAIN:
		c.verdict = proto.Close // FIN: all that was asked is answered. Or nobody is there
	}
}

// think feeds the session the first n bytes of w's buffer: here, or on a worker.
func (c *conn) think(w *work, n int) {
	w.conn, w.Session, w.In, w.Out = c, c.session, w.buf[:n], w.Out[:0]
	c.moved = true
	if pool := c.server.house.Pool; pool != nil {
		c.thinking = true
		pool.Submit(&w.Job)
		return
	}
	w.Run()
	c.obey(w)
}

// returned goes on with the connection, on the worker that has finished its job.
func (c *conn) returned(w *work) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.thinking = false
	if c.fd < 0 { // closed in the meantime
		proto.Release(c.session)
		return
	}
	c.obey(w)
	c.proceed()
}

// obey sends what the session said. What does not fit is kept, since w is not the connection's.
func (c *conn) obey(w *work) {
	c.verdict = w.Verdict
	if w.Panic != nil {
		c.server.house.Log.Error("handler panicked; its connection is closed", "panic", w.Panic)
	}
	if len(w.Out) > 0 {
		c.answered = true
		c.pending = slices.Clone(c.send(w.Out))
	}
	w.conn, w.Session = nil, nil
	if cap(w.Out) > keepOutput {
		w.Out = nil
	}
	c.server.works.Put(w)
}

// send writes what the socket takes and returns the rest. A broken socket takes everything.
func (c *conn) send(out []byte) (rest []byte) {
	n, errno := sock.Send(c.fd, out)
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

// linger sends FIN. What still comes is dropped: closing now would answer it with RST, and RST
// destroys what the peer has not read yet.
func (c *conn) linger() {
	unix.Shutdown(c.fd, unix.SHUT_WR) // fails on a broken connection, which the next read will tell
	c.drops = 1
	c.lingers = deadline.After(c.server.now(), lingerTime)
}

// checkTime gives the peer up if its time is over.
func (c *conn) checkTime(now deadline.Tick) {
	if c.thinking || c.drops > 0 && now < c.lingers {
		return
	}
	over := c.drops > 0
	if !over {
		wait := deadline.Waiting(c.session.Phase(), len(c.pending) > 0)
		over = c.late.Look(deadline.Policy(c.server.house.Timeouts), now, wait, c.moved, c.answered)
		c.moved, c.answered = false, false
	}
	if over {
		c.close()
	}
}

// windDown is called again and again at stop: what was asked is answered, and who asks nothing
// leaves.
func (c *conn) windDown() {
	if c.server.killed.Load() {
		c.close()
		return
	}
	c.canRead = true // what it asked may be in its socket, unread
	c.proceed()
}

// close ends the connection. A worker that has its session keeps it until it is done.
func (c *conn) close() {
	s := c.server
	s.handles.Remove(c.fd)
	unix.Close(c.fd) // whatever it returns, the descriptor is gone, and its registration with it
	c.fd = -1
	s.house.Leave(c.seat)
	s.open.Add(-1)
	c.pending = nil
	if !c.thinking {
		proto.Release(c.session)
	}
}

package reactor

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/sock"
)

// loop is one reactor: a demultiplexer, a listener and the connections it accepted. One
// goroutine owns it and everything in it, except what mu guards.
type loop struct {
	server    *server
	demux     *Demux
	listener  int             // -1: closed
	conns     []*conn         // by slot; slot 0 is the acceptor's and stays nil
	vacant    []int32         // slots that nobody has
	deadlines *deadline.Table // by slot
	ready     []*conn         // those that go on without being told
	idle      []*work         // not in use
	closing   bool            // the server stops
	silent    deadline.Tick   // trouble with accept is not reported again before

	mu   sync.Mutex
	done []*work // what workers have finished
	mine []*work // the other half of done's double buffer; the loop's own
}

// work is a read buffer and the Feed of what is in it. A loop has one for all its connections;
// with a pool of workers, one for each connection that has a job out.
type work struct {
	offload.Job
	conn *conn
	buf  []byte
}

const (
	acceptMax    = 64                    // connections taken in one turn, before others have theirs
	refusedMax   = 64                    // refused connections that may linger, all loops together
	idleMax      = 64                    // works kept for the next request
	keepOutput   = 2 * proto.OutputBound // a larger output buffer is not kept
	acceptPause  = deadline.Resolution   // at least; one tick more at most
	silentLength = time.Second
)

func newLoop(s *server, listener int) *loop {
	l := &loop{server: s, listener: listener, conns: make([]*conn, 1)}
	l.deadlines = deadline.NewTable(deadline.Policy(s.cfg.Timeouts))
	return l
}

// open makes the demultiplexer. It waits raw only where nobody else could use its processor.
func (l *loop) open() (err error) {
	if l.demux, err = NewDemux(); err != nil {
		return err
	}
	if cfg := &l.server.cfg; cfg.Offload > 0 || cfg.Loops > runtime.GOMAXPROCS(0) {
		l.demux.RawWait = 0
	}
	return l.demux.Register(l.listener, Readable, acceptor{l})
}

// run is the life of the loop. It returns nil when the server stops and all is finished.
func (l *loop) run() error {
	for {
		if err := l.turn(); err != nil {
			return err
		}
		if l.server.stopping.Load() && l.windDown() {
			return nil
		}
	}
}

// turn waits until something is to be done, and does all that is.
func (l *loop) turn() error {
	wait := time.Duration(0)
	if len(l.ready) == 0 {
		wait = l.deadlines.Wait(l.demux.Now())
	}
	if _, err := l.demux.Dispatch(wait); err != nil {
		return err
	}
	l.collect()
	l.goOn()
	l.deadlines.Expire(l.tick(), l.expired)
	return nil
}

func (l *loop) tick() deadline.Tick { return deadline.At(l.demux.Now()) }

// later has c go on after everybody else had a turn.
func (l *loop) later(c *conn) {
	if !c.queued {
		c.queued = true
		l.ready = append(l.ready, c)
	}
}

func (l *loop) goOn() {
	n := len(l.ready) // those that come in meanwhile wait for the next turn
	for _, c := range l.ready[:n] {
		c.queued = false
		if c.fd >= 0 {
			c.proceed()
		}
	}
	l.ready = append(l.ready[:0], l.ready[n:]...)
}

// expired is told whose time is up.
func (l *loop) expired(slot int) {
	switch {
	case slot != 0:
		l.conns[slot].close()
	case l.closing: // so is the grace
		l.closeAll()
	default:
		l.demux.Rearm(l.listener, Readable)
	}
}

// acceptor is the event handler of the listener.
type acceptor struct{ *loop }

// HandleReady takes what is in the accept queue.
func (l acceptor) HandleReady(Readiness) {
	for range acceptMax {
		fd, errno := sock.Accept(l.listener)
		switch errno {
		case 0:
			l.admit(fd)
		case unix.ECONNABORTED, unix.EPROTO: // it left before it was met; the next one
		case unix.EAGAIN:
			return
		default:
			l.pause(errno)
			return
		}
	}
}

// pause stops accepting for a moment. Out of descriptors or memory the connection stays in the
// queue, so the level would be reported again at once: a loop that does not pause, spins.
func (l *loop) pause(why unix.Errno) {
	now := l.tick()
	if now >= l.silent {
		l.silent = deadline.After(now, silentLength)
		l.server.cfg.Log.Warn("accept pauses", "err", why, "connections", l.server.admitted.Load())
	}
	l.demux.Rearm(l.listener, 0)
	l.deadlines.Set(0, deadline.After(now, acceptPause))
}

// admit lets a connection in or, beyond the limit, tells it to leave.
func (l *loop) admit(fd int) {
	s := l.server
	c := &conn{loop: l, fd: int32(fd), session: s.cfg.Protocol.New(), canWrite: true, moved: true}
	if n := len(l.vacant); n > 0 {
		c.slot, l.vacant = l.vacant[n-1], l.vacant[:n-1]
		l.conns[c.slot] = c
	} else {
		c.slot = int32(len(l.conns))
		l.conns = append(l.conns, c)
	}
	if s.admitted.Add(1) > s.limit {
		s.admitted.Add(-1)
		c.refuse()
	}
	c.proceed()
}

// refuse has the connection told, and closed. It lingers so that the reply arrives, unless too
// many do already: beyond the limit descriptors are what a crowd takes away.
func (c *conn) refuse() {
	s := c.loop.server
	c.refused, c.verdict = true, proto.Linger
	if s.refused.Add(1) > refusedMax {
		c.verdict = proto.Close
	}
	if len(s.cfg.Protocol.Refusal) > 0 {
		c.send(s.cfg.Protocol.Refusal) // fits: the socket is new
	}
}

// remove forgets a closed connection.
func (l *loop) remove(c *conn) {
	l.conns[c.slot] = nil
	l.vacant = append(l.vacant, c.slot)
	l.deadlines.Set(int(c.slot), deadline.Never)
	if c.refused {
		l.server.refused.Add(-1)
	} else {
		l.server.admitted.Add(-1)
	}
	if !l.closing {
		l.demux.Rearm(l.listener, Readable) // there is a descriptor again, should accept wait for one
	}
}

// borrow returns a work that is not in use.
func (l *loop) borrow() *work {
	if n := len(l.idle); n > 0 {
		w := l.idle[n-1]
		l.idle = l.idle[:n-1]
		return w
	}
	w := &work{buf: make([]byte, l.server.cfg.ReadSize)}
	w.Done = func(*offload.Job) { l.finished(w) }
	return w
}

func (l *loop) giveBack(w *work) {
	w.conn, w.Session = nil, nil
	if cap(w.Out) > keepOutput {
		w.Out = nil
	}
	if len(l.idle) < idleMax {
		l.idle = append(l.idle, w)
	}
}

// finished is called by a worker.
func (l *loop) finished(w *work) {
	l.mu.Lock()
	l.done = append(l.done, w)
	l.mu.Unlock()
	l.demux.Wake()
}

// collect goes on with the connections whose jobs are done.
func (l *loop) collect() {
	if l.server.pool == nil {
		return
	}
	l.mu.Lock()
	l.done, l.mine = l.mine[:0], l.done
	l.mu.Unlock()
	for _, w := range l.mine {
		c := w.conn
		c.thinking = false
		if c.fd < 0 { // closed in the meantime
			proto.Release(c.session)
			l.giveBack(w)
			continue
		}
		c.obey(w)
		c.proceed()
	}
}

// windDown begins the end and reports whether it is reached: all connections are closed. Each
// gets one more turn: what it asked may be in its socket, unread. Then the idle ones close.
func (l *loop) windDown() bool {
	if !l.closing {
		l.closing = true
		l.demux.Forget(l.listener)
		unix.Close(l.listener)
		l.listener = -1
		l.deadlines.Set(0, deadline.After(l.tick(), l.server.cfg.Grace))
		for _, c := range l.conns {
			if c != nil {
				c.canRead = true
				c.proceed()
			}
		}
	}
	return len(l.conns) == len(l.vacant)+1
}

func (l *loop) closeAll() {
	for _, c := range l.conns {
		if c != nil {
			c.close()
		}
	}
}

// close closes everything that is still open.
func (l *loop) close() {
	l.closing = true
	l.closeAll()
	if l.listener >= 0 {
		unix.Close(l.listener)
	}
	if l.demux != nil {
		l.demux.Close()
	}
}

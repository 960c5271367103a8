package reactor

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/sock"
	"iomodels/servers/watchdog"
)

// loop is one reactor: a demultiplexer, a listener and the connections it accepted. One
// goroutine owns it and everything in it.
type loop struct {
	house     *loops.House
	edge      bool
	demux     *demux.Demux
	now       func() time.Duration // the clock of the demultiplexer
	listener  int                  // closed when closing
	conns     []*conn              // by slot; slot 0 is the acceptor's and stays nil
	vacant    []int32              // slots that nobody has
	deadlines *deadline.Table      // by slot
	ready     []*conn              // those that go on without being told
	desk      offload.Desk         // read buffers, and the Feed of what is in them
	watch     *watchdog.Loop       // notices handlers that hold up the loop
	closing   bool                 // the server stops
}

// acceptMax bounds the connections taken in one turn, before others have theirs.
const acceptMax = 64

// acceptPause is how long, at least, accept rests when it fails; at most it is one tick more.
const acceptPause = deadline.Resolution

// open makes a loop. It is not locked to a thread: it needs none in particular, and when a wait
// has cost it the processor, a locked goroutine takes two thread switches to get one back.
func open(h *loops.House, listener int, opt Options) (*loop, error) {
	d, err := opt.Demux()
	if err != nil {
		return nil, err
	}
	if !h.MayHoldProcessor() {
		d.RawWait = 0
	}
	l := &loop{house: h, edge: opt.Edge, demux: d, now: d.Now, listener: listener, conns: make([]*conn, 1)}
	l.watch = h.Dog.Watch()
	d.Watch = l.watch
	l.deadlines = deadline.NewTable(deadline.Policy(h.Timeouts))
	l.desk = offload.Desk{Pool: h.Pool, Wake: d.Wake, Size: h.ReadSize}
	if err := d.Register(listener, demux.Readable, acceptor{l}); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return l, nil
}

// Run is the life of the loop.
func (l *loop) Run() error {
	for {
		if err := l.turn(); err != nil {
			return err
		}
		if l.house.Stopping() && l.windDown() {
			return nil
		}
	}
}

// Wake implements loops.Loop.
func (l *loop) Wake() { l.demux.Wake() }

// turn waits until something is to be done, and does all that is.
func (l *loop) turn() error {
	wait := time.Duration(0)
	if len(l.ready) == 0 {
		wait = l.deadlines.Wait(l.now())
	}
	if _, err := l.demux.Dispatch(wait); err != nil {
		return err
	}
	l.collect()
	l.goOn()
	l.deadlines.Expire(l.tick(), l.expired)
	return nil
}

func (l *loop) tick() deadline.Tick { return deadline.At(l.now()) }

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
	l.ready = slices.Delete(l.ready, 0, n)
}

// expired is told whose time is up.
func (l *loop) expired(slot int) {
	switch {
	case slot != 0:
		l.conns[slot].close()
	case l.closing: // so is the grace
		l.each((*conn).close)
	default:
		l.accept(demux.Readable)
	}
}

// acceptor is the event handler of the listener.
type acceptor struct{ *loop }

// HandleReady takes what is in the accept queue.
func (l acceptor) HandleReady(demux.Readiness) {
	for range acceptMax {
		switch fd, errno := sock.Accept(l.listener); errno {
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
	l.house.Complain(why)
	l.accept(0)
	l.deadlines.Set(0, deadline.After(l.tick(), acceptPause))
}

// accept begins to accept, or with no interest stops it. It is a system call only if it changes
// something.
func (l *loop) accept(interest demux.Readiness) {
	if err := l.demux.Rearm(l.listener, interest); err != nil {
		l.house.Log.Error("listener lost", "err", err)
	}
}

// admit lets a connection in or, beyond the limit, tells it to leave.
func (l *loop) admit(fd int) {
	c := &conn{loop: l, fd: int32(fd), session: l.house.Protocol.New(), canWrite: true, moved: true}
	if n := len(l.vacant); n > 0 {
		c.slot, l.vacant = l.vacant[n-1], l.vacant[:n-1]
		l.conns[c.slot] = c
	} else {
		c.slot = int32(len(l.conns))
		l.conns = append(l.conns, c)
	}
	c.seat, c.verdict = l.house.Enter()
	if refusal := l.house.Protocol.Refusal; c.seat == loops.Doorstep && len(refusal) > 0 {
		c.send(refusal) // fits: the socket is new
	}
	c.proceed()
}

// remove forgets a closed connection.
func (l *loop) remove(c *conn) {
	l.conns[c.slot] = nil
	l.vacant = append(l.vacant, c.slot)
	l.deadlines.Set(int(c.slot), deadline.Never)
	l.house.Leave(c.seat)
	if !l.closing {
		l.accept(demux.Readable) // there is a descriptor again, should accept wait for one
	}
}

// collect goes on with the connections whose jobs are done.
func (l *loop) collect() {
	for _, w := range l.desk.Returned() {
		c := w.For.(*conn)
		c.thinking = false
		if c.fd < 0 { // closed in the meantime
			proto.Release(c.session)
			l.desk.GiveBack(w)
			continue
		}
		l.deadlines.Resume(int(c.slot), c.paused)
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
		l.deadlines.Set(0, deadline.After(l.tick(), l.house.Grace))
		l.each(func(c *conn) { c.canRead = true; c.proceed() })
	}
	return len(l.conns) == len(l.vacant)+1
}

// each calls f with every connection.
func (l *loop) each(f func(*conn)) {
	for _, c := range l.conns {
		if c != nil {
			f(c)
		}
	}
}

// Close closes everything that is still open.
func (l *loop) Close() error {
	if !l.closing {
		unix.Close(l.listener)
	}
	l.closing = true
	l.each((*conn).close)
	return l.demux.Close()
}

package reactor

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/reactor/stream"
	"iomodels/servers/reactor/table"
)

// loop is one reactor: a demultiplexer, a listener and the connections it accepted. One
// goroutine owns it and everything in it.
type loop struct {
	work      *offload.Work // the read buffer of whoever has the turn
	means     stream.Means
	demux     *demux.Demux
	deadlines *deadline.Table // by slot; slot 0 is the acceptor's
	edge      bool
	patient   bool // peers may be idle for ever, as they may unless the server stops
	closing   bool // the server stops
	listener  int  // closed when closing
	house     *loops.House
	now       func() time.Duration // the clock of the demultiplexer
	desk      offload.Desk         // read buffers that workers have had
	conns     table.Roster[conn]
	ready     []*conn // those that go on without being told
}

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
	l := &loop{house: h, edge: opt.Edge, demux: d, now: d.Now, listener: listener, patient: h.Timeouts.Idle == 0}
	d.Watch = h.Dog.Watch()
	l.means = stream.Means{Pool: h.Pool, Watch: d.Watch, Log: h.Log}
	l.desk = offload.Desk{Pool: h.Pool, Wake: d.Wake, Size: h.ReadSize}
	l.work = l.desk.Borrow()
	l.deadlines = deadline.NewTable(deadline.Policy(h.Timeouts))
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
	wait := l.deadlines.Wait(l.now())
	if len(l.ready) > 0 {
		wait = 0
	}
	if _, err := l.demux.Dispatch(wait); err != nil {
		return err
	}
	l.collect()
	n := len(l.ready) // those that come in meanwhile wait for the next turn
	for _, c := range l.ready[:n] {
		c.queued = false
		c.proceed()
	}
	l.ready = slices.Delete(l.ready, 0, n)
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

// expired is told whose time is up.
func (l *loop) expired(slot int) {
	switch {
	case slot != 0:
		l.conns.At(slot).close()
	case l.closing: // so is the grace
		l.conns.Each((*conn).close)
	default:
		l.accept(demux.Readable)
	}
}

// acceptor is the event handler of the listener.
type acceptor struct{ *loop }

// HandleReady takes what is in the accept queue. If that fails, it rests a while.
func (l acceptor) HandleReady(demux.Readiness) {
	if errno := stream.Accept(l.listener, l.admit); errno != 0 {
		l.house.Complain(errno)
		l.accept(0)
		l.deadlines.Set(0, deadline.After(l.tick(), deadline.Resolution))
	}
}

// accept begins to accept, or with no interest stops it. It is a system call only if it changes
// something.
func (l *loop) accept(interest demux.Readiness) {
	if err := l.demux.Rearm(l.listener, interest); err != nil {
		l.house.Log.Error("listener lost", "err", err)
	}
}

// admit begins the life of a connection.
func (l *loop) admit(fd int) {
	c := &conn{Stream: stream.Open(l.house, fd), loop: l}
	c.slot = l.conns.Enter(c)
	c.proceed()
}

// collect goes on with the connections whose sessions have thought.
func (l *loop) collect() {
	for _, w := range l.desk.Returned() {
		c := w.For.(*conn)
		if !c.Closed() {
			l.deadlines.Resume(int(c.slot), c.paused)
		}
		c.Obey(w, &l.means)
		l.desk.GiveBack(w)
		c.proceed()
	}
}

// windDown begins the end and reports whether it is reached: all connections are closed. Each
// gets one more turn: what it asked may be in its socket, unread. Then the idle ones close.
func (l *loop) windDown() bool {
	if !l.closing {
		l.closing, l.patient = true, false
		l.demux.Forget(l.listener)
		unix.Close(l.listener)
		l.deadlines.Set(0, deadline.After(l.tick(), l.house.Grace))
		l.conns.Each(func(c *conn) { c.Note(demux.Readable); c.proceed() })
	}
	return l.conns.Len() == 0
}

// Close closes everything that is still open.
func (l *loop) Close() error {
	if !l.closing {
		unix.Close(l.listener)
	}
	l.closing = true
	l.conns.Each((*conn).close)
	return l.demux.Close()
}

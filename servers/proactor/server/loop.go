package server

import (
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/exchange"
	"iomodels/servers/proactor/slab"
	"iomodels/servers/proto"
	"iomodels/servers/watchdog"
)

// loop is one proactor with its listener and its connections. One goroutine owns it and
// everything in it.
type loop struct {
	house     *loops.House
	p         proactor.Proactor
	accept    proactor.Op // the listener's
	conns     slab.Slab[connection]
	live      int // connections that are not buried yet
	exchanges *exchange.Pool
	enough    int // bytes set aside for a connection after which it is read no more
	deadlines *deadline.Table
	clock     clock
	watch     *watchdog.Loop // notices handlers that hold up the loop; nil: nobody does
	stopping  bool
	killed    bool // the grace is over

	onReceived, onSent proactor.CompletionHandler // received and sent: made once, for each mention allocates
}

// listenerSlot is the listener's in the table of deadlines; connections have their tags, from 1.
const listenerSlot = 0

// acceptPause is how long accept rests when it fails.
const acceptPause = 50 * time.Millisecond

// turn waits for completions, runs their handlers, then does what nothing completes for.
func (l *loop) turn() error {
	wait := l.deadlines.Wait(l.clock.elapsed)
	l.clock.late = true
	if err := l.p.Complete(wait); err != nil {
		return err
	}
	l.collect()
	l.deadlines.Expire(l.now(), l.expired)
	return nil
}

// accepted is the completion handler of the listener's accept: fd HAS been accepted. Out of
// descriptors or memory it would fail again at once, so it pauses.
func (l *loop) accepted(op *proactor.Op, fd int, err error) {
	switch {
	case err == nil && l.stopping:
		l.p.CloseFD(fd)
	case err == nil:
		l.admit(fd)
	}
	switch {
	case op.Pending || l.stopping:
	case err == nil || err == unix.ECONNABORTED || err == unix.EINTR:
		l.p.Submit(op, proactor.Accept)
	default:
		l.house.Complain(err)
		l.deadlines.Set(listenerSlot, deadline.After(l.now(), acceptPause))
	}
}

// resumeAccept ends a pause: time has passed, or a descriptor is free again.
func (l *loop) resumeAccept() {
	if !l.accept.Pending && !l.stopping {
		l.deadlines.Set(listenerSlot, deadline.Never)
		l.p.Submit(&l.accept, proactor.Accept)
	}
}

// admit lets a connection in or, beyond the limit, tells it to leave.
func (l *loop) admit(fd int) {
	tag, c := l.conns.Add()
	l.live++
	c.life = open
	c.receive = proactor.Op{Done: l.onReceived, FD: int32(fd), Tag: tag}
	seat, verdict := l.house.Enter()
	if c.seat = seat; seat == loops.Doorstep {
		x := l.exchange(c)
		x.Job.Out, x.Job.Verdict = append(x.Job.Out, l.house.Protocol.Refusal...), verdict
		l.answer(c)
		return
	}
	c.session = l.house.Protocol.New()
	l.touch(c, false)
	l.read(c)
}

// bury frees the place of a dead connection when no completion can reach it any more.
func (l *loop) bury(c *connection) {
	if c.receive.Pending || c.owed != nil && c.owed.Busy() {
		return
	}
	l.settle(c)
	if c.session != nil {
		proto.Release(c.session)
	}
	l.house.Leave(c.seat)
	l.live--
	l.conns.Drop(c.receive.Tag)
	l.resumeAccept()
}

// exchange returns what c needs to owe something.
func (l *loop) exchange(c *connection) *exchange.Exchange {
	if c.owed == nil {
		c.owed = l.exchanges.Borrow()
		c.owed.Send = proactor.Op{Done: l.onSent, FD: c.receive.FD, Tag: c.receive.Tag}
		c.owed.Job.Session = c.session
	}
	return c.owed
}

// settle ends the exchange when nothing is owed any more.
func (l *loop) settle(c *connection) {
	if c.owed != nil {
		l.exchanges.GiveBack(c.owed)
		c.owed = nil
	}
}

// collect goes on with the connections whose jobs are done.
func (l *loop) collect() {
	for _, x := range l.exchanges.Returned() {
		if c := l.conns.At(x.Send.Tag); c.life == dead {
			l.bury(c)
		} else {
			l.deadlines.Resume(int(x.Send.Tag), x.Paused)
			l.answer(c)
		}
	}
}

// expired is told of a slot whose time is over.
func (l *loop) expired(slot int) {
	switch {
	case slot != listenerSlot:
		l.close(l.conns.At(uint32(slot)))
	case l.stopping:
		l.killed = true
		l.each(l.close)
	default:
		l.resumeAccept()
	}
}

// each calls f with every connection that is not dead.
func (l *loop) each(f func(*connection)) {
	l.conns.All(func(c *connection) {
		if c.life == open || c.life == lingering {
			f(c)
		}
	})
}

func (l *loop) now() deadline.Tick { return l.clock.now() }

// clock is read at most once a turn, and only if somebody wants to know the time.
type clock struct {
	start   time.Time
	elapsed time.Duration // since start, as of the last look
	late    bool          // a wait came after that
}

func (c *clock) now() deadline.Tick {
	if c.late {
		c.elapsed, c.late = time.Since(c.start), false
	}
	return deadline.At(c.elapsed)
}

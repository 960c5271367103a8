package server

import (
	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/acceptor"
	"iomodels/servers/proactor/conn"
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
	acceptor  *acceptor.Acceptor
	conns     slab.Slab[conn.Conn]
	live      int // connections that are not buried yet
	exchanges *exchange.Pool
	enough    int // bytes set aside for a connection after which it is read no more
	deadlines *deadline.Table
	clock     deadline.Clock
	watch     *watchdog.Loop // notices handlers that hold up the loop; nil: nobody does
	stopping  bool
	killed    bool // the grace is over

	onReceived, onSent proactor.CompletionHandler // received and sent: made once, for each mention allocates
}

// listenerSlot is the listener's in the table of deadlines; connections have their tags, from 1.
const listenerSlot = 0

// turn waits for completions, runs their handlers, then does what nothing completes for.
func (l *loop) turn() error {
	if err := l.p.Complete(l.deadlines.Sleep(&l.clock)); err != nil {
		return err
	}
	l.collect()
	l.deadlines.Awake(&l.clock, l.expired)
	return nil
}

// acceptRests is told that the machine is out of descriptors, or of memory.
func (l *loop) acceptRests(err error) {
	l.house.Complain(err)
	l.deadlines.Set(listenerSlot, deadline.After(l.clock.Now(), acceptor.Rest))
}

// resumeAccept ends the acceptor's rest: time has passed, or a descriptor is free again.
func (l *loop) resumeAccept() {
	if l.acceptor.Resume() {
		l.deadlines.Set(listenerSlot, deadline.Never)
	}
}

// admit lets a connection in or, beyond the limit, tells it to leave.
func (l *loop) admit(fd int) {
	tag, c := l.conns.Add()
	l.live++
	c.Life = conn.Open
	c.Receive = proactor.Op{Done: l.onReceived, FD: int32(fd), Tag: tag}
	seat, verdict := l.house.Enter()
	if c.Seat = seat; seat == loops.Doorstep {
		x := c.Owe(l.exchanges, l.onSent)
		x.Job.Out, x.Job.Verdict = append(x.Job.Out, l.house.Protocol.Refusal...), verdict
		l.answer(c)
		return
	}
	c.Session = l.house.Protocol.New()
	l.touch(c, false)
	l.read(c)
}

// bury frees the place of a dead connection when no completion can reach it any more.
func (l *loop) bury(c *conn.Conn) {
	if c.Expected() {
		return
	}
	c.Settle(l.exchanges)
	if c.Session != nil {
		proto.Release(c.Session)
	}
	l.house.Leave(c.Seat)
	l.live--
	l.conns.Drop(c.Receive.Tag)
	l.resumeAccept()
}

// collect goes on with the connections whose jobs are done.
func (l *loop) collect() {
	for _, x := range l.exchanges.Returned() {
		if c := l.conns.At(x.Send.Tag); c.Life == conn.Dead {
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
func (l *loop) each(f func(*conn.Conn)) {
	l.conns.All(func(c *conn.Conn) {
		if c.Alive() {
			f(c)
		}
	})
}

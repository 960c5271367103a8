package reactor

import (
	"iomodels/servers/deadline"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/reactor/stream"
)

// conn is the event handler of one connection: a stream, and how a loop waits for it. The loop's
// goroutine owns it. It fills a cache line, and no second one is touched by a request.
type conn struct {
	stream.Stream
	loop       *loop
	slot       int32             // its place in the loop's tables
	paused     deadline.Deadline // of the peer, while a worker has the session
	registered bool              // with the demultiplexer
	writes     bool              // and waits for room, not for bytes
	queued     bool              // in the loop's list of those that go on unasked
	timed      bool              // has been given a deadline
}

// HEART

// HandleReady notes what can be done now. Then it receives, thinks and sends, until the peer, a
// worker, or the others have to move.
func (c *conn) HandleReady(r demux.Readiness) {
	c.Note(r)
	if c.Closed() || c.Thinking() {
		c.mute()
		return
	}
	l := c.loop
	switch c.Proceed(l.work, &l.means) {
	case stream.Wait:
		if !c.settled(l) {
			c.rest()
		}
	case stream.Later:
		c.touch()
		l.later(c)
	case stream.Linger:
		c.timed = true
		l.deadlines.Set(int(c.slot), deadline.After(l.tick(), deadline.LingerTime))
		l.later(c)
	case stream.Thinking: // on a worker; the peer waits for us, so it has all the time
		l.work.For, l.work = c, l.desk.Borrow()
		c.paused = l.deadlines.Pause(int(c.slot))
	case stream.Over:
		c.close()
	}
}

// proceed is HandleReady without news.
func (c *conn) proceed() { c.HandleReady(0) }

// HEART END

// settled ends a turn of which nothing is to be noted, as most are. To see that in place, before
// five calls into code that is no longer in the cache, saves half a per cent.
func (c *conn) settled(l *loop) bool {
	return c.registered && !c.writes && !c.timed && l.patient && c.Rests()
}

// rest ends any other turn in which the peer has to move.
func (c *conn) rest() {
	if c.loop.closing && c.Idle() {
		c.close()
		return
	}
	c.touch()
	if err := c.arm(); err != nil {
		c.loop.house.Log.Error("connection lost", "err", err)
		c.close()
	}
}

// touch gives the peer time anew if it has made progress. Most need no entry in the table: between
// two requests they may be silent for ever.
func (c *conn) touch() {
	l := c.loop
	wait, moved, answered := c.Progress()
	if moved && (c.timed || wait != deadline.Request || !l.patient) {
		c.timed = true
		l.deadlines.Touch(int(c.slot), l.tick(), wait, answered)
	}
}

// arm makes sure that what the stream waits for will be reported.
func (c *conn) arm() error {
	if c.registered && (c.writes == c.Owes() || c.loop.edge) {
		return nil
	}
	d, interest := c.loop.demux, c.Interest()
	if c.writes = c.Owes(); c.registered {
		return d.Rearm(c.FD(), interest)
	}
	if c.loop.edge {
		interest = demux.Readable | demux.Writable | demux.Hangup | demux.Edge
	}
	c.registered = true
	return d.Register(c.FD(), interest, c)
}

// mute ends the events of a connection that cannot react to them. Not in advance: most peers say
// nothing before they are answered, and it would cost two system calls for each request.
func (c *conn) mute() {
	if c.registered && !c.loop.edge {
		c.registered = false
		c.loop.demux.Unregister(c.FD())
	}
}

// close ends the connection.
func (c *conn) close() {
	l := c.loop
	if c.registered {
		c.registered = false
		l.demux.Forget(c.FD())
	}
	c.Close(l.house)
	if c.timed {
		l.deadlines.Set(int(c.slot), deadline.Never)
	}
	l.conns.Leave(c.slot)
	if !l.closing {
		l.accept(demux.Readable) // there is a descriptor again, should accept wait for one
	}
}

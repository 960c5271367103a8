package engine

import (
	"syscall"

	"iomodels/loadgen/conns"
	"iomodels/loadgen/wire"
)

// brief is how soon after its connect a connection must answer or at least stand, in ns. One
// that the server closes earlier came to nothing.
const brief = 1_000_000_000

// openSome begins the connects that the gate allows.
func (l *Loop) openSome(now int64) {
	if l.closed.head == none || !l.mayOpen(now) {
		return
	}
	for n := l.cfg.Gate.Allows(now, l.opening.len); n > 0 && l.closed.head != none; n-- {
		if !l.openOne(l.closed.pop()) {
			return
		}
	}
}

// mayOpen reports whether connections are still wanted.
func (l *Loop) mayOpen(now int64) bool { return now < l.end || l.backlog.pending > 0 }

func (l *Loop) openOne(slot int32) (ok bool) {
	c := &l.conns[slot]
	gen, next, idle := c.gen+1, c.next, c.idle
	*c = conn{gen: gen, next: next, idle: idle, began: l.clock.Now(), fd: -1}
	l.cfg.Gate.Began()
	fd, connected, failure := l.cfg.Dialer.Dial()
	if failure != conns.None {
		l.connectFailed(slot, failure, l.clock.Now())
		return false
	}
	c.fd = int32(fd)
	now := l.clock.Now()
	l.opening.push(slot)
	c.state = isOpening
	if err := l.io.watch(slot, connected); err != 0 {
		l.broke(slot, err, now)
		return false
	}
	if connected {
		l.connected(slot, now)
	}
	return true
}

// connected: the connection stands since now.
func (l *Loop) connected(slot int32, now int64) {
	c := &l.conns[slot]
	l.opening.remove(slot)
	c.state = isOpen
	l.cfg.Dialog.Start(&c.wire, l.cfg.FirstID+uint32(slot)+c.gen*7919)
	l.tally.Connect.Record(now - c.began)
	l.tally.Opened++
	l.current.Opened++
	l.open++
	l.tally.Peak = max(l.tally.Peak, l.open)
	l.lastGood = now
	l.cfg.Gate.Connected()
	if l.start <= now {
		l.refill(slot, now)
	} else {
		l.offer(slot)
	}
}

// received: bytes arrived at now. They are judged reply by reply, and each reply makes room for
// the next request.
func (l *Loop) received(slot int32, in []byte, now int64) {
	l.stamp = now
	c := &l.conns[slot]
	l.tally.TotalIn += uint64(len(in))
	if l.measure <= now && now < l.end {
		l.tally.WindowIn += uint64(len(in))
	}
	for len(in) > 0 {
		if c.inFlight == 0 {
			l.tally.ConnFailed[conns.Unsolicited]++
			l.discard(slot, wire.Dropped, now)
			return
		}
		used, o := l.cfg.Dialog.Feed(&c.wire, l.oldest(slot).kind, in)
		in = in[used:]
		if o == wire.More {
			continue
		}
		l.finish(slot, o, now)
		if c.wire.Closing() {
			l.tally.ClosedByPeer++
		}
		if c.wire.Lost() || c.wire.Closing() || c.inFlight < c.unwritten || l.spent(c) {
			l.discard(slot, wire.Dropped, now)
			return
		}
	}
	l.refill(slot, now)
}

// oldest returns the request whose reply comes next.
func (l *Loop) oldest(slot int32) *flight {
	return &l.flights[slot*l.deep+l.conns[slot].head]
}

// spent reports whether the connection has carried all the requests it was meant to.
func (l *Loop) spent(c *conn) bool {
	return l.cfg.PerConn > 0 && c.inFlight == 0 && int(c.used) >= l.cfg.PerConn
}

// peerClosed: the server's end of file.
func (l *Loop) peerClosed(slot int32, now int64) {
	l.tally.ClosedByPeer++
	if c := &l.conns[slot]; c.inFlight > 0 {
		l.finish(slot, l.cfg.Dialog.EOF(&c.wire, l.oldest(slot).kind), now)
	}
	l.discard(slot, wire.EOF, now)
}

// broke: the socket reports an error, or the connect failed.
func (l *Loop) broke(slot int32, err syscall.Errno, now int64) {
	if l.conns[slot].state == isOpening {
		l.opening.remove(slot)
		l.io.forget(slot)
		l.connectFailed(slot, conns.FailureOf(err), now)
		return
	}
	l.tally.ClosedByPeer++
	l.discard(slot, wire.Reset, now)
}

// connectFailed puts a slot without a socket back in line.
func (l *Loop) connectFailed(slot int32, f conns.Failure, now int64) {
	c := &l.conns[slot]
	c.state, c.fd = isClosed, -1
	l.closed.push(slot)
	l.fail(f, now)
}

func (l *Loop) fail(f conns.Failure, now int64) {
	l.tally.ConnFailed[f]++
	l.failed++
	l.cfg.Gate.Failed(now, f)
}

// discard closes a connection, with o for whatever is still in flight on it, and lines the slot
// up for a new one.
func (l *Loop) discard(slot int32, o wire.Outcome, now int64) {
	c := &l.conns[slot]
	for c.inFlight > 0 {
		l.finish(slot, o, now)
	}
	l.io.forget(slot)
	l.cfg.Dialog.Stop(&c.wire)
	if c.listed {
		l.free.remove(slot)
		c.listed = false
	}
	c.state, c.fd = isClosed, -1
	l.open--
	l.closed.push(slot)
	if !c.good && now-c.began < brief {
		l.fail(conns.Fruitless, now)
	}
}

// expire gives up what has waited too long: requests in flight, connects, and requests that
// found no connection. Each counts once.
func (l *Loop) expire(now int64) {
	limit, patience := now-int64(l.cfg.Timeout), now-int64(l.cfg.Patience)
	if l.overdue <= now {
		l.findOverdue(limit, now)
	}
	for l.opening.head != none && l.conns[l.opening.head].began <= limit {
		l.broke(l.opening.head, syscall.ETIMEDOUT, now)
	}
	if l.cfg.Pinned {
		return // a connection gives its own up when it is free for them
	}
	for l.backlog.pending > 0 && l.backlog.at(l.backlog.head) <= patience {
		n, due := l.backlog.take()
		l.giveUp(n, due, now)
	}
}

// findOverdue gives up the requests that were sent at limit or before, and looks when it must be
// called again. A list in the order of sending would name them without a search, and cost every
// request four cache lines for what hardly ever happens.
func (l *Loop) findOverdue(limit, now int64) {
	l.overdue = never
	for i := range l.conns[:l.cfg.Conns] {
		slot := int32(i)
		if l.conns[i].inFlight > 0 && l.oldest(slot).sent <= limit {
			l.timeOut(slot, now)
		}
		if l.conns[i].inFlight > 0 {
			l.overdue = min(l.overdue, l.oldest(slot).sent+int64(l.cfg.Timeout))
		}
	}
	l.overdue = max(l.overdue, now+lookEvery)
}

// timeOut counts the oldest request of the connection as timed out: a sample of which only a
// lower bound is known. The reply may still come, so the connection is of no more use.
func (l *Loop) timeOut(slot int32, now int64) {
	f := l.pop(slot, now)
	p := l.part(f.due)
	p.Timeouts++
	l.current.Errors++
	l.censor(p, f.bin, now-f.due)
	l.discard(slot, wire.Dropped, now)
}

// out returns bytes the connection is to write; none when it owes nothing. wrote must follow.
func (l *Loop) out(slot int32) []byte {
	c := &l.conns[slot]
	if c.unwritten == 0 {
		return nil
	}
	kind, same := l.nextKind(slot)
	return l.cfg.Dialog.Out(&c.wire, kind, same)
}

// wrote takes note that n bytes of what out returned are written.
func (l *Loop) wrote(slot int32, n int) {
	c := &l.conns[slot]
	kind, _ := l.nextKind(slot)
	c.unwritten -= int32(l.cfg.Dialog.Wrote(&c.wire, kind, n))
	l.tally.TotalOut += uint64(n)
	if l.measure <= l.stamp && l.stamp < l.end {
		l.tally.WindowOut += uint64(n)
	}
}

// nextKind returns the kind of the first request that is not written whole, and how many of
// that kind follow each other.
func (l *Loop) nextKind(slot int32) (kind uint8, same int) {
	c := &l.conns[slot]
	if l.cfg.Kinds == 1 {
		return 0, int(c.unwritten)
	}
	deep := l.deep
	flights := l.flights[slot*deep : (slot+1)*deep]
	first := c.head + c.inFlight - c.unwritten
	kind = flights[first%deep].kind
	for same = 1; same < int(c.unwritten) && flights[(first+int32(same))%deep].kind == kind; same++ {
	}
	return kind, same
}

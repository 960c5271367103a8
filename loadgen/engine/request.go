package engine

import "iomodels/loadgen/wire"

// notice takes note of every request that has become due, and sends those that find a free
// connection. The clock is read before each: a write takes longer than the gap to the next.
func (l *Loop) notice() {
	if !l.paced {
		return
	}
	for range sendBatch {
		now := l.clock.Now()
		if l.due > now || l.due >= l.end {
			return
		}
		l.schedule(l.number, l.due, now)
		l.number++
		l.advance()
	}
}

// advance computes when the next request becomes due.
func (l *Loop) advance() {
	if !l.paced {
		return
	}
	at, _ := l.cfg.Schedule.Due(l.number)
	l.due = never
	if int64(at) < never-l.start {
		l.due = l.start + int64(at)
	}
}

// schedule finds a connection for request n, or lets it wait.
func (l *Loop) schedule(n uint64, due, now int64) {
	p := l.part(due)
	p.Scheduled++
	if p != &l.tally.Warmup {
		l.tally.Late.Record(now - due)
	}
	if l.cfg.Pinned {
		l.schedulePinned(n, due, now)
		return
	}
	if l.free.head == none || l.backlog.pending > 0 {
		if l.backlog.full() {
			oldest, since := l.backlog.take()
			l.giveUp(oldest, since, now)
		}
		l.backlog.add(due)
		return
	}
	slot := l.free.pop()
	l.conns[slot].listed = false
	l.backlog.skip()
	l.sendOrGiveUp(slot, n, due, now)
	l.offer(slot)
}

// schedulePinned: request n belongs to one connection, and waits for it whatever the others do.
func (l *Loop) schedulePinned(n uint64, due, now int64) {
	slot := int32(n % uint64(l.cfg.Conns))
	c := &l.conns[slot]
	if old, ok := l.backlog.overwritten(); ok {
		owner := &l.conns[old%uint64(l.cfg.Conns)]
		if owner.next <= old { // it never got to its oldest request
			owner.next = old + uint64(l.cfg.Conns)
			l.backlog.pending--
			l.giveUp(old, l.backlog.at(old), now)
		}
	}
	l.backlog.add(due)
	if c.next == n && l.room(c) {
		c.next += uint64(l.cfg.Conns)
		l.backlog.pending--
		l.sendOrGiveUp(slot, n, due, now)
		l.io.flush(slot)
	}
}

// kick gives every open connection of a closed loop its first requests, a batch per turn.
func (l *Loop) kick(now int64) {
	if l.paced || now >= l.end {
		return
	}
	for last := min(l.kicked+sendBatch, l.cfg.Conns); l.kicked < last; l.kicked++ {
		if slot := int32(l.kicked); l.conns[slot].state == isOpen {
			l.refill(slot, l.clock.Now())
		}
	}
}

// refill gives an open connection what it can take: in a closed loop new requests, else those
// that wait. It writes them, so the connection may be closed afterwards.
func (l *Loop) refill(slot int32, now int64) {
	c := &l.conns[slot]
	switch {
	case c.idle:
		return
	case !l.paced:
		for l.sending(now) && l.room(c) && int(slot) <= l.kicked {
			l.part(now).Scheduled++
			l.send(slot, l.number, now, now)
			l.number++
		}
	case l.cfg.Pinned:
		for c.next < l.backlog.tail && l.room(c) {
			n := c.next
			c.next += uint64(l.cfg.Conns)
			l.backlog.pending--
			l.sendOrGiveUp(slot, n, l.backlog.at(n), now)
		}
	default:
		for l.backlog.pending > 0 && l.room(c) {
			n, due := l.backlog.take()
			l.sendOrGiveUp(slot, n, due, now)
		}
	}
	l.offer(slot)
}

// sendOrGiveUp sends a request, unless it waited for so long that its user has given up.
func (l *Loop) sendOrGiveUp(slot int32, n uint64, due, now int64) {
	if now-due > int64(l.cfg.Patience) {
		l.giveUp(n, due, now)
		return
	}
	l.send(slot, n, due, now)
}

// send puts request n on the connection; the caller flushes.
func (l *Loop) send(slot int32, n uint64, due, now int64) {
	c := &l.conns[slot]
	i := slot*l.deep + l.around(c.head+c.inFlight)
	l.stamp = now
	kind := l.kind(n)
	l.flights[i] = flight{due: due, sent: now, bin: l.bin(kind, due), kind: kind}
	l.integrate(now)
	l.inFlight++
	c.inFlight++
	c.unwritten++
	c.used++
	if l.overdue == never {
		l.overdue = now + int64(l.cfg.Timeout)
	}
	p := l.part(due)
	p.Sent++
	if l.paced {
		if p != &l.tally.Warmup {
			l.tally.Lag.Record(now - due)
			if now < l.end {
				l.tally.WindowSent++
			}
		}
		l.current.MaxLag = max(l.current.MaxLag, now-due)
	}
}

// room reports whether the connection can take one more request.
func (l *Loop) room(c *conn) bool {
	return c.state == isOpen && int(c.inFlight) < l.cfg.Pipeline &&
		(l.cfg.PerConn == 0 || int(c.used) < l.cfg.PerConn)
}

// offer writes what the connection owes and, if it can take more, lines it up for the next
// request. The queue is first in, first out: all connections are used in turn, as N users
// would use them, and not the same few while the others go stale.
func (l *Loop) offer(slot int32) {
	if l.conns[slot].unwritten > 0 {
		l.io.flush(slot)
	}
	c := &l.conns[slot]
	if l.paced && !l.cfg.Pinned && !c.listed && !c.idle && l.room(c) {
		c.listed = true
		l.free.push(slot)
	}
}

// kind returns which kind of request n is.
func (l *Loop) kind(n uint64) uint8 {
	if l.cfg.Kinds == 1 {
		return 0
	}
	return l.cfg.Kind(n)
}

// part returns the account of the part of the run in which a request was due.
func (l *Loop) part(due int64) *Part {
	if due < l.measure {
		return &l.tally.Warmup
	}
	return &l.tally.Steps[l.step(due)]
}

// step returns which step of the measured part a time belongs to. The last one has the rest.
func (l *Loop) step(at int64) int {
	if l.cfg.Steps == 1 {
		return 0
	}
	return min(max(int((at-l.measure)/int64(l.cfg.StepEach)), 0), l.cfg.Steps-1)
}

// bin returns the histogram that a request belongs to.
func (l *Loop) bin(kind uint8, due int64) uint16 {
	return uint16(Bin(l.step(due), int(kind), l.cfg.Kinds))
}

// giveUp counts a request that was due and was never sent. Its user waited at least this long:
// leaving it out would make an overloaded server look better than it was.
func (l *Loop) giveUp(n uint64, due, now int64) {
	p := l.part(due)
	p.Unsent++
	l.censor(p, l.bin(l.kind(n), due), now-due)
}

// abandon gives up every request that is due and unsent when the run is over.
func (l *Loop) abandon(now int64) {
	if !l.paced {
		return
	}
	for ; l.due <= now && l.due < l.end; l.advance() {
		l.part(l.due).Scheduled++
		l.giveUp(l.number, l.due, now)
		l.number++
	}
	if !l.cfg.Pinned {
		for l.backlog.pending > 0 {
			n, due := l.backlog.take()
			l.giveUp(n, due, now)
		}
		return
	}
	for i := range l.conns[:l.cfg.Conns] {
		for n := l.conns[i].next; n < l.backlog.tail; n += uint64(l.cfg.Conns) {
			l.backlog.pending--
			l.giveUp(n, l.backlog.at(n), now)
		}
	}
}

// censor records a sample that is only a lower bound.
func (l *Loop) censor(p *Part, bin uint16, ns int64) {
	if p == &l.tally.Warmup {
		return
	}
	l.tally.Response[bin].Record(ns)
	l.tally.Censored++
	l.tally.CensoredMin = min(l.tally.CensoredMin, ns)
}

// finish takes the oldest request of the connection off it, and counts what became of it.
func (l *Loop) finish(slot int32, o wire.Outcome, now int64) {
	f := l.pop(slot, now)
	p := l.part(f.due)
	if o != wire.OK {
		p.Failed[o]++
		l.current.Errors++
		return
	}
	if c := &l.conns[slot]; !c.good {
		c.good = true
		l.tally.Answered++
		l.cfg.Gate.Replied()
	}
	l.lastGood = now
	p.OK++
	l.replies++
	response := now - f.due
	if l.measure <= now && now < l.end {
		l.tally.Steps[l.step(now)].Window++
	}
	if p != &l.tally.Warmup {
		l.tally.Service[f.bin].Record(now - f.sent)
		if l.paced {
			l.tally.Response[f.bin].Record(response)
		}
	}
	l.current.OK++
	l.current.Response.Record(response)
}

// pop takes the oldest request in flight off the connection.
func (l *Loop) pop(slot int32, now int64) flight {
	l.integrate(now)
	l.inFlight--
	c := &l.conns[slot]
	i := slot*l.deep + c.head
	c.head = l.around(c.head + 1)
	c.inFlight--
	return l.flights[i]
}

// around is i modulo the depth of the pipeline, for an i below twice of it: a division takes
// longer than all the rest of the caller.
func (l *Loop) around(i int32) int32 {
	if i >= l.deep {
		i -= l.deep
	}
	return i
}

// integrate sums requests in flight over the time of the measured part, for Little's law.
func (l *Loop) integrate(now int64) {
	from, to := max(l.changed, l.measure), min(now, l.end)
	if from < to {
		l.tally.Area += uint64(l.inFlight) * uint64(to-from)
	}
	l.changed = now
}

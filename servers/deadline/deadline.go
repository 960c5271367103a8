// Package deadline gives up silent and stalled peers without a timer per connection.
//
// # Idea
//
// A timer per connection costs a heap operation per request, to move a moment that nearly
// never comes. Here a request stores one coarse tick in a dense table, eight bytes per
// connection, and nothing else happens. The loop looks at the table only when the earliest
// tick in it is past, reads it from end to end, and meets two kinds of entries: those that
// were moved on in the meantime, and those that are really due.
//
//	request ──▶ Touch: table[slot] = now + limit           (every time, one store)
//	loop    ──▶ Expire: now < earliest? nothing to do      (every turn, one comparison)
//	                    else sweep the table once          (at most once per tick)
//
// A sweep of 10,000 entries reads 80 KB in order. A timing wheel avoids it
// at the price of two links per connection and of moving entries from bucket to bucket; it
// would begin to pay at about a million connections per loop.
//
// # Policy
//
// What is due when depends on what the connection waits for. Policy holds the one rule that is
// easy to get wrong: the limit on a request head is absolute. Were it renewed by every byte, a
// peer that sends one byte now and then would hold its connection for ever.
package deadline

import (
	"time"

	"iomodels/servers"
	"iomodels/servers/proto"
)

// Tick counts Resolutions since the loop began. It wraps after almost seven years.
type Tick uint32

// Resolution is the length of a tick. A time-out ends at most two ticks late, never early.
const Resolution = 50 * time.Millisecond

// Never is later than every tick.
const Never = ^Tick(0)

// At returns the tick of a moment, given as the time since the loop began.
func At(now time.Duration) Tick { return Tick(now / Resolution) }

// After returns the first tick at which the whole of d has surely passed since any moment
// within the tick now.
func After(now Tick, d time.Duration) Tick {
	return now + Tick((d+Resolution-1)/Resolution) + 1
}

// What a peer still sends is dropped after a refusal, so that it can be read: for so long, and for
// so many reads. Closing at once would answer with RST, which destroys what was said.
const (
	LingerTime  = time.Second
	LingerReads = 64
)

// Wait is what a connection waits for; it selects the limit.
type Wait uint8

// The waits.
const (
	None    Wait = iota // nothing of the peer: a handler has the connection. No limit
	Request             // the first byte of a request: limit Idle
	Rest                // the rest of a request head: limit Head, absolute
	Peer                // body bytes, or room to write: limit Write, renewed by progress
)

// Deadline is when a connection is given up, and what for.
type Deadline struct {
	Due  Tick
	Wait Wait
}

// Policy is the servers.Timeouts of a configuration with its defaults filled in: 0 is none.
type Policy servers.Timeouts

// Waiting says what a connection waits for: to get rid of pending output, or for what the
// session wants next.
func Waiting(phase proto.Phase, writing bool) Wait {
	switch {
	case writing, phase == proto.Body:
		return Peer
	case phase == proto.Head:
		return Rest
	}
	return Request
}

// Next returns the deadline of a connection that has just made progress (bytes came or went)
// at tick now, and waits for w. With answered, a request was completed since d was set: the
// head that is awaited is then a new one, even if the connection awaited a head before.
func (p Policy) Next(d Deadline, now Tick, w Wait, answered bool) Deadline {
	limit := time.Duration(0)
	switch w {
	case Request:
		limit = p.Idle
	case Rest:
		if d.Wait == Rest && !answered {
			return d // the dribbler's deadline stands
		}
		limit = p.Head
	case Peer:
		limit = p.Write
	}
	if limit == 0 {
		return Deadline{Never, w}
	}
	return Deadline{After(now, limit), w}
}

// Table holds the deadlines of one loop, by slot: any small integers that the loop chooses.
// One goroutine owns it.
type Table struct {
	policy   Policy
	slots    []Deadline
	earliest Tick // no slot is due before; one may have been moved on since
}

// NewTable returns an empty table.
func NewTable(p Policy) *Table { return &Table{policy: p, earliest: Never} }

// Touch notes progress on a slot; see Policy.Next.
func (t *Table) Touch(slot int, now Tick, w Wait, answered bool) {
	t.grow(slot)
	t.slots[slot] = t.policy.Next(t.slots[slot], now, w, answered)
	t.earliest = min(t.earliest, t.slots[slot].Due)
}

// Set gives a slot a deadline outside the policy; Never clears it, as at the end of a connection.
func (t *Table) Set(slot int, due Tick) {
	t.grow(slot)
	t.slots[slot] = Deadline{due, None}
	t.earliest = min(t.earliest, due)
}

// Pause keeps a slot from becoming due while its connection waits for us and not for its peer,
// and returns what Resume wants back.
func (t *Table) Pause(slot int) Deadline {
	t.grow(slot)
	d := t.slots[slot]
	t.slots[slot] = Deadline{Never, d.Wait}
	return d
}

// Resume gives a slot back the deadline that Pause took. Were it forgotten instead, every byte
// of a head that a worker looks at would renew the limit on the whole head.
func (t *Table) Resume(slot int, d Deadline) {
	t.slots[slot] = d
	t.earliest = min(t.earliest, d.Due)
}

// grow makes room in large steps, which leave little behind. It copies and does not append:
// memory that is not used yet then stays untouched, and costs nothing.
func (t *Table) grow(slot int) {
	if slot >= cap(t.slots) {
		grown := make([]Deadline, len(t.slots), max(4*cap(t.slots), slot+1))
		copy(grown, t.slots)
		t.slots = grown
	}
	for slot >= len(t.slots) {
		t.slots = append(t.slots, Deadline{Due: Never})
	}
}

// Wait returns how long a loop may sleep at now; negative: without end.
func (t *Table) Wait(now time.Duration) time.Duration {
	if t.earliest == Never {
		return -1
	}
	return max(0, time.Duration(t.earliest)*Resolution-now)
}

// Expire clears every slot that is due at now and calls expired with it. expired may Touch and
// Set any slot.
func (t *Table) Expire(now Tick, expired func(slot int)) {
	if now < t.earliest {
		return
	}
	t.earliest = Never
	for slot := range t.slots {
		if t.slots[slot].Due <= now {
			t.slots[slot] = Deadline{Due: Never}
			expired(slot)
		}
		t.earliest = min(t.earliest, t.slots[slot].Due)
	}
}

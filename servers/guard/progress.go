package guard

import (
	"iomodels/servers/deadline"
	"iomodels/servers/proto"
)

// Progress is what a connection has done since somebody looked: for a library that owns the loops
// and runs our sessions. Whoever uses it sees to it that only one goroutine does at a time.
type Progress struct {
	Busy  bool        // a handler runs: nothing is due
	Phase proto.Phase // of the session, after the last Feed

	touched  bool   // there was input,
	answered bool   // and output,
	given    uint64 // so many bytes in all
	sent     uint64 // those that had left the library's queue when somebody looked
	late     deadline.Late
}

// Fed notes that the session took input and said so many bytes.
func (p *Progress) Fed(s proto.Session, output int) {
	p.Phase, p.touched, p.answered = s.Phase(), true, p.answered || output > 0
	p.given += uint64(output)
}

// Overdue reports whether the peer has used up its time. queued is how many bytes of output the
// library still holds. It is the look: each call begins a new record.
func (p *Progress) Overdue(policy deadline.Policy, now deadline.Tick, queued int) bool {
	wait := deadline.Waiting(p.Phase, queued > 0)
	if p.Busy {
		wait = deadline.None
	}
	sent := p.given - uint64(queued)
	// While output is owed, only output counts: a peer that sends and does not read has stalled.
	moved, answered := sent != p.sent || p.touched && queued == 0, p.answered
	p.touched, p.answered, p.sent = false, false, sent
	return p.late.Look(policy, now, wait, moved, answered)
}

// Settled reports whether no request has begun, and none is being answered.
func (p *Progress) Settled() bool { return !p.Busy && p.Phase == proto.Idle }

// Package acceptor keeps an accept under way on a listener. In POSA2's words it is the Acceptor
// of the Acceptor-Connector pattern, told by completions: a connection HAS been accepted.
//
// Out of descriptors or memory an accept that failed would fail again at once, and the loop
// would do nothing else. So the acceptor rests then, and its owner resumes it when some time has
// passed or a descriptor is free again.
package acceptor

import (
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor"
)

// Rest is how long accept rests when it fails.
const Rest = 50 * time.Millisecond

// Acceptor accepts connections for one loop, whose goroutine makes every call.
type Acceptor struct {
	p      proactor.Proactor
	op     proactor.Op
	events Events
	closed bool
}

// Events are what an acceptor tells its owner.
type Events struct {
	Admit  func(fd int)    // a connection, which is the owner's from now on
	Rested func(err error) // accept has failed; Resume after Rest
}

// Start accepts from the listener, which is the acceptor's from now on.
func Start(p proactor.Proactor, listener int, events Events) *Acceptor {
	a := &Acceptor{p: p, events: events}
	a.op = proactor.Op{FD: int32(listener), Done: a.accepted}
	p.Submit(&a.op, proactor.Accept)
	return a
}

// accepted is the completion handler of an accept.
func (a *Acceptor) accepted(op *proactor.Op, fd int, err error) {
	switch {
	case err == nil && a.closed:
		a.p.CloseFD(fd)
	case err == nil:
		a.events.Admit(fd)
	}
	switch {
	case op.Pending || a.closed:
	case err == nil || err == unix.ECONNABORTED || err == unix.EINTR:
		a.p.Submit(op, proactor.Accept)
	default:
		a.events.Rested(err)
	}
}

// Resume ends a rest, and reports whether there was one.
func (a *Acceptor) Resume() bool {
	if a.op.Pending || a.closed {
		return false
	}
	a.p.Submit(&a.op, proactor.Accept)
	return true
}

// Pending reports whether a completion is still to come.
func (a *Acceptor) Pending() bool { return a.op.Pending }

// Stop has the listener closed, and what is accepted all the same.
func (a *Acceptor) Stop() {
	a.closed = true
	a.p.CloseFD(int(a.op.FD))
}

// Close closes the listener at once, if Stop has not: the proactor has broken down.
func (a *Acceptor) Close() {
	if !a.closed {
		a.closed = true
		unix.Close(int(a.op.FD))
	}
}

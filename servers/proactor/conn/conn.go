// Package conn is what a loop of completions remembers of a connection between two of them. A
// blocking server keeps all of this on a stack, and a goroutine's is kilobytes; here it is a
// struct of a cache line or two, and the only call that is under way is a receive that has no
// buffer yet.
//
//	open ──▶ lingering ──▶ dead ──▶ free
//	  │  all is said,      │ closing: what was submitted
//	  │  the peer may      │ completes, cancelled
//	  └────── talk ────────┘
//
// Nothing here submits or waits: package server does.
package conn

import (
	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/exchange"
	"iomodels/servers/proto"
)

// Conn is all that an idle connection costs besides the kernel's share. A loop keeps its
// connections in a slab and finds them by tag, which is that of Receive.
type Conn struct {
	Receive proactor.Op
	Session proto.Session      // nil: the connection is only told that the server is full
	Owed    *exchange.Exchange // nil: nothing is owed to the peer
	Life    Life
	Seat    loops.Seat
	Fin     bool  // the peer has sent its last byte
	Stopped bool  // Receive has been cancelled, to stop reading
	Timed   bool  // has a deadline
	dropped uint8 // receives while lingering
}

// Life is how far a connection has come.
type Life uint8

// The stages of a life, in order.
const (
	Free      Life = iota // its place in the slab waits for another
	Open                  // reading and writing
	Lingering             // all is said; what still arrives is dropped
	Dead                  // its descriptor is being closed; completions are still to come
)

// Alive reports whether the connection's descriptor is still its own.
func (c *Conn) Alive() bool { return c.Life == Open || c.Life == Lingering }

// Expected reports whether a completion, or a worker, may still come back to the connection: its
// place cannot be given to another.
func (c *Conn) Expected() bool { return c.Receive.Pending || c.Owed != nil && c.Owed.Busy() }

// Phase says what the session waits for.
func (c *Conn) Phase() proto.Phase {
	if c.Session == nil {
		return proto.Idle
	}
	return c.Session.Phase()
}

// Owe borrows from the pool what the connection needs to owe something, if it owes nothing yet.
// sent is the completion handler of its sends.
func (c *Conn) Owe(pool *exchange.Pool, sent proactor.CompletionHandler) *exchange.Exchange {
	if c.Owed == nil {
		x := pool.Borrow()
		x.Send.Done, x.Send.FD, x.Send.Tag = sent, c.Receive.FD, c.Receive.Tag
		x.Job.Session = c.Session
		c.Owed = x
	}
	return c.Owed
}

// Settle gives back what Owe has borrowed: nothing is owed any more.
func (c *Conn) Settle(pool *exchange.Pool) {
	if c.Owed != nil {
		pool.GiveBack(c.Owed)
		c.Owed = nil
	}
}

// ReadsAhead reports whether one receive may be pending although something is owed. Once it
// has brought bytes, none may: back-pressure begins.
func (c *Conn) ReadsAhead() bool { return c.Owed.Reads() && !c.Fin }

// Reads reports whether a receive should be pending.
func (c *Conn) Reads() bool { return c.Life == Lingering || c.Owed == nil || c.ReadsAhead() }

// Linger shuts down our direction. It reports whether there is a peer left to wait for.
func (c *Conn) Linger() bool {
	if c.Fin || unix.Shutdown(int(c.Receive.FD), unix.SHUT_WR) != nil {
		return false
	}
	c.Life = Lingering
	return true
}

// Drop counts what was received while lingering and thrown away. It reports whether that is
// enough: not for ever.
func (c *Conn) Drop() (enough bool) {
	c.dropped++
	return c.dropped == deadline.LingerReads
}

// Package libgnet runs our protocols on gnet, the best known event-loop library for Go.
//
// # Idea
//
// The reactor of package reactor, as a library: gnet owns sockets, epoll and buffers, and calls
// this package as its event handler. The answers come from the same proto.Session as everywhere.
//
//	gnet's loop               this package               proto.Session
//	    │ epoll_wait               │                           │
//	    │ read                     │                           │
//	    ├─ OnTraffic(c) ──────────▶│                           │
//	    │                          ├─ c.Peek, Feed, Discard ──▶│
//	    │                          │◀──── output, verdict ─────┤
//	    │◀─ c.Write(output) ───────┤                           │
//	    │ write; the rest is queued and sent on EPOLLOUT       │
//
// # Who does the I/O
//
// gnet, on its loops, level-triggered: one read per event, one write per answer.
//
// # Who waits where
//
// Each loop in epoll_wait, for its connections and its own listener. Handlers run on the loop, or
// on a worker pool whose answers come back by AsyncWrite.
//
// # What a connection costs
//
// gnet's connection, our state and session; no goroutine, and no buffer while nothing is pending.
//
// # What to watch
//
// What differs from gnet's defaults. NumEventLoop is Config.Loops (Multicore would take every CPU
// of the machine). ReusePort: every loop accepts for itself, as in package reactor, and so can
// stay clear of the last descriptor. ReadBufferCap is Config.ReadSize, a quarter of the default:
// no model gets larger batches out of one read. What does not: edge-triggered mode is off, as its
// documentation advises, and LockOSThread, because gnet yields after every empty poll and a locked
// goroutine yields by switching threads; TunedModel has it on.
//
// gnet cannot be told to stop reading from a connection; see KnownLimits and guard.Flood. Its logger
// and its worker pool belong to the process: two goroutines run wherever gnet is linked.
package libgnet

import (
	"github.com/panjf2000/gnet/v2"

	"iomodels/servers"
)

// Model is gnet v2 under our protocols.
func Model() servers.Model {
	return servers.Model{
		Name:    "gnet",
		Summary: "gnet v2, an event-loop library; our protocol code as its event handler",
		Family:  servers.Library,
		Notify:  servers.Readiness,
		Wait:    servers.GoesOn,
		Card: servers.Card{
			Loops:   "one epoll loop per CPU, each with its own listener (SO_REUSEPORT)",
			Buffers: "one read buffer per loop; queued output in elastic buffers that grow without bound",
			Copies:  "none on input; one from input to output; one more for what the socket does not take",
			Sockets: "as sock.Tune",
			Parser:  "ours",
			Handler: "on the loop; with --offload on a worker pool",
			Options: "its defaults, but the size of a read, and a listener per loop; edge-triggered I/O stays off, as " +
				"options.go advises; LockOSThread is gnet-tuned",
		},
		KnownLimits: []servers.KnownLimit{
			{Case: "back-pressure", Reason: unbounded},
			{Case: "write-timeout", Reason: "until it strikes, all that the peer sends is taken: " + unbounded},
			{Case: "half-close", Reason: dropped},
			{Case: "half-close-slow-reader", Reason: dropped + "; and before it, see back-pressure"},
		},
		Serve: serve(nil),
	}
}

// TunedModel is gnet with what its documentation offers for speed (options.go, LockOSThread: event
// loops that "actually run in parallel for a potential higher performance"), as its authors' echo
// benchmark has it.
func TunedModel() servers.Model {
	m := Model()
	m.Name, m.VariantOf = "gnet-tuned", m.Name
	m.Summary = "gnet v2 with every event loop locked to a thread, as its authors' benchmark has it"
	m.Card.Loops = "one epoll loop per CPU, each locked to a thread and with its own listener (SO_REUSEPORT)"
	m.Card.Options = "as gnet, and LockOSThread"
	m.Serve = serve(func(options *gnet.Options) { options.LockOSThread = true })
	return m
}

const (
	unbounded = "a loop reads whenever there is input and queues all output (connection_unix.go, write); " +
		"nothing pauses it, so we close a connection whose queue is too long"
	dropped = "at the peer's FIN the loop tries to write its queue and drops the rest at the first EAGAIN " +
		"(eventloop_unix.go, close)"
)

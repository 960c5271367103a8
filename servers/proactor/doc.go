// Package proactor is I/O by completion: operations are submitted, and their handlers are told
// when they HAVE been done. The kernel's io_uring carries them out (package uring), or our own
// reactor does in its place (package emulated); the server above is the same (package server).
//
// # Idea
//
// The reactor asks "tell me when I can", and then does it. The proactor says "do it, and tell
// me when you have". The same echo, side by side; the bar from submit to complete, during which
// the kernel owns the buffer, is the price:
//
//	reactor                                 proactor
//	 loop          kernel                    loop            kernel
//	  │ wait ───────▶ sleeps                  │ submit recv ───▶ ┐
//	  │ ◀── readable ─┘                       │ wait ──────────▶ │ ▓ the buffer
//	  │ recv ────────▶ copies                 │                  │ ▓ is the kernel's
//	  │ ◀── n bytes ──┘  (my buffer,          │ ◀─ n received ───┘
//	  │ Feed              all the time)       │ Feed
//	  │ send ────────▶ copies                 │ submit send ───▶ ┐ ▓ so is
//	  │ ◀── n bytes ──┘                       │ wait ──────────▶ │ ▓ this one
//	  │ wait ...                              │ ◀─ n sent ───────┘
//
// What it buys: submit and wait are one system call for any number of operations.
//
// # Who does the I/O
//
// The backend: the kernel in the course of that one call, or the emulation. The terms of POSA2
// are ours: Op is the asynchronous operation, the backend the asynchronous operation processor,
// Complete the proactor, Op.Done the completion handler, and a loop the initiator.
//
// # Who waits where
//
// Each loop in Complete, for the next completion of anything. Handlers run there, one after the
// other, and must not wait; with --offload N the Feed runs on a pool of workers.
//
// # What a connection costs
//
// 80 bytes, its session, and 16 bytes in tables; 8 more once it has sent. The price of the bar
// above is avoided where it would hurt: a pending receive holds no buffer, the backend chooses
// one when bytes are there, from half a MiB for all connections of a loop, and lends it to the
// handler. A reply has its buffer from the loop's pool until it is sent. (netserve --without
// provided-buffers shows the pattern as it was: a buffer for every connection that waits.)
//
// # What to watch
//
//   - An operation's memory is the kernel's until it completes, whatever happens to the
//     connection. So a connection is closed by cancelling, and buried by its last completion.
//   - A receive that completes many times cannot be held back like a read that one does not
//     make. Back-pressure means to cancel it, and to keep what was on its way (exchange.Exchange).
//   - Completions come breadth-first: all that has been received, then all that is sent, and by
//     then a large message has left the cache. So a backend says when more of the same stream
//     follows at once (Op.Follow), and the answers to it are sent together; a stream ends its
//     turn after ReceiveMax bytes.
//   - Handlers are called by Complete alone, never by Submit: no recursion, no surprise.
//
// Read next: proactor.go, the pattern as an interface; package server, connection.go from HEART
// to HEART END; then uring.Proactor.Complete, or the same in package emulated, where HandleReady
// makes a completion out of readiness.
package proactor

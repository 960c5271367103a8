// Package proto holds the protocols as byte machines: bytes in, bytes out, and no socket
// anywhere (the "sans-I/O" style). Every model we write, and every library that accepts
// foreign protocol code, runs exactly this code, so a difference between two models cannot
// come from here.
//
// A Session is the state of one connection. The model reads some bytes, feeds them, sends
// what Feed appended, and obeys the verdict. That is the whole conversation:
//
//	read ──bytes──▶ Feed ──output──▶ write
//	                  │
//	                  └─ Continue: read again when the output is sent
//	                     Again:    call Feed(out, nil) again when the output is sent
//	                     Close:    close when the output is sent
//	                     Linger:   send, shut down writing, drop what still arrives, close
package proto

import (
	"context"
	"fmt"
	"strings"
)

// Verdict is what a model does once the output of a Feed has been sent.
type Verdict uint8

// The verdicts.
const (
	// Continue: the session waits for more bytes.
	Continue Verdict = iota
	// Again: the session has more to say than one Feed may append (OutputBound). The model
	// sends what it has and calls Feed(out, nil) before it reads. This is what bounds memory
	// when a peer pipelines large requests and does not read the replies.
	Again
	// Close: the conversation is over and all input was consumed. After Close or Linger a
	// session ignores its input and repeats the verdict.
	Close
	// Linger: the conversation is over, but the peer may still be sending (a refused request).
	// Closing at once would answer those bytes with RST, and RST destroys the reply before
	// the peer has read it; so the model shuts down its sending side and drops input for a
	// bounded time first (RFC 9112, 9.6).
	Linger
)

// Phase is what a session is in the middle of; it selects the time-out that applies.
type Phase uint8

// The phases.
const (
	// Idle: between requests; the idle time-out applies.
	Idle Phase = iota
	// Head: a request head has begun; the head time-out bounds the whole head.
	Head
	// Body: a body is arriving, or more output is owed (Again); the write time-out bounds each
	// silence of the peer.
	Body
)

// OutputBound is how many bytes of output one Feed may have appended when it begins another
// piece; it then returns Again. One Feed thus appends at most about this plus one piece.
const OutputBound = 64 << 10

// Session is the protocol state of one connection. One goroutine at a time uses it.
type Session interface {
	// Feed takes the bytes just received and appends what must be sent to out.
	// in is valid only during the call; Feed copies what it must keep.
	// out is the caller's and stays so; Feed never keeps it.
	Feed(out, in []byte) ([]byte, Verdict)
	// Phase says what the session waits for now.
	Phase() Phase
}

// Release tells s that its connection is gone, at whatever point of the conversation, so that
// the memory it holds can serve others at once. A model calls it when it forgets a connection,
// and not during a Feed. It may be called again, and s must not be fed afterwards. Without it
// nothing leaks, but what s held counts as used until the garbage collector finds out.
func Release(s Session) {
	if r, ok := s.(interface{ release() }); ok {
		r.release()
	}
}

// Protocol makes the sessions of one protocol.
type Protocol struct {
	Name string         // one of Names
	New  func() Session // state for one new connection
	// Limits are what the sessions obey, with every default filled in. A library that parses for
	// itself is given what it can honour of them.
	Limits Limits
	// Refusal is what a connection beyond the limit is told before it is closed; may be nil.
	Refusal []byte
}

// Names lists the protocols, in the order of tables.
func Names() []string { return []string{"echo", "http", "frame"} }

// Named returns a protocol by its name. What it runs in the background ends with ctx.
func Named(ctx context.Context, name string, limits Limits) (Protocol, error) {
	switch name {
	case "echo":
		return Echo(), nil
	case "http":
		return HTTP(ctx, limits), nil
	case "frame":
		return Frame(limits), nil
	}
	return Protocol{}, fmt.Errorf("no protocol %q: want one of %s", name, strings.Join(Names(), ", "))
}

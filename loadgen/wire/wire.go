// Package wire is the client's half of the protocols, echo, frames and HTTP/1.1, as byte machines:
// it says which bytes to write and judges the bytes that came back. It opens no socket and
// reads no clock, so every case can be tested whole, byte by byte and in random cuts.
//
//	engine                     Dialog
//	  request due  ──▶ Out  ──▶ bytes to write     ──▶ write ──▶ Wrote
//	  bytes read   ──▶ Feed ──▶ More | OK | failure
//	  end of file  ──▶ EOF  ──▶ OK | EOF | Truncated
//
// Only a whole reply whose bytes are the expected ones is OK. What to write lies ready before
// the run begins, and what must come back is compared with memory that lies ready too; in the
// usual case neither copies or allocates anything.
package wire

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Outcome is what became of a request.
type Outcome uint8

// The outcomes. All but More and OK are failures; their names are the error classes of a
// Summary. A Dialog finds those up to Truncated, an engine the rest.
const (
	More      Outcome = iota // the reply is not complete yet
	OK                       // whole, and as expected
	Malformed                // not the protocol; what follows on the connection means nothing
	WrongBody                // well-formed, but other bytes or another length than expected
	Status1xx                // 101: the only interim status that ends the exchange
	Status3xx                //
	Status4xx                //
	Status5xx                //
	EOF                      // closed by the peer before the reply began
	Truncated                // closed by the peer within the reply
	Reset                    // RST, or another error of the socket, while in flight
	Dropped                  // in flight on a connection that had to be closed for another request
	outcomes
)

// Outcomes is how many outcomes there are, for tables indexed by them.
const Outcomes = int(outcomes)

// String returns the error class as it stands in a Summary.
func (o Outcome) String() string {
	names := [outcomes]string{
		"more", "ok", "malformed", "wrong-body", "status-1xx", "status-3xx", "status-4xx", "status-5xx",
		"eof", "truncated", "reset", "dropped",
	}
	if o < outcomes {
		return names[o]
	}
	return "outcome-" + strconv.Itoa(int(o))
}

// Dialog is the client's half of a protocol, for all connections of one loop, which owns it.
// kind is an index into Spec.Paths; echo and frames have the one kind 0.
type Dialog interface {
	// Start prepares the state of a new connection. Connections with different ids write
	// different bytes where the protocol allows it, so that bytes of another one are noticed.
	Start(s *State, id uint32)
	// Out returns bytes to write for the request being written and up to n-1 more of its kind,
	// as many as lie in one piece. They stay valid, and are never changed.
	Out(s *State, kind uint8, n int) []byte
	// Wrote takes note that n of those bytes are written, and returns how many requests that ended.
	Wrote(s *State, kind uint8, n int) int
	// Feed takes received bytes, uses those of at most one reply, and judges it.
	Feed(s *State, kind uint8, in []byte) (used int, o Outcome)
	// EOF judges the reply that the peer's end of file interrupts, or ends.
	EOF(s *State, kind uint8) Outcome
	// Stop gives back what the state of a closed connection holds.
	Stop(s *State)
}

// State is what a Dialog knows of one connection. It holds no pointer: a slab of ten thousand
// is nothing to the garbage collector.
type State struct {
	written int64  // bytes of the request being written that are written
	got     int64  // bytes of the body, or of the chunk, that are received
	want    int64  // bytes it has
	body    int64  // bytes of the chunks before this one
	outAt   uint32 // echo, frame: place of the next byte to write in the pattern
	inAt    uint32 // echo, frame: place of the next byte to receive in the pattern
	carry   int32  // http: the buffer that holds half a head, plus one; 0: none
	lines   int32  // http: bytes of the trailer section so far
	phase   phase
	failure Outcome // of the reply being received; More: none so far
	closing bool
	lost    bool
}

// Closing reports that the peer announced that it closes the connection after this reply.
func (s *State) Closing() bool { return s.closing }

// Lost reports that the received bytes can no longer be followed: the connection is useless.
func (s *State) Lost() bool { return s.lost }

// Idle reports that no reply has begun.
func (s *State) Idle() bool {
	return s.phase == inHead && s.carry == 0 && s.got == 0
}

// Spec says what is spoken.
type Spec struct {
	Proto    string   // one of Protos
	Host     string   // HTTP: value of the Host field
	Paths    []string // HTTP: request targets, one kind of request each
	Size     int      // bytes per echo message, per payload of a frame, or per body of POST /echo
	Pipeline int      // requests in flight per connection: so many lie ready in one piece
}

// Protos lists the protocols.
func Protos() []string { return []string{"echo", "http", "frame"} }

// New returns a Dialog for one loop.
func New(spec Spec) (Dialog, error) {
	switch spec.Proto {
	case "echo":
		if spec.Size < 1 {
			return nil, fmt.Errorf("echo: message size is %d: want 1 or more", spec.Size)
		}
		return newEcho(spec), nil
	case "http":
		return newHTTP(spec)
	case "frame":
		return newFrame(spec)
	}
	return nil, fmt.Errorf("protocol %q: want one of %s", spec.Proto, strings.Join(Protos(), ", "))
}

// noise returns n repeatable bytes that no two places have in common.
func noise(n int) []byte {
	var seed [32]byte
	copy(seed[:], strings.Repeat("netload ", 4))
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b) // never fails
	return b
}

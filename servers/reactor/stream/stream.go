// Package stream is the part of an event handler that does not depend on who calls it: a socket
// that never blocks, and the conversation on it.
//
//	event handler            Stream                         kernel
//	 │ Note(readiness) ─────▶ can read, can write
//	 │ Proceed ─────────────▶ receive ─────────────────────▶ recv
//	 │                        Session.Feed
//	 │                        send, at once ───────────────▶ send: it nearly always fits
//	 │                        no? Keep the rest, read no more
//	 │ ◀── Wait ───────────── nothing more can be done
//	 │ sees to it that Interest is reported
//
// A stream asks for nothing and knows neither loop nor thread. It is told what can be done, does it,
// and says what it needs to go on. How that is brought about is what models differ in: the loop of
// package reactor owns its streams; in package leader any thread may have one, by a lock.
package stream

import (
	"log/slog"
	"slices"

	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/sock"
	"iomodels/servers/watchdog"
)

// Stream is our end of one connection. Whoever handles its event owns all of it meanwhile. It is
// small, so that an idle connection costs little: it has no buffer but for what it owes.
type Stream struct {
	session proto.Session
	debt    *debt           // owed output; while there is any, nothing is read
	fd      int32           // -1: closed
	told    demux.Readiness // and not yet found to be otherwise
	verdict proto.Verdict
	seat    loops.Seat
	drops   uint8 // reads dropped while lingering; 0: does not linger

	thinking bool // a worker has the session
	moved    bool // bytes came or went since Progress
	answered bool // output was made since then
}

// What readiness means to a stream.
const (
	ended    = demux.Hangup | demux.Gone | demux.Failure   // behind what there is to read is an end
	canRead  = demux.Readable | ended                      // a read may find something
	canWrite = demux.Writable | demux.Gone | demux.Failure // a write may take something, or tell why not
)

// debt is output that the socket has not taken yet.
type debt struct{ rest []byte }

// Means are what a handler has its streams think with.
type Means struct {
	Pool  *offload.Pool  // nil: sessions think here and now
	Watch *watchdog.Loop // is told of those that do; may be nil
	Log   *slog.Logger
}

// Next is what a stream needs to go on.
type Next uint8

// The needs.
const (
	Wait     Next = iota // that Interest is reported
	Later                // to Proceed again, after others had their turn
	Linger               // the same, and to be closed after deadline.LingerTime: FIN is sent
	Thinking             // that a worker is done with the work; then Obey
	Over                 // to be closed
)

// FairSteps bounds one stream's turn: then all others come first.
const FairSteps = 16

// HEART

// Note notes what can be done.
func (s *Stream) Note(r demux.Readiness) { s.told |= r }

// Proceed takes one step after the other, until somebody else has to. w is to read into; it stays
// the caller's, unless the stream is Thinking.
func (s *Stream) Proceed(w *offload.Work, m *Means) Next {
	for range FairSteps {
		switch {
		case s.debt != nil && s.told&canWrite != 0:
			s.pay()
		case s.debt != nil: // back-pressure: who does not read is not read from
			return Wait
		case s.verdict == proto.Close:
			return Over
		case s.verdict == proto.Linger && s.drops == 0:
			s.linger()
			return Linger
		case s.verdict == proto.Again:
			if !s.think(w, 0, m) {
				return Thinking
			}
		case s.told&canRead != 0:
			if n := s.receive(w.Buf); n > 0 && !s.think(w, n, m) {
				return Thinking
			}
		default:
			return Wait
		}
	}
	return Later
}

// receive reads once, and returns how many bytes there are to think about.
func (s *Stream) receive(buf []byte) int {
	n, errno := sock.Recv(int(s.fd), buf)
	if n < len(buf) {
		s.told &^= demux.Readable // a short read has emptied the socket
	}
	switch {
	case n > 0 && s.drops == 0:
		return n
	case n > 0 && s.drops < deadline.LingerReads:
		s.drops++
	case errno == unix.EAGAIN:
		s.told &^= ended // not yet
	default:
		s.verdict = proto.Close // FIN: all that was asked is answered. Or nobody is there
	}
	return 0
}

// HEART END

// think feeds the session the first n bytes of w's buffer. It reports whether that is done; if
// not, a worker does it.
func (s *Stream) think(w *offload.Work, n int, m *Means) bool {
	s.moved = true
	w.Session, w.In, w.Out = s.session, w.Buf[:n], w.Out[:0]
	if m.Pool != nil {
		s.thinking = true
		m.Pool.Submit(&w.Job)
		return false
	}
	w.Run()
	m.Watch.Handled(w.In)
	s.Obey(w, m)
	return true
}

// Obey sends what the session said in w. What does not fit is kept, for w is not the stream's. A
// stream that was closed while a worker had its session only lets go of it.
func (s *Stream) Obey(w *offload.Work, m *Means) {
	s.thinking, s.verdict = false, w.Verdict
	switch {
	case s.Closed():
		proto.Release(s.session)
	case w.Panic != nil:
		m.Log.Error("handler panicked; its connection is closed", "panic", w.Panic)
	case len(w.Out) > 0:
		s.answered = true
		if rest := s.send(w.Out); len(rest) > 0 {
			s.owe(rest)
		}
	}
}

func (s *Stream) owe(rest []byte) { s.debt = &debt{slices.Clone(rest)} }

// pay sends what is owed, as far as there is room.
func (s *Stream) pay() {
	if s.debt.rest = s.send(s.debt.rest); len(s.debt.rest) == 0 {
		s.debt = nil
	}
}

// send writes what the socket takes and returns the rest. A broken socket takes everything.
func (s *Stream) send(out []byte) (rest []byte) {
	n, errno := sock.Send(int(s.fd), out)
	if errno != 0 && errno != unix.EAGAIN {
		s.verdict = proto.Close
		return nil
	}
	s.moved = s.moved || n > 0
	if n < len(out) {
		s.told &^= canWrite
	}
	return out[n:]
}

// linger sends FIN. What still comes is dropped: closing now would answer it with RST, and RST
// destroys what the peer has not read yet.
func (s *Stream) linger() {
	unix.Shutdown(int(s.fd), unix.SHUT_WR) // fails on a broken connection, which an event will tell
	s.drops = 1
}

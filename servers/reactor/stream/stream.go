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

	onward // nothing yet
)

// FairSteps bounds one stream's turn: then all others come first.
const FairSteps = 16

// HEART

// Note notes what can be done.
func (s *Stream) Note(r demux.Readiness) { s.told |= r }

// Proceed takes one step after the other, until somebody else has to. w is to read into; it stays
// the caller's, unless the stream is Thinking.
//
// Both system calls of a request stand here, inlined, and not in functions of their own. The
// processor guesses where a return leads by a short stack of its own, and the kernel, which calls
// deep, leaves none of it: after a system call each return to somebody who waited for it is a
// wrong guess. Six of them instead of thirteen, and a recover less: a small request costs 2 % less.
func (s *Stream) Proceed(w *offload.Work, m *Means) Next {
	for range FairSteps {
		n := 0
		switch {
		case s.debt != nil || s.verdict == proto.Close || s.verdict == proto.Linger:
			if next := s.wayOut(w.Buf); next != onward {
				return next
			}
			continue
		case s.verdict == proto.Again: // it has more to say before it listens
		case s.told&canRead == 0:
			return Wait
		default:
			var errno unix.Errno
			if n, errno = sock.Recv(int(s.fd), w.Buf); !s.received(n, len(w.Buf), errno) {
				continue
			}
		}
		if !s.think(w, n, m) {
			return Thinking
		}
		if out := w.Out; len(out) > 0 {
			if n, errno := sock.Send(int(s.fd), out); n < len(out) {
				s.owe(out, n, errno)
			}
		}
	}
	return Later
}

// received notes what a read says of the socket. It reports whether there is something to think about.
func (s *Stream) received(n, size int, errno unix.Errno) bool {
	if n < size {
		s.told &^= demux.Readable // a short read has emptied the socket
	}
	switch {
	case n > 0:
		return true
	case errno == unix.EAGAIN:
		s.told &^= ended // not yet
	default:
		s.verdict = proto.Close // FIN: all that was asked is answered. Or nobody is there
	}
	return false
}

// HEART END

// wayOut takes a step of a stream that owes something, or has said all.
func (s *Stream) wayOut(buf []byte) Next {
	switch {
	case s.debt != nil && s.told&canWrite == 0: // back-pressure: who does not read is not read from
		return Wait
	case s.debt != nil:
		s.pay()
	case s.verdict == proto.Close:
		return Over
	case s.drops == 0:
		s.linger()
		return Linger
	case s.told&canRead == 0:
		return Wait
	default:
		s.drop(buf)
	}
	return onward
}

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
	s.note(w, m)
	return true
}

// note notes what the session said in w.
func (s *Stream) note(w *offload.Work, m *Means) {
	s.verdict, s.answered = w.Verdict, s.answered || len(w.Out) > 0
	if w.Panic != nil {
		m.Log.Error("handler panicked; its connection is closed", "panic", w.Panic)
	}
}

// Obey sends what a worker had the session say in w. What does not fit is kept, for w is not the
// stream's. A stream that was closed meanwhile only lets go of its session.
func (s *Stream) Obey(w *offload.Work, m *Means) {
	if s.thinking = false; s.Closed() {
		proto.Release(s.session)
		return
	}
	if s.note(w, m); len(w.Out) > 0 {
		n, errno := sock.Send(int(s.fd), w.Out)
		s.owe(w.Out, n, errno)
	}
}

// owe keeps what the socket did not take: n bytes of out were sent.
func (s *Stream) owe(out []byte, n int, errno unix.Errno) {
	if rest := s.rest(out, n, errno); len(rest) > 0 {
		s.debt = &debt{slices.Clone(rest)}
	}
}

// pay sends what is owed, as far as there is room.
func (s *Stream) pay() {
	n, errno := sock.Send(int(s.fd), s.debt.rest)
	s.moved = s.moved || n > 0
	if s.debt.rest = s.rest(s.debt.rest, n, errno); len(s.debt.rest) == 0 {
		s.debt = nil
	}
}

// rest is what is still to be sent. A broken socket takes everything.
func (s *Stream) rest(out []byte, n int, errno unix.Errno) []byte {
	if errno != 0 && errno != unix.EAGAIN {
		s.verdict = proto.Close
		return nil
	}
	if n < len(out) {
		s.told &^= canWrite
	}
	return out[max(n, 0):]
}

// linger sends FIN. What still comes is dropped: closing now would answer it with RST, and RST
// destroys what the peer has not read yet.
func (s *Stream) linger() {
	unix.Shutdown(int(s.fd), unix.SHUT_WR) // fails on a broken connection, which an event will tell
	s.drops = 1
}

// drop throws away what a peer to whom all is said still sends. Not for ever.
func (s *Stream) drop(buf []byte) {
	n, errno := sock.Recv(int(s.fd), buf)
	if !s.received(n, len(buf), errno) {
		return
	}
	if s.drops++; s.drops > deadline.LingerReads {
		s.verdict = proto.Close
	}
}

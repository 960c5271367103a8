package proto

import "encoding/binary"

// Frame returns the length-prefixed protocol: a frame is its length, four bytes, most significant
// first, and so many bytes of payload. Every frame comes back as it was, when all of it is there.
//
//	 0  1  2  3   4 ...
//	┌───────────┬──────────────────────┐
//	│ n (32 bit)│ n bytes of payload   │   n = 0: a heartbeat, and its echo the answer
//	└───────────┴──────────────────────┘
//
// TCP carries bytes, and not messages: what was written in five calls may be read in one ("sticky
// packets"), and what was written in one may need five reads. Echo does not mind, for it answers
// bytes. A server that answers messages must find their ends, and so must every protocol above a
// stream, by a length as here, by a mark as in an HTTP head, or by the end of the connection.
//
// A session holds the beginning of at most one frame, in a buffer that grows with what arrives and
// not with what was announced; all sessions share Limits.BodyBudget for that. A frame longer than
// Limits.Frame, or one for which the budget has no room, cannot be answered in this protocol: what
// came before it is, and then the connection ends.
func Frame(limits Limits) Protocol {
	f := &frames{limits: limits.withDefaults()}
	f.parts.budget.Store(f.limits.BodyBudget)
	return Protocol{Name: "frame", Limits: f.limits, New: func() Session { return &framed{frames: f} }}
}

// prefix is how many bytes say how long a frame is.
const prefix = 4

// frames is what all sessions of one Protocol share.
type frames struct {
	limits Limits
	parts  bodies
}

// framed is the state of one connection. Between two frames it holds nothing.
type framed struct {
	*frames
	part  *body // the beginning of a frame whose end is still to come, prefix included; or nil
	ended bool  // a frame was refused
}

// Feed answers the frames that in completes, and keeps the beginning of the one that it cuts.
func (s *framed) Feed(out, in []byte) ([]byte, Verdict) {
	if s.ended {
		return out, Linger
	}
	for s.part != nil {
		missing := length(s.part.b) - int64(len(s.part.b))
		n := min(missing, int64(len(in)))
		switch {
		case missing == 0:
			out = append(out, s.part.b...)
			s.release()
		case s.tooLong(s.part.b) || !s.part.append(in[:n], missing):
			return s.refuse(out)
		case n == 0:
			return out, Continue
		}
		in = in[n:]
	}
	whole, ok := s.whole(in)
	out = append(out, in[:whole]...)
	if rest := in[whole:]; ok && len(rest) > 0 {
		s.part = s.parts.borrow()
		ok = s.part != nil && s.part.append(rest, length(rest))
	}
	if !ok {
		return s.refuse(out)
	}
	return out, Continue
}

// whole returns how many bytes of in are whole frames, the first byte being that of a prefix, and
// whether the frame behind them, if there is one, may come.
func (s *framed) whole(in []byte) (n int64, ok bool) {
	for {
		rest := in[n:]
		size := length(rest)
		if s.tooLong(rest) {
			return n, false
		}
		if int64(len(rest)) < size {
			return n, true
		}
		n += size
	}
}

// length is how many bytes the frame that begins with b has, its prefix included; and while that
// is not there, the prefix's own.
func length(b []byte) int64 {
	if len(b) < prefix {
		return prefix
	}
	return prefix + int64(binary.BigEndian.Uint32(b))
}

func (s *framed) tooLong(b []byte) bool { return length(b)-prefix > int64(s.limits.Frame) }

// refuse ends the conversation. The peer may be sending still, and what was answered shall reach it.
func (s *framed) refuse(out []byte) ([]byte, Verdict) {
	s.release()
	s.ended = true
	return out, Linger
}

func (s *framed) release() {
	if s.part != nil {
		s.parts.giveBack(s.part)
		s.part = nil
	}
}

// Phase says that the rest of a frame is owed like the rest of a body: silence ends it.
func (s *framed) Phase() Phase {
	if s.part != nil {
		return Body
	}
	return Idle
}

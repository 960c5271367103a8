package proto

import (
	"bytes"
	"context"
	"sync"
)

// HTTP returns HTTP/1.1 (RFC 9110 and 9112) for an origin server with the routes of Route. The
// clock behind the Date field ticks until ctx is done.
//
// # Theory of operation
//
// A session is a state machine over two kinds of input: lines that end with CRLF, and bytes
// that are counted. The state says what the next byte belongs to:
//
//	            ┌────────────── keep-alive ───────────────┐
//	            ▼                                         │
//	begin ─line─▶ inFields ─empty line─┬─no body──────▶ replying ──▶ ended (Close)
//	                                   ├─Content-Length▶ inBody ─────▲
//	                                   └─chunked▶ inSizes ⇄ inChunk  │
//	                                                 └▶ inTrailers ──┘
//	any state ──a fault──▶ ended (Linger)
//
// A line is understood as a whole, when its end has come, and then forgotten: what a request is
// about fits into the struct request, so a session never holds a head. All it ever copies is
// the beginning of a line whose end is still to come; whole lines are parsed where the model has
// read them. A line that is not complete is searched for its end once per byte and not parsed, so
// a peer that sends single bytes costs no more work per byte than one that sends them all at once.
//
// What a session says does not depend on how its input was cut, because every decision is made
// at the end of a line, at a count, or at a limit, and never at the end of a read. There is one
// exception, which RFC 9110 (10.1.1) allows: 100 (Continue) is left out when the body is
// already there.
//
// Memory has two sources, both borrowed for as long as they are needed: kept (input that waits)
// and body. A session between requests holds neither.
//
// # Not supported, on purpose
//
//   - Upgrade, h2c and TLS: Upgrade is ignored, as RFC 9110 (7.8) allows; the rest is refused.
//   - CONNECT, TRACE, proxying: 501, 405, 421. This is an origin server with one site.
//   - Transfer codings other than chunked: 501. Trailers are checked and dropped.
//   - Ranges, conditional requests, content coding: these fields are optional and ignored.
//   - Percent-decoding of paths: no path served here needs it.
//   - Bare LF as line end, folded field lines, list-valued Content-Length: allowed at most, and
//     each is a way to make two readers of one message disagree.
//   - A Server field: who we are is nobody's business and costs bytes in every answer.
func HTTP(ctx context.Context, limits Limits) Protocol {
	return newServer(ctx, limits).protocol()
}

// server is what all sessions of one Protocol share.
type server struct {
	limits  Limits
	clock   clock
	bodies  bodies
	lines   sync.Pool          // of *[]byte: input that waits for more
	handler func(Route, int64) // Work; tests put something else here
}

func newServer(ctx context.Context, limits Limits) *server {
	srv := &server{limits: limits.withDefaults(), handler: Work}
	srv.bodies.budget.Store(srv.limits.BodyBudget)
	srv.clock.start(ctx)
	return srv
}

func (srv *server) protocol() Protocol {
	return Protocol{
		Name:   "http",
		New:    func() Session { return srv.newSession() },
		Limits: srv.limits,
		Refusal: []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n" +
			closeField + "\r\n"),
	}
}

func (srv *server) newSession() *session {
	return &session{server: srv, room: int32(srv.limits.RequestLine)}
}

// session is the state of one connection.
type session struct {
	*server
	kept    *[]byte // input that waits; nil: none
	body    *body   // what has come of a body that comes in pieces, if the route wants it
	left    int64   // bytes still to come of the body or chunk; in replying: still to append
	req     request // the request at hand
	room    int32   // bytes the next line may have, without CRLF
	state   state
	unread  bool    // kept is what Again left behind, not the beginning of a line
	empty   uint8   // empty lines before the request line
	verdict Verdict // once ended
}

// state is what the next byte belongs to.
type state uint8

const (
	begin      state = iota // a request line, or an empty line before it
	inFields                // field lines of the head
	inSizes                 // the line with the size of a chunk
	inChunkEnd              // the empty line behind the bytes of a chunk
	inTrailers              // field lines behind the last chunk
	inBody                  // bytes counted by Content-Length
	inChunk                 // bytes counted by a chunk size
	answering               // nothing: the request is complete
	replying                // nothing: a long answer is being produced, or a slow one sent
	ended                   // nothing: the conversation is over
)

// Phase implements Session. While output is owed (Again), the phase is Body: progress of the
// peer is what counts then, as with a body.
func (s *session) Phase() Phase {
	switch {
	case s.unread || s.state >= inSizes && s.state <= replying:
		return Body
	case s.state == inFields || s.kept != nil:
		return Head
	}
	return Idle
}

// Feed implements Session.
func (s *session) Feed(out, in []byte) ([]byte, Verdict) {
	bound := len(out) + OutputBound
	v := Continue
	if s.kept != nil {
		if out, in, v = s.resume(out, in, bound); s.kept != nil || v != Continue {
			return out, v
		}
	}
	out, in, v = s.run(out, in, 0, bound)
	if len(in) > 0 {
		s.keep(in, v == Again)
	}
	if s.req.has(continueOwed) && v == Continue && s.kept == nil {
		s.req.flags &^= continueOwed
		out = append(out, continueHead...)
	}
	return out, v
}

// resume runs on what was kept, joined by as much of in as ends its line, and returns the rest.
// That rest is parsed in place: a request cut in two does not make its followers be copied.
func (s *session) resume(out, in []byte, bound int) (_, rest []byte, v Verdict) {
	kept, searched, n := *s.kept, 0, len(in)
	if !s.unread {
		searched = len(kept) // it holds no line end: do not search it again for every new byte
		if i := bytes.IndexByte(in, '\n'); i >= 0 {
			n = i + 1
		}
	}
	kept = append(kept, in[:n]...)
	out, rest, v = s.run(out, kept, searched, bound)
	if len(rest) < len(kept) { // else it is there already: moving it for every byte would add up
		kept = append(kept[:0], rest...)
	}
	if in = in[n:]; v == Again {
		kept, in = append(kept, in...), nil
	}
	if *s.kept, s.unread = kept, v == Again; len(kept) == 0 {
		s.drop()
	}
	return out, in, v
}

// run consumes input until it is used up, a line is incomplete, the conversation is over, or
// bound bytes of output stand there. The first searched bytes of in hold no line end.
func (s *session) run(out, in []byte, searched, bound int) (_, rest []byte, v Verdict) {
	for len(in) > 0 || s.state >= answering {
		switch {
		case s.state == begin && len(out) >= bound:
			return out, in, Again
		case s.state < inBody:
			i := bytes.IndexByte(in[searched:], '\n')
			end := searched + i - len("\r")
			if i < 0 || end < 0 || end > int(s.room) || in[end] != '\r' {
				if f := s.noLine(in, i >= 0); f != none {
					return s.refuse(out, f), nil, s.verdict
				}
				return out, in, Continue
			}
			if f := s.line(in[:end]); f != none {
				return s.refuse(out, f), nil, s.verdict
			}
			in, searched = in[end+len("\r\n"):], 0
		case s.state < answering:
			out, in = s.receive(out, in)
		case s.state == answering:
			out = s.answer(out, nil)
		case s.state == ended:
			return out, nil, s.verdict
		case s.left > 0 && len(out) >= bound:
			return out, in, Again
		case s.left > 0:
			out = s.produce(out)
		default:
			bound = 0 // what may have taken time is sent before the next request is begun
			s.finish()
		}
	}
	return out, nil, Continue
}

// answer begins the answer. body is the whole body where it stands in the input in one piece.
func (s *session) answer(out, body []byte) []byte {
	s.state = replying
	out = s.respond(out, body)
	if s.left == 0 && !s.req.slow() && s.state == replying {
		s.finish()
	}
	return out
}

// finish puts the request away.
func (s *session) finish() {
	if !s.req.has(keepAlive) {
		v := Close
		if s.req.has(continueOwed) {
			v = Linger // the body that was announced may come yet
		}
		s.end(v)
		return
	}
	s.forget()
	s.state = begin
	s.room = int32(s.limits.RequestLine)
}

// end ends the conversation.
func (s *session) end(v Verdict) {
	s.forget()
	s.state, s.verdict = ended, v
}

// forget forgets the request and gives back the memory of its body.
func (s *session) forget() {
	s.req = request{}
	if s.body != nil {
		s.bodies.giveBack(s.body)
		s.body = nil
	}
}

// release gives back everything; see Release.
func (s *session) release() {
	s.end(Close)
	if s.kept != nil {
		s.drop()
	}
}

// keep copies what run left of the input.
func (s *session) keep(rest []byte, unread bool) {
	if s.kept, _ = s.lines.Get().(*[]byte); s.kept == nil {
		s.kept = new([]byte)
	}
	*s.kept = append((*s.kept)[:0], rest...)
	s.unread = unread
}

// maxPooledLine is the largest kept buffer worth keeping for others.
const maxPooledLine = 16 << 10

// drop gives the buffer of kept input back.
func (s *session) drop() {
	if cap(*s.kept) <= maxPooledLine {
		s.lines.Put(s.kept)
	}
	s.kept, s.unread = nil, false
}

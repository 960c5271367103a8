package proto

import (
	"bytes"
	"context"
	"sync"
)

// HTTP is HTTP/1.1 (RFC 9110 and 9112) for an origin server with the routes of Route. The clock
// behind the Date field ticks until ctx is done.
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
		Name: "http",
		New:  func() Session { return &session{server: srv} },
		Refusal: []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n" +
			closeField + "\r\n"),
	}
}

// session is the state of one connection.
type session struct {
	*server
	kept    *[]byte // input that waits: a line without its end or, if unread, what came behind
	body    *body   // of the request at hand, where it is wanted and came in pieces
	left    int64   // bytes to come of the body or chunk; in replying: bytes to append
	req     request
	state   state
	unread  bool // kept has not been looked at since Again
	empty   uint8
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
	replying                // nothing: the answer is being produced
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
		searched = len(kept) // no byte is searched twice, however small the pieces
		if i := bytes.IndexByte(in, '\n'); i >= 0 {
			n = i + 1
		}
	}
	kept = append(kept, in[:n]...)
	out, rest, v = s.run(out, kept, searched, bound)
	kept = append(kept[:0], rest...)
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
	for {
		switch s.state {
		case ended:
			return out, nil, s.verdict
		case replying:
			if s.left > 0 {
				if len(out) >= bound {
					return out, in, Again
				}
				out = s.produce(out)
				continue
			}
			if s.req.slow() {
				bound = 0 // what took time is sent before the next request is begun
			}
			s.finish()
		case inBody, inChunk:
			if len(in) == 0 {
				return out, nil, Continue
			}
			out, in = s.receive(out, in)
		default:
			if s.state == begin && len(in) > 0 && len(out) >= bound {
				return out, in, Again
			}
			line, n, f := s.takeLine(in, searched)
			if f != none {
				return s.refuse(out, f), nil, s.verdict
			}
			if n == 0 {
				return out, in, Continue
			}
			in, searched = in[n:], 0
			out = s.line(out, line)
		}
	}
}

// takeLine cuts a line and its CRLF off in; n is their length, 0 when the line is incomplete.
// A bare LF could be taken for a line end (RFC 9112, 2.2), but not everybody does.
func (s *session) takeLine(in []byte, searched int) (line []byte, n int, f fault) {
	if s.state == begin && searched == 0 && len(in) > 0 && in[0] != '\r' && !is(in[0], tokenChar) {
		return nil, 0, badMethod // at once: this is no HTTP, perhaps TLS, and there may be no line end
	}
	length := len(in)
	if i := bytes.IndexByte(in[searched:], '\n'); i >= 0 {
		length = searched + i
		n = length + 1
	}
	if most := s.longestLine(); length > most+len("\r") {
		return nil, 0, s.tooLong(in[:most])
	}
	if n > 0 && (length == 0 || in[length-1] != '\r') {
		return nil, 0, badLineEnd
	}
	return in[:max(length-1, 0)], n, none
}

// longestLine is how long the next line may be, without CRLF.
func (s *session) longestLine() int {
	switch s.state {
	case begin:
		return s.limits.RequestLine
	case inSizes:
		return freeChunkLine + s.limits.HeaderBytes - int(s.req.size)
	case inChunkEnd:
		return 0
	}
	return max(s.limits.HeaderBytes-int(s.req.size)-len("\r\n"), 0)
}

// tooLong names what is wrong with a line that begins with start and exceeds the bound.
func (s *session) tooLong(start []byte) fault {
	switch s.state {
	case begin:
		n := span(start, tokenChar)
		if n == len(start) {
			return longMethod
		}
		if start[n] == ' ' {
			return longRequestLine
		}
		return badMethod
	case inSizes:
		return longExtensions
	case inChunkEnd:
		return badChunk
	}
	return longFields
}

// line consumes a complete line, according to the state.
func (s *session) line(out, line []byte) []byte {
	f := none
	switch {
	case s.state == begin && len(line) == 0:
		if s.empty++; s.empty > maxEmptyLines {
			f = manyEmptyLines
		}
	case s.state == begin:
		s.empty = 0
		s.state = inFields
		f = s.req.requestLine(line)
	case s.state == inFields && len(line) == 0:
		if f = s.req.framing(&s.limits); f == none {
			return s.endOfHead(out)
		}
	case s.state == inTrailers && len(line) == 0:
		return s.answer(out, nil)
	case s.state == inFields:
		if f = s.countField(line); f == none {
			f = s.req.field(line)
		}
	case s.state == inTrailers: // checked, and ignored: none of them may change what is known
		if f = s.countField(line); f == none {
			_, _, f = splitField(line)
		}
	case s.state == inSizes:
		f = s.chunkLine(line)
	case s.state == inChunkEnd:
		s.state = inSizes
		if len(line) > 0 {
			f = badChunk
		}
	}
	if f != none {
		return s.refuse(out, f)
	}
	return out
}

// countField counts a field line against the limits.
func (s *session) countField(line []byte) fault {
	s.req.size += int32(len(line) + len("\r\n"))
	if s.req.fields++; int(s.req.fields) > s.limits.Headers {
		return manyFields
	}
	return none
}

// endOfHead goes on to the body, or to the answer if there is none.
func (s *session) endOfHead(out []byte) []byte {
	switch {
	case s.req.has(continueOwed) && !s.req.served():
		// The peer waits for leave to send a body nobody wants. It gets the final answer now.
		s.req.flags &^= keepAlive
		out = s.respond(out, nil)
		s.end(Linger)
		return out
	case s.req.has(hasCoding):
		s.state = inSizes
		s.req.size = 0
		return out
	case s.req.length > 0:
		s.state = inBody
		s.left = s.req.length
		return out
	}
	return s.answer(out, nil)
}

// answer begins the answer. body is the whole body where it stands in the input in one piece.
func (s *session) answer(out, body []byte) []byte {
	s.state = replying
	return s.respond(out, body)
}

// finish puts the request away.
func (s *session) finish() {
	if !s.req.has(keepAlive) {
		s.end(Close)
		return
	}
	s.forget()
	s.state = begin
}

// end ends the conversation.
func (s *session) end(v Verdict) {
	s.forget()
	s.state, s.verdict = ended, v
}

// forget forgets the request and gives back the memory of its body.
func (s *session) forget() {
	s.req, s.left = request{}, 0
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

package proto

import "bytes"

// noLine says why in does not begin with a line: something is wrong, or it is not complete.
// What it says does not depend on how much of a wrong line has arrived.
func (s *session) noLine(in []byte, ended bool) fault {
	if s.state == begin && in[0] != '\r' && in[0] != '\n' && !is(in[0], tokenChar) {
		return badMethod // this is no HTTP, perhaps TLS, and there may never be a line end
	}
	length := len(in)
	if ended {
		length = bytes.IndexByte(in, '\n')
	}
	if room := int(s.room); length > room+len("\r") {
		return s.tooLong(in[:room])
	}
	if ended && (length == 0 || in[length-1] != '\r') {
		return badLineEnd // everybody could agree on it (RFC 9112, 2.2), but not everybody does
	}
	return none
}

// tooLong names what is wrong with a line that begins with start and exceeds its room.
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
func (s *session) line(line []byte) fault {
	switch s.state {
	case inFields:
		if len(line) == 0 {
			return s.endOfHead()
		}
		if f := s.countField(line); f != none {
			return f
		}
		return s.req.field(line)
	case begin:
		return s.beginRequest(line)
	case inSizes:
		return s.chunkLine(line)
	case inChunkEnd:
		s.state = inSizes
		if len(line) > 0 {
			return badChunk
		}
	case inTrailers: // checked, and ignored: none of them may change what is known
		if len(line) == 0 {
			s.state = answering
			return none
		}
		if f := s.countField(line); f != none {
			return f
		}
		_, _, f := splitField(line)
		return f
	}
	return none
}

// beginRequest takes the request line, or an empty line before it.
func (s *session) beginRequest(line []byte) fault {
	if len(line) == 0 {
		if s.empty++; s.empty > maxEmptyLines {
			return manyEmptyLines
		}
		return none
	}
	s.empty = 0
	s.state = inFields
	s.room = s.limits.roomForFields()
	return s.req.requestLine(line)
}

// countField counts a field line against the limits.
func (s *session) countField(line []byte) fault {
	s.room = max(s.room-int32(len(line)+len("\r\n")), 0)
	if s.req.fields++; int(s.req.fields) > s.limits.Headers {
		return manyFields
	}
	return none
}

// endOfHead judges the head and goes on to the body, or to the answer if there is none.
func (s *session) endOfHead() fault {
	f := s.req.framing(&s.limits)
	switch {
	case s.req.has(continueOwed) && !s.req.served():
		// The peer waits for leave to send a body nobody wants: it gets the final answer now.
		s.req.flags &^= keepAlive
		s.state = answering
	case s.req.has(hasCoding):
		s.state = inSizes
		s.room = freeChunkLine + int32(s.limits.HeaderBytes)
	case s.req.length > 0:
		s.state = inBody
		s.left = s.req.length
	default:
		s.state = answering
	}
	return f
}

package wire

import "math"

// feedFraming takes one byte of what stands between the chunks of a body: sizes, line ends and
// trailers. They are few, so going byte by byte costs little and needs no buffer.
func (h *http) feedFraming(s *State, kind uint8, c byte) Outcome {
	switch s.phase {
	case inChunkSize:
		return s.chunkSize(c)
	case inChunkExt:
		if c == '\r' {
			s.phase = inChunkLine
		}
		return s.bounded(c != '\n')
	case inChunkLine:
		return s.chunkBegins(c)
	case inChunkEnd:
		return s.expectByte(c, '\r', inChunkEndLF)
	case inChunkEndLF:
		return s.expectByte(c, '\n', inChunkSize)
	case inTrailer:
		s.phase = inTrailerRow
		if c == '\r' {
			s.phase = inTrailerEnd
		}
		return s.bounded(c != '\n')
	case inTrailerRow:
		if c == '\r' {
			s.phase = inTrailerLF
		}
		return s.bounded(c != '\n')
	case inTrailerLF:
		return s.expectByte(c, '\n', inTrailer)
	}
	if c != '\n' { // inTrailerEnd
		return s.lose(Malformed)
	}
	return h.end(s, kind)
}

// chunkSize adds a digit. While the line lasts, got counts the digits seen.
func (s *State) chunkSize(c byte) Outcome {
	digit, ok := hex(c)
	switch {
	case ok && s.want <= (math.MaxInt64-15)/16-s.body/16:
		s.want, s.got = s.want*16+digit, s.got+1
		return More
	case s.got == 0:
		return s.lose(Malformed)
	case c == '\r':
		s.phase = inChunkLine
		return More
	case c == ';':
		s.phase = inChunkExt
		return More
	}
	return s.lose(Malformed)
}

func (s *State) chunkBegins(c byte) Outcome {
	s.got = 0
	if s.want == 0 {
		return s.expectByte(c, '\n', inTrailer)
	}
	return s.expectByte(c, '\n', inChunk)
}

func (s *State) expectByte(c, want byte, next phase) Outcome {
	s.phase = next
	if c != want {
		return s.lose(Malformed)
	}
	return More
}

// bounded counts bytes that carry no meaning, and gives up on a peer that sends too many.
func (s *State) bounded(ok bool) Outcome {
	if s.lines++; !ok || s.lines > maxHead {
		return s.lose(Malformed)
	}
	return More
}

func hex(c byte) (int64, bool) {
	switch {
	case '0' <= c && c <= '9':
		return int64(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int64(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return int64(c-'A') + 10, true
	}
	return 0, false
}

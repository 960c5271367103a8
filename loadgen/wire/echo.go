package wire

import "bytes"

// period is the length of the pattern that echo connections write, again and again. It is
// prime: no message size divides it, so two messages that follow each other differ, and a
// stale, swapped or repeated message does not pass as the expected one.
const period = 65521

// The pattern lies in memory once more than a period, so that every piece of it up to a limit
// can be written, and compared, without a seam.
const (
	minPiece = 64 << 10 // at least what one read returns
	maxPiece = 1 << 20  // larger messages are written in pieces
)

// echo treats each connection as an endless stream of pattern bytes that begins at a place of
// its own. A message is the next size bytes of it, so a pipeline of them is one piece too.
type echo struct {
	stream []byte // the pattern, and the first piece bytes of it again
	piece  int
	size   int64
}

func newEcho(spec Spec) *echo {
	size := int64(spec.Size)
	piece := int(min(max(size*int64(max(spec.Pipeline, 1)), minPiece), maxPiece))
	stream := make([]byte, period+piece)
	copy(stream, noise(period))
	for i := period; i < len(stream); i += period {
		copy(stream[i:], stream[:period])
	}
	return &echo{stream: stream, piece: piece, size: size}
}

// Start gives each connection a place of its own; the factor spreads neighbours.
func (e *echo) Start(s *State, id uint32) {
	at := uint32(uint64(id) * 40503 % period)
	*s = State{outAt: at, inAt: at}
}

func (e *echo) Out(s *State, _ uint8, n int) []byte {
	left := e.size*int64(n) - s.written
	return e.stream[s.outAt:][:min(left, int64(e.piece))]
}

func (e *echo) Wrote(s *State, _ uint8, n int) int {
	s.outAt = ahead(s.outAt, n)
	s.written += int64(n)
	if s.written < e.size {
		return 0
	}
	done := s.written / e.size
	s.written -= done * e.size
	return int(done)
}

func (e *echo) Feed(s *State, _ uint8, in []byte) (int, Outcome) {
	n := int(min(e.size-s.got, int64(len(in)), int64(e.piece)))
	if !bytes.Equal(in[:n], e.stream[s.inAt:][:n]) {
		s.lost = true
		return n, WrongBody
	}
	s.inAt = ahead(s.inAt, n)
	if s.got += int64(n); s.got < e.size {
		return n, More
	}
	s.got = 0
	return n, OK
}

func (e *echo) EOF(s *State, _ uint8) Outcome {
	if s.got > 0 {
		return Truncated
	}
	return EOF
}

func (e *echo) Stop(*State) {}

// ahead moves a place n bytes on, round the pattern.
func ahead(at uint32, n int) uint32 {
	return uint32((uint64(at) + uint64(n)) % period)
}

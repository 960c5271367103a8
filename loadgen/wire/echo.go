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
	period int    // length of the pattern
	step   int    // connections begin at multiples of it
	piece  int
	size   int64
}

func newEcho(spec Spec) *echo {
	e := newStream(noise(period), spec.Size, spec.Pipeline, 1)
	return &e
}

// newStream makes a dialog about messages of size bytes out of a pattern.
func newStream(pattern []byte, size, pipeline, step int) echo {
	piece := int(min(max(int64(size)*int64(max(pipeline, 1)), minPiece), maxPiece))
	stream := make([]byte, len(pattern)+piece)
	for i := 0; i < len(stream); i += len(pattern) {
		copy(stream[i:], pattern)
	}
	return echo{stream: stream, period: len(pattern), step: step, piece: piece, size: int64(size)}
}

// Start gives each connection a place of its own; the factor spreads neighbours.
func (e *echo) Start(s *State, id uint32) {
	at := uint32(uint64(id) * 40503 % uint64(e.period/e.step) * uint64(e.step))
	*s = State{outAt: at, inAt: at}
}

func (e *echo) Out(s *State, _ uint8, n int) []byte {
	left := e.size*int64(n) - s.written
	return e.stream[s.outAt:][:min(left, int64(e.piece))]
}

func (e *echo) Wrote(s *State, _ uint8, n int) int {
	s.outAt = e.ahead(s.outAt, n)
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
	s.inAt = e.ahead(s.inAt, n)
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
func (e *echo) ahead(at uint32, n int) uint32 {
	return uint32((uint64(at) + uint64(n)) % uint64(e.period))
}

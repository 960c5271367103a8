package wire

import (
	"encoding/binary"
	"fmt"
)

// framePrefix is how many bytes say how long a frame is, most significant first.
const framePrefix = 4

// maxFrame is the largest payload a frame may have here: all of a few frames lie ready in memory.
const maxFrame = 16 << 20

// frame writes a circle of frames, again and again: each is its length and the next bytes of the
// pattern. All are equally long, and so to count and compare them is echo's work: a message is a
// frame, prefix and all, and the pattern is the whole circle.
type frame struct{ echo }

func newFrame(spec Spec) (*frame, error) {
	if spec.Size < 1 || spec.Size > maxFrame {
		return nil, fmt.Errorf("frame: %d bytes of payload: want 1 to %d", spec.Size, maxFrame)
	}
	size := framePrefix + spec.Size
	// Enough to fill a pipeline; and at least three, so that a stale or repeated one does not pass.
	circle := max(3, 2*spec.Pipeline, minPiece/size) * size
	if circle > maxPiece {
		circle = max(3, maxPiece/size) * size
	}
	stream, payload := make([]byte, 0, circle), noise(circle)
	for len(stream) < circle {
		stream = binary.BigEndian.AppendUint32(stream, uint32(spec.Size))
		stream = append(stream, payload[len(stream):][:spec.Size]...)
	}
	return &frame{newStream(stream, size, spec.Pipeline, size)}, nil
}

// Feed tells bytes that are no frame of the expected length from a frame of other bytes.
func (f *frame) Feed(s *State, kind uint8, in []byte) (int, Outcome) {
	at := s.got
	n, o := f.echo.Feed(s, kind, in)
	if o == WrongBody && at < framePrefix {
		for i := range min(framePrefix-at, int64(len(in))) {
			if in[i] != f.stream[int64(s.inAt)+i] {
				return n, Malformed
			}
		}
	}
	return n, o
}

package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

func TestFramesAreFrames(t *testing.T) {
	for _, size := range []int{1, 2, 64, 4096, 70_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			d := mustNew(t, Spec{Proto: "frame", Size: size, Pipeline: 4})
			var s State
			d.Start(&s, 7)
			stream := written(t, d, &s, 0, 9, 1<<20)
			var payloads []string
			for rest := stream; len(rest) > 0; {
				n := int(binary.BigEndian.Uint32([]byte(rest)))
				if n != size || len(rest) < framePrefix+n {
					t.Fatalf("a frame of %d bytes, with %d left; want %d", n, len(rest)-framePrefix, size)
				}
				payloads, rest = append(payloads, rest[framePrefix:][:n]), rest[framePrefix+n:]
			}
			if len(payloads) != 9 {
				t.Errorf("%d frames; want 9", len(payloads))
			}
			for i := 1; i < len(payloads) && size > 8; i++ {
				if payloads[i] == payloads[i-1] {
					t.Errorf("frames %d and %d are equal: a stale one would pass", i-1, i)
				}
			}
		})
	}
}

func TestFrameVerifiesEveryByte(t *testing.T) {
	const size = 10
	d := mustNew(t, Spec{Proto: "frame", Size: size, Pipeline: 4})
	var s State
	d.Start(&s, 0)
	stream := written(t, d, &s, 0, 4, 1<<20)
	good := slices.Repeat([]step{{o: OK}}, 4)
	last := 3 * (framePrefix + size) // where the last frame begins
	inEveryWay(t, d, 0, stream, good)
	inEveryWay(t, d, 0, stream[:len(stream)-1]+"\x00", append(good[:3:3], step{o: WrongBody, lost: true}))
	inEveryWay(t, d, 0, stream[:len(stream)-1], append(good[:3:3], step{o: Truncated}))
	inEveryWay(t, d, 0, stream[:last+2], append(good[:3:3], step{o: Truncated}))
	for at := range framePrefix { // a length that is not the one that was sent
		torn := []byte(stream)
		torn[last+at] ^= 1
		inEveryWay(t, d, 0, string(torn), append(good[:3:3], step{o: Malformed, lost: true}))
	}
}

func TestFrameNoticesStaleAndForeignFrames(t *testing.T) {
	d := mustNew(t, Spec{Proto: "frame", Size: 64})
	var mine, other State
	d.Start(&mine, 1)
	d.Start(&other, 2)
	const whole = framePrefix + 64
	first, second := written(t, d, &mine, 0, 1, whole), written(t, d, &mine, 0, 1, whole)
	foreign := written(t, d, &other, 0, 1, whole)
	for name, stream := range map[string]string{"repeated": first + first, "swapped": second, "foreign": foreign} {
		t.Run(name, func(t *testing.T) {
			var s State
			d.Start(&s, 1)
			used, o := d.Feed(&s, 0, []byte(stream))
			if o == OK {
				_, o = d.Feed(&s, 0, []byte(stream[used:]))
			}
			if o != WrongBody || !s.Lost() {
				t.Errorf("outcome %v, lost %v", o, s.Lost())
			}
		})
	}
}

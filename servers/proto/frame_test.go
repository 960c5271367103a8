package proto

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// frameOf is a frame around a payload.
func frameOf(payload string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(payload)))) + payload
}

// frameVectors are conversations with a limit of 100 bytes a frame.
var frameVectors = []struct {
	name, in, out string
	verdict       Verdict
	phase         Phase
}{
	{name: "nothing"},
	{name: "heartbeat", in: "\x00\x00\x00\x00", out: "\x00\x00\x00\x00"},
	{name: "one", in: frameOf("hello"), out: frameOf("hello")},
	{name: "five in one piece", in: strings.Repeat(frameOf("hello"), 5), out: strings.Repeat(frameOf("hello"), 5)},
	{name: "of all sizes", in: frameOf("") + frameOf("a") + frameOf("") + frameOf("bc"), out: frameOf("") + frameOf("a") + frameOf("") + frameOf("bc")},
	{name: "a frame in a frame", in: frameOf(frameOf("inner")), out: frameOf(frameOf("inner"))},
	{name: "the largest", in: frameOf(strings.Repeat("x", 100)), out: frameOf(strings.Repeat("x", 100))},
	{name: "half a prefix", in: frameOf("a") + "\x00\x00", out: frameOf("a"), phase: Body},
	{name: "prefix alone", in: "\x00\x00\x00\x05", phase: Body},
	{name: "half a payload", in: frameOf("a") + frameOf("hello")[:7], out: frameOf("a"), phase: Body},
	{name: "too large", in: "\x00\x00\x00\x65", verdict: Linger},
	{name: "too large, and its payload", in: frameOf(strings.Repeat("x", 101)), verdict: Linger},
	{name: "too large, later", in: frameOf("a") + "\x00\x00\x00\x65" + frameOf("b"), out: frameOf("a"), verdict: Linger},
	{name: "the largest there is", in: "\xff\xff\xff\xff", verdict: Linger},
	{name: "text", in: "GET / HTTP/1.1\r\n\r\n", verdict: Linger},
}

func TestFrameVectors(t *testing.T) {
	p := Frame(Limits{Frame: 100})
	for _, v := range frameVectors {
		t.Run(v.name, func(t *testing.T) {
			for way, cut := range cutters(v.name) {
				s := p.New()
				out, end := drive(s, []byte(v.in), cut(len(v.in)))
				if string(out) != v.out || end != v.verdict || s.Phase() != v.phase {
					t.Errorf("%s: %q, verdict %v, phase %v; want %q, %v, %v", way, out, end, s.Phase(), v.out, v.verdict, v.phase)
				}
			}
		})
	}
}

func TestFramesEndOnce(t *testing.T) {
	s := Frame(Limits{Frame: 1}).New()
	for range 2 {
		if out, v := s.Feed(nil, []byte(frameOf("too long"))); len(out) > 0 || v != Linger {
			t.Fatalf("%q, verdict %v", out, v)
		}
	}
}

// TestFramesHaveABudget: peers that begin frames and do not end them share what memory there is,
// and whoever leaves gives it back.
func TestFramesHaveABudget(t *testing.T) {
	p := Frame(Limits{BodyBudget: 2000})
	begun := frameOf(strings.Repeat("x", 1000))[:900]
	var holders []Session
	for range 2 {
		s := p.New()
		if _, v := s.Feed(nil, []byte(begun)); v != Continue {
			t.Fatalf("within the budget: verdict %v", v)
		}
		holders = append(holders, s)
	}
	if _, v := p.New().Feed(nil, []byte(begun)); v != Linger {
		t.Errorf("beyond the budget: verdict %v, want Linger", v)
	}
	if out, v := p.New().Feed(nil, []byte(frameOf("whole"))); v != Continue || string(out) != frameOf("whole") {
		t.Errorf("a frame that is whole needs no budget: %q, verdict %v", out, v)
	}
	Release(holders[0])
	if _, v := p.New().Feed(nil, []byte(begun)); v != Continue {
		t.Errorf("after a release: verdict %v", v)
	}
}

// TestAnnouncedFramesCostNothing: what a peer promises to send is not memory yet.
func TestAnnouncedFramesCostNothing(t *testing.T) {
	s := Frame(Limits{Frame: 1 << 30}).New().(*framed)
	s.Feed(nil, []byte("\x3f\xff\xff\xff and a little"))
	if c := cap(s.part.b); c > 1024 {
		t.Errorf("%d bytes are held for a few that came", c)
	}
}

func TestFramesAllocateNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector drops pooled buffers")
	}
	s := Frame(Limits{}).New()
	out, in := make([]byte, 0, 1<<10), []byte(strings.Repeat(frameOf(strings.Repeat("x", 64)), 4))
	for name, cut := range map[string]int{"whole": 0, "cut": 100} {
		n := testing.AllocsPerRun(1000, func() {
			out, _ = s.Feed(out[:0], in[:cut])
			out, _ = s.Feed(out, in[cut:])
		})
		if n != 0 || !bytes.Equal(out, in) {
			t.Errorf("%s: %v allocations, output %q", name, n, out)
		}
	}
}

// FuzzFrame: whatever arrives, in whatever pieces, the answer is the whole frames of it, up to the
// first that is too long, and the budget is whole again when the connection is gone.
func FuzzFrame(f *testing.F) {
	for _, v := range frameVectors {
		f.Add([]byte(v.in), uint64(len(v.in)))
	}
	p := Frame(Limits{Frame: 100})
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		want, verdict := 0, Continue
		for rest := in; len(rest) >= prefix; rest = in[want:] {
			n := int(binary.BigEndian.Uint32(rest))
			if n > 100 {
				verdict = Linger
			}
			if n > 100 || len(rest) < prefix+n {
				break
			}
			want += prefix + n
		}
		rnd := rand.New(rand.NewPCG(seed, seed))
		for _, n := range []int{0, 1, 5, len(in)} {
			cuts := make([]int, n)
			for i := range cuts {
				cuts[i] = rnd.IntN(len(in) + 1)
			}
			slices.Sort(cuts)
			s := p.New().(*framed)
			out, v := drive(s, in, cuts)
			if !bytes.Equal(out, in[:want]) || v != verdict {
				t.Fatalf("cut at %v: %q, verdict %v; want %q, %v", cuts, out, v, in[:want], verdict)
			}
			Release(s)
			if left := s.parts.budget.Load(); left != DefaultBodyBudget {
				t.Fatalf("%d of the budget are missing", DefaultBodyBudget-left)
			}
		}
	})
}

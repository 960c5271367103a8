package wire

import (
	"bytes"
	"fmt"
	"strings"
)

// phase is where in a reply the next byte belongs.
type phase uint8

const (
	inHead       phase = iota // status line and header fields
	inBody                    // Content-Length says how many
	inRest                    // no length: the body ends with the connection
	inChunkSize               // hexadecimal digits
	inChunkExt                // a chunk extension, ignored
	inChunkLine               // the line feed after it
	inChunk                   // chunk data
	inChunkEnd                // the carriage return after the data
	inChunkEndLF              // and the line feed
	inTrailer                 // first byte of a trailer line
	inTrailerRow              // the rest of it
	inTrailerLF               // its line feed
	inTrailerEnd              // the line feed that ends the reply
)

// maxHead bounds a reply's head and its trailers: more is not a reply but a flood.
const maxHead = 64 << 10

// http speaks HTTP/1.1 over connections kept alive.
//
// Replies to one request mostly have the same head, byte for byte (the Date field changes once
// a second). So the last head that was parsed is remembered with its meaning, and a head that
// begins with those bytes is not parsed again: parsing is a function of the bytes alone. So is
// judging a reply that arrives whole: a short one that was OK is remembered, too, and the same
// bytes are OK again without another look at what they say.
type http struct {
	kinds   []httpKind
	memo    []byte   // the last whole head
	meaning head     // and what it says
	carries [][]byte // heads that arrived in part; State.carry points here
	spare   []int32  // indexes of carries not in use
}

// httpKind is one request and the reply it must get.
type httpKind struct {
	requests []byte // the request, as often as the pipeline is deep
	length   int    // of one
	good     []byte // the last short reply that came whole and was OK
	body     expected
}

// maxGood is up to which length a reply is remembered whole.
const maxGood = 1024

func newHTTP(spec Spec) (*http, error) {
	h := &http{memo: make([]byte, 0, 1024)}
	if len(spec.Paths) == 0 {
		spec.Paths = []string{"/"}
	}
	for _, path := range spec.Paths {
		one, err := request(path, spec)
		if err != nil {
			return nil, err
		}
		h.kinds = append(h.kinds, httpKind{
			requests: bytes.Repeat(one, max(spec.Pipeline, 1)),
			length:   len(one),
			good:     make([]byte, 0, maxGood),
			body:     expect(path, spec.Size),
		})
	}
	return h, nil
}

// request builds the bytes of one request. A path of /echo is posted to, with a body.
func request(path string, spec Spec) ([]byte, error) {
	odd := func(r rune) bool { return r <= ' ' || r > '~' }
	if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, odd) {
		return nil, fmt.Errorf("path %q: want a slash and then printable ASCII without spaces", path)
	}
	if path != echoPath {
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, spec.Host), nil
	}
	b := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n",
		path, spec.Host, spec.Size)
	return append(b, noise(spec.Size)...), nil
}

func (h *http) Start(s *State, _ uint32) { *s = State{} }

func (h *http) Stop(s *State) {
	if s.carry != 0 {
		h.release(s)
	}
}

func (h *http) Out(s *State, kind uint8, n int) []byte {
	k := &h.kinds[kind]
	return k.requests[s.written:min(n*k.length, len(k.requests))]
}

func (h *http) Wrote(s *State, kind uint8, n int) int {
	length := int64(h.kinds[kind].length)
	s.written += int64(n)
	if s.written == length { // no division in the usual case
		s.written = 0
		return 1
	}
	done := s.written / length
	s.written -= done * length
	return int(done)
}

// Feed walks through the phases of one reply, as far as the bytes go.
func (h *http) Feed(s *State, kind uint8, in []byte) (used int, o Outcome) {
	k := &h.kinds[kind]
	whole := s.Idle() && !s.closing
	if whole && len(k.good) > 0 && bytes.HasPrefix(in, k.good) {
		return len(k.good), OK
	}
	for o == More && used < len(in) {
		var n int
		switch s.phase {
		case inHead:
			n, o = h.feedHead(s, kind, in[used:])
		case inBody, inRest, inChunk:
			n, o = h.feedBody(s, kind, in[used:])
		default:
			n, o = 1, h.feedFraming(s, kind, in[used])
		}
		used += n
	}
	if whole && o == OK && !s.closing && used <= maxGood {
		k.good = append(k.good[:0], in[:used]...)
	}
	return used, o
}

func (h *http) feedHead(s *State, kind uint8, in []byte) (int, Outcome) {
	if s.carry == 0 && len(h.memo) > 0 && bytes.HasPrefix(in, h.memo) {
		return len(h.memo), h.begin(s, kind, h.meaning)
	}
	whole, used := h.wholeHead(s, in)
	if whole == nil {
		if s.carry != 0 && len(h.carries[s.carry-1]) > maxHead {
			return used, s.lose(Malformed)
		}
		return used, More
	}
	meaning, ok := parseHead(whole)
	if ok {
		h.memo, h.meaning = append(h.memo[:0], whole...), meaning
	}
	h.Stop(s)
	if !ok {
		return used, s.lose(Malformed)
	}
	return used, h.begin(s, kind, meaning)
}

// wholeHead returns the head when its end has come, and how many bytes of in belong to it.
// Until then it keeps them. Replies rarely arrive in parts of a head, so the buffers for that
// are few, and shared by all connections.
func (h *http) wholeHead(s *State, in []byte) ([]byte, int) {
	if s.carry == 0 {
		if end := headEnd(in); end > 0 {
			return in[:end], end
		}
		if len(h.spare) == 0 {
			h.carries = append(h.carries, make([]byte, 0, 1024))
			h.spare = append(h.spare, int32(len(h.carries)))
		}
		last := len(h.spare) - 1
		s.carry, h.spare = h.spare[last], h.spare[:last]
	}
	kept := h.carries[s.carry-1]
	from := max(len(kept)-3, 0) // the end may have begun in what is kept
	h.carries[s.carry-1] = append(kept, in...)
	end := headEnd(h.carries[s.carry-1][from:])
	if end == 0 {
		return nil, len(in)
	}
	return h.carries[s.carry-1][:from+end], from + end - len(kept)
}

func (h *http) release(s *State) {
	h.carries[s.carry-1] = h.carries[s.carry-1][:0]
	h.spare = append(h.spare, s.carry)
	s.carry = 0
}

// begin acts on a head: which body follows, and whether the reply can still be the expected one.
func (h *http) begin(s *State, kind uint8, m head) Outcome {
	if m.status/100 == 1 && m.status != 101 {
		return More // interim: the reply proper follows
	}
	s.failure = statusFailure(m.status)
	s.closing = m.closes
	s.got, s.want, s.body = 0, m.length, 0
	switch {
	case m.chunked:
		s.phase, s.want = inChunkSize, 0
	case m.length > 0:
		s.phase = inBody
	case m.length == 0:
		return h.end(s, kind)
	default:
		s.phase = inRest
	}
	return More
}

// feedBody takes body bytes and compares them with the expected ones.
func (h *http) feedBody(s *State, kind uint8, in []byte) (int, Outcome) {
	n := len(in)
	if s.phase != inRest {
		n = int(min(int64(n), s.want-s.got))
	}
	if s.failure == More && !h.kinds[kind].body.matches(s.body+s.got, in[:n]) {
		s.failure = WrongBody
	}
	s.got += int64(n)
	if s.phase == inRest || s.got < s.want {
		return n, More
	}
	if s.phase == inChunk {
		s.body, s.got, s.want, s.phase = s.body+s.got, 0, 0, inChunkEnd
		return n, More
	}
	return n, h.end(s, kind)
}

// end closes the account of a reply.
func (h *http) end(s *State, kind uint8) Outcome {
	o := s.failure
	if o == More {
		o = OK
		if !h.kinds[kind].body.complete(s.body + s.got) {
			o = WrongBody
		}
	}
	s.phase, s.failure, s.got, s.want, s.body, s.lines = inHead, More, 0, 0, 0, 0
	return o
}

// EOF: a body without a length ends here; anything else is cut off.
func (h *http) EOF(s *State, kind uint8) Outcome {
	switch {
	case s.phase == inRest:
		return h.end(s, kind)
	case s.Idle():
		return EOF
	}
	return Truncated
}

// lose gives the connection up.
func (s *State) lose(o Outcome) Outcome {
	s.lost = true
	return o
}

func statusFailure(status int) Outcome {
	return [...]Outcome{1: Status1xx, 2: More, 3: Status3xx, 4: Status4xx, 5: Status5xx}[status/100]
}

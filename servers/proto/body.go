package proto

import (
	"bytes"
	"runtime"
	"sync"
	"sync/atomic"
)

// body collects a request body that does not arrive in one piece. Its buffer grows with what
// has arrived, never with what was announced, and every byte of its capacity is paid for out of
// the budget that all sessions of the Protocol share.
type body struct {
	b    []byte
	paid *account
}

// account is what one body owes to the budget. It stands apart from the body so that it can be
// settled after the garbage collector has taken the body of a session that nobody ended.
type account struct {
	budget *atomic.Int64 // what is left for all
	owes   atomic.Int64
}

// take takes n bytes out of the budget, if it has them. Taking first and looking then would make
// others, who need less, find nothing for a moment.
func (a *account) take(n int64) bool {
	for {
		left := a.budget.Load()
		if left < n {
			return false
		}
		if a.budget.CompareAndSwap(left, left-n) {
			a.owes.Add(n)
			return true
		}
	}
}

// settle gives back all that was taken. It may be called again.
func (a *account) settle() { a.budget.Add(a.owes.Swap(0)) }

// maxPooledBody keeps the pool from hoarding: a larger buffer goes to the garbage collector.
const maxPooledBody = 64 << 10

// bodies lends bodies.
type bodies struct {
	budget atomic.Int64
	pool   sync.Pool
}

// borrow returns an empty body, or nil when the budget is spent.
func (bs *bodies) borrow() *body {
	b, _ := bs.pool.Get().(*body)
	if b == nil {
		b = &body{paid: &account{budget: &bs.budget}}
		runtime.AddCleanup(b, (*account).settle, b.paid)
	}
	if !b.paid.take(int64(cap(b.b))) {
		bs.pool.Put(b)
		return nil
	}
	return b
}

func (bs *bodies) giveBack(b *body) {
	b.paid.settle()
	if cap(b.b) > maxPooledBody {
		b.b = nil
	}
	b.b = b.b[:0]
	bs.pool.Put(b)
}

// append adds p to a body of which at most more bytes are to come, p included. It reports
// whether the budget had room.
func (b *body) append(p []byte, more int64) bool {
	if need := len(b.b) + len(p); need > cap(b.b) {
		most := int64(len(b.b)) + more
		size := int(max(int64(need), min(int64(max(2*cap(b.b), 512)), most)))
		if !b.paid.take(int64(size - cap(b.b))) {
			return false
		}
		b.b = append(make([]byte, 0, size), b.b...)
	}
	b.b = append(b.b, p...)
	return true
}

// receive consumes bytes of the body, or of one chunk of it, and returns the rest. Where nobody
// wants the body its bytes are only counted.
func (s *session) receive(out, in []byte) (_, rest []byte) {
	n := min(int64(len(in)), s.left)
	part, in := in[:n], in[n:]
	s.req.flags &^= continueOwed
	whole := s.state == inBody && s.body == nil && n == s.left && n <= OutputBound
	if s.req.wantsBody() && !whole {
		if s.body == nil {
			s.body = s.bodies.borrow()
		}
		if s.body == nil || !s.body.append(part, s.bodyLeft()) {
			return s.refuse(out, noRoom), nil
		}
	}
	if s.left -= n; s.left > 0 {
		return out, in
	}
	if s.state == inChunk {
		s.state = inChunkEnd
		return out, in
	}
	return s.answer(out, part), in
}

// bodyLeft is how many bytes of the body may still come.
func (s *session) bodyLeft() int64 {
	if s.req.has(hasCoding) {
		return int64(s.limits.Body) - s.req.length + s.left
	}
	return s.left
}

// freeChunkLine is how much of every chunk line does not count as extension.
const freeChunkLine = 16

// chunkLine understands "chunk-size [chunk-ext]" (RFC 9112, 7.1). Extensions are checked and
// ignored; their total length is bounded, because a peer could wrap every single byte in them.
func (s *session) chunkLine(line []byte) fault {
	s.req.flags &^= continueOwed
	digits := span(line, hexDigit)
	size, ok := number(line[:digits], 16)
	if !ok || !validExtensions(line[digits:]) {
		return badChunk
	}
	if s.req.length += size; size > int64(s.limits.Body) || s.req.length > int64(s.limits.Body) {
		return longBody
	}
	s.room -= int32(max(len(line)-freeChunkLine, 0))
	s.left = size
	s.state = inChunk
	if size == 0 {
		s.state = inTrailers
		s.room, s.req.fields = s.limits.roomForFields(), 0
	}
	return none
}

// validExtensions checks *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ).
func validExtensions(e []byte) bool {
	for len(e) > 0 {
		e = trimLeft(e)
		if len(e) == 0 || e[0] != ';' {
			return false
		}
		e = trimLeft(e[1:])
		n := span(e, tokenChar)
		if n == 0 {
			return false
		}
		e = e[n:]
		if after := trimLeft(e); len(after) > 0 && after[0] == '=' {
			after = trimLeft(after[1:])
			if n = valueLength(after); n == 0 {
				return false
			}
			e = after[n:]
		}
	}
	return true
}

// valueLength is the length of the token or quoted string at the start of v; 0: there is none.
func valueLength(v []byte) int {
	if len(v) == 0 || v[0] != '"' {
		return span(v, tokenChar)
	}
	for n := 1; ; n++ {
		n += span(v[n:], quotedChar)
		switch {
		case n < len(v) && v[n] == '"':
			return n + 1
		case n+1 < len(v) && v[n] == '\\' && is(v[n+1], valueChar):
			n++ // the backslash; the loop skips what it quotes
		default:
			return 0
		}
	}
}

func trimLeft(b []byte) []byte { return bytes.TrimLeft(b, " \t") }

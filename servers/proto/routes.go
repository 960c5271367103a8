package proto

import (
	"strings"
	"sync"
	"time"
)

// Route names what a path asks for. Sessions and the adapters of libraries that bring their own
// HTTP parser look paths up in the same place, so they serve the same things.
type Route uint8

// The routes.
const (
	NoRoute    Route = iota // 404
	HelloRoute              // GET /          Hello
	EchoRoute               // POST /echo     the body of the request
	BytesRoute              // GET /bytes/N   the first N bytes of the fill pattern
	DelayRoute              // GET /delay/MS  Hello, after blocking for MS milliseconds
	BurnRoute               // GET /burn/US   Hello, after US microseconds of computing
)

// Hello is what GET / answers.
const Hello = "Hello, World!"

// The types of what is answered.
const (
	TextPlain   = "text/plain"               // everything but an echo
	OctetStream = "application/octet-stream" // an echo: the peer knows what it sent, we do not
)

// Bounds of the numbers in paths. A path beyond them names nothing: 404.
const (
	MaxBytes = 1 << 30          // N of /bytes/N
	MaxDelay = 10 * time.Second // of /delay/MS
	MaxBurn  = 1 * time.Second  // of /burn/US
)

// Lookup finds the route of a path (without query) and the number in it, which is at most the
// bound of that route. Paths are compared as they stand: "/%65cho" names nothing.
func Lookup[P string | []byte](path P) (Route, int64) {
	switch string(path) {
	case "/":
		return HelloRoute, 0
	case "/echo":
		return EchoRoute, 0
	}
	for _, r := range [...]struct {
		prefix string
		route  Route
		most   int64
	}{
		{"/bytes/", BytesRoute, MaxBytes},
		{"/delay/", DelayRoute, int64(MaxDelay / time.Millisecond)},
		{"/burn/", BurnRoute, int64(MaxBurn / time.Microsecond)},
	} {
		if len(path) > len(r.prefix) && string(path[:len(r.prefix)]) == r.prefix {
			if n, ok := number(path[len(r.prefix):], 10); ok && n <= r.most {
				return r.route, n
			}
			break
		}
	}
	return NoRoute, 0
}

// Allow is the value of the Allow field of a route: the methods it answers.
func (r Route) Allow() string {
	if r == EchoRoute {
		return "POST, OPTIONS"
	}
	return "GET, HEAD, OPTIONS"
}

// Work does what a handler of the route does before it answers: it sleeps for /delay, computes
// for /burn, and returns at once for all others.
func Work(r Route, n int64) {
	switch r {
	case DelayRoute:
		time.Sleep(time.Duration(n) * time.Millisecond)
	case BurnRoute:
		Burn(time.Duration(n) * time.Microsecond)
	}
}

// Burn computes for about d. It does an amount of work, not an amount of waiting for the clock:
// with a clock, a hundred threads that share one CPU would all be done after one d.
func Burn(d time.Duration) { _ = spin(int64(float64(d.Nanoseconds()) * turnsPerNs())) }

// turnsPerNs is how many turns of spin this machine does in a nanosecond, measured once. The
// fastest of many short trials counts, because whatever disturbs a trial can only slow it down.
var turnsPerNs = sync.OnceValue(func() float64 {
	const turns = 20_000
	best := time.Duration(1 << 62)
	for range 50 {
		begin := time.Now()
		_ = spin(turns)
		best = min(best, max(time.Since(begin), 1))
	}
	return turns / float64(best.Nanoseconds())
})

// spin turns a xorshift generator, each step of which needs the one before. It is never
// inlined, so that its result counts as used and the loop stays.
//
//go:noinline
func spin(turns int64) uint64 {
	x := uint64(turns) | 1
	for range turns {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// The fill pattern of /bytes: byte i is the letter i mod 26. The period has no large power of
// two in it, so a block that is lost, doubled or out of place shows in the very next byte.
const letters = "abcdefghijklmnopqrstuvwxyz"

// pieceSize is how much of a long body is appended at once.
const pieceSize = 16 << 10

// pattern holds a whole piece from every one of the 26 offsets.
var pattern = strings.Repeat(letters, pieceSize/len(letters)+2)

// AppendFill appends the n bytes of the fill pattern that begin at offset.
func AppendFill(dst []byte, offset, n int64) []byte {
	for n > 0 {
		from := offset % int64(len(letters))
		m := min(n, pieceSize)
		dst = append(dst, pattern[from:from+m]...)
		offset, n = offset+m, n-m
	}
	return dst
}

package wire

import (
	"bytes"
	"strconv"
	"strings"
)

// echoPath is the request target that sends the body of a POST back.
const echoPath = "/echo"

// expected is the body that a reply with status 2xx must have.
type expected struct {
	length  int64  // -1: any
	pattern []byte // the body is this, again and again up to its length; nil: any bytes
}

// expect knows the bodies of the suite's endpoints. Any other target may answer what it likes;
// then only the framing is checked.
func expect(path string, size int) expected {
	endpoint, argument, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch endpoint {
	case "", "delay", "burn":
		return exactly([]byte("Hello, World!"))
	case "echo":
		return exactly(noise(size))
	case "bytes":
		if length, err := strconv.ParseUint(argument, 10, 63); err == nil {
			return expected{length: int64(length), pattern: alphabet(min(length, minPiece))}
		}
	}
	return expected{length: -1}
}

// alphabet is the body of /bytes/N: a to z, again and again. It holds at least n bytes, and
// whole rounds, so it may be repeated.
func alphabet(n uint64) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return bytes.Repeat([]byte(letters), int(n)/len(letters)+1)
}

func exactly(b []byte) expected { return expected{length: int64(len(b)), pattern: b} }

// matches reports whether in may stand at place at of the body.
func (e expected) matches(at int64, in []byte) bool {
	if e.length >= 0 && at+int64(len(in)) > e.length {
		return false
	}
	if e.pattern == nil {
		return true
	}
	for len(in) > 0 {
		piece := e.pattern[at%int64(len(e.pattern)):]
		n := min(len(piece), len(in))
		if !bytes.Equal(in[:n], piece[:n]) {
			return false
		}
		at, in = at+int64(n), in[n:]
	}
	return true
}

// complete reports whether a body of that length is whole.
func (e expected) complete(length int64) bool { return e.length < 0 || length == e.length }

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
	if path == "/" {
		return exactly([]byte("Hello, World!"))
	}
	if path == echoPath {
		return exactly(noise(size))
	}
	if n, ok := strings.CutPrefix(path, "/bytes/"); ok {
		if length, err := strconv.ParseUint(n, 10, 63); err == nil {
			return expected{length: int64(length)}
		}
	}
	return expected{length: -1}
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

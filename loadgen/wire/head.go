package wire

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// head is what the framing of a reply depends on.
type head struct {
	status  int
	length  int64 // of the body; -1: the head does not say
	chunked bool
	closes  bool // the peer closes the connection after this reply
	old     bool // HTTP/1.0
}

var endOfHead = []byte("\r\n\r\n")

// headEnd returns the length of the head that b begins with; 0 if its end has not come.
func headEnd(b []byte) int {
	if i := bytes.Index(b, endOfHead); i >= 0 {
		return i + len(endOfHead)
	}
	return 0
}

// parseHead reads a whole head, its empty line included. It is strict: a generator that
// forgives a server's mistakes hides them.
func parseHead(b []byte) (head, bool) {
	m := head{length: -1}
	line, rest, ok := cutLine(b)
	if !ok || !m.statusLine(line) {
		return head{}, false
	}
	for {
		line, rest, ok = cutLine(rest)
		if !ok {
			return head{}, false
		}
		if len(line) == 0 {
			break
		}
		if !m.field(line) {
			return head{}, false
		}
	}
	if m.chunked && (m.length >= 0 || m.old) {
		return head{}, false // two lengths, or a coding HTTP/1.0 does not have: RFC 9112, 6.1
	}
	if m.status == 204 || m.status == 304 || m.status/100 == 1 {
		m.length, m.chunked = 0, false
	}
	m.closes = m.closes || (m.length < 0 && !m.chunked)
	return m, len(rest) == 0
}

// cutLine takes one line off b. No control character is allowed in it (RFC 9112, 4; 9110, 5.5), a
// lone carriage return or line feed least of all; HTAB is white space.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 1 || b[end-1] != '\r' {
		return nil, nil, false
	}
	line = b[:end-1]
	return line, b[end+1:], !bytes.ContainsFunc(line, isControl)
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// statusLine reads "HTTP/1.1 200 OK"; the reason may be empty, the space before it may not.
func (m *head) statusLine(line []byte) bool {
	const prefix = "HTTP/1."
	if len(line) < len("HTTP/1.1 200 ") || string(line[:len(prefix)]) != prefix {
		return false
	}
	minor, code := line[len(prefix)], line[len(prefix)+2:len(prefix)+5]
	if (minor != '0' && minor != '1') || line[len(prefix)+1] != ' ' || line[len(prefix)+5] != ' ' {
		return false
	}
	m.old = minor == '0'
	m.closes = m.old // unless it says otherwise
	for _, c := range code {
		if c < '0' || c > '9' {
			return false
		}
		m.status = m.status*10 + int(c-'0')
	}
	return m.status >= 100 && m.status < 600
}

// field reads one header field, and understands those that frame the body.
func (m *head) field(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || !isToken(line[:colon]) {
		return false
	}
	name, value := line[:colon], string(bytes.Trim(line[colon+1:], " \t"))
	switch {
	case equalFold(name, "content-length"):
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil || n == math.MaxInt64 || (m.length >= 0 && m.length != int64(n)) {
			return false
		}
		m.length = int64(n)
	case equalFold(name, "transfer-encoding"):
		if m.chunked || !strings.EqualFold(value, "chunked") {
			return false // the one coding a client that offers none may be sent
		}
		m.chunked = true
	case equalFold(name, "connection"):
		m.connection(value)
	}
	return true
}

func (m *head) connection(value string) {
	for option := range strings.SplitSeq(value, ",") {
		switch strings.ToLower(strings.Trim(option, " \t")) {
		case "close":
			m.closes = true
		case "keep-alive":
			m.closes = false
		}
	}
}

func equalFold(name []byte, lower string) bool {
	return len(name) == len(lower) && strings.EqualFold(string(name), lower)
}

// isToken reports whether b consists of the characters a field name may have (RFC 9110, 5.6.2).
func isToken(b []byte) bool {
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return len(b) > 0
}

package proto

import "encoding/binary"

// A class is a set of bytes. One table answers every "may this byte stand here?" of the
// grammar with one load and one test, whatever the set.
type class uint8

const (
	tokenChar  class = 1 << iota // tchar of RFC 9110, 5.6.2: methods, field names, list elements
	valueChar                    // VCHAR, SP, HTAB and obs-text: field values (RFC 9110, 5.5)
	quotedChar                   // qdtext: inside a quoted string, neither quote nor backslash
	pathChar                     // pchar, "/" and "?" of RFC 3986, without "%": paths and queries
	hostChar                     // reg-name of RFC 3986, without "%"
	hexDigit
	digit
)

// classes says for every byte to which classes it belongs. Nobody writes it.
var classes = func() (t [256]class) {
	set := func(c class, bytes string) {
		for i := range len(bytes) {
			t[bytes[i]] |= c
		}
	}
	const (
		digits     = "0123456789"
		alphanum   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + digits
		unreserved = alphanum + "-._~"
		subDelims  = "!$&'()*+,;="
	)
	set(tokenChar, alphanum+"!#$%&'*+-.^_`|~")
	set(pathChar, unreserved+subDelims+":@/?")
	set(hostChar, unreserved+subDelims)
	set(hexDigit, digits+"abcdefABCDEF")
	set(digit, digits)
	for b := range 256 {
		if b == '\t' || b >= ' ' && b != 0x7f {
			t[b] |= valueChar | quotedChar
		}
	}
	t['"'] &^= quotedChar
	t['\\'] &^= quotedChar
	return t
}()

func is(b byte, c class) bool { return classes[b]&c != 0 }

// span is how many bytes at the start of b belong to c.
func span(b []byte, c class) int {
	table := &classes // once, not in every turn
	for i, x := range b {
		if table[x]&c == 0 {
			return i
		}
	}
	return len(b)
}

// validValue reports whether all bytes are valueChar. It looks at eight bytes at a time as long
// as they are plain, because values are most of what a browser sends.
func validValue(b []byte) bool {
	for len(b) >= 8 && plain(binary.LittleEndian.Uint64(b)) {
		b = b[8:]
	}
	return span(b, valueChar) == len(b)
}

// plain reports whether none of eight bytes is a control character. x-ones*n borrows from the
// high bit of every byte below n, and &^x drops the bytes that had that bit before (obs-text).
func plain(x uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	del := x ^ ones*0x7f // zero where the byte is DEL
	return ((x-ones*' ')&^x|(del-ones)&^del)&highs == 0
}

// spanEncoded is span where a "%" and two hexadecimal digits count as a member of c.
func spanEncoded(b []byte, c class) int {
	n := 0
	for {
		n += span(b[n:], c)
		if len(b) < n+3 || b[n] != '%' || !is(b[n+1], hexDigit) || !is(b[n+2], hexDigit) {
			return n
		}
		n += 3
	}
}

// equalFold compares b with a lower-case word of letters, digits and hyphens. The bytes of b
// must have passed as tokenChar or valueChar: on control characters 0x20 would be a disguise.
func equalFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range b {
		if b[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// trim removes optional white space (OWS: spaces and tabs) at both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// element cuts the first element off a comma-separated list (RFC 9110, 5.6.1).
func element(list []byte) (first, rest []byte) {
	for i, b := range list {
		if b == ',' {
			return trim(list[:i]), list[i+1:]
		}
	}
	return trim(list), nil
}

// number reads a run of digits in base 10 or 16. A number of 2^59 or more becomes the largest
// there is: too large for any limit, and never a small one by overflow. ok means: digits only,
// one at least.
func number[B string | []byte](b B, base int64) (n int64, ok bool) {
	const most = 1<<63 - 1
	for i := range len(b) {
		var d int64
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			d = int64(c - '0')
		case base == 16 && is(c, hexDigit):
			d = int64(c|0x20-'a') + 10
		default:
			return 0, false
		}
		if n >= 1<<59 {
			n = most // and stays there, however many digits follow
			continue
		}
		n = n*base + d
	}
	return n, len(b) > 0
}

package proto

import (
	"bytes"
	"net/netip"
)

// target understands the four forms of request-target (RFC 9112, 3.2):
//
//	origin-form     /path?query             every method but CONNECT
//	absolute-form   http://host/path?query  as above; must be understood although only proxies need it
//	authority-form  host:port               CONNECT
//	asterisk-form   *                       OPTIONS
func (r *request) target(t []byte) fault {
	switch {
	case len(t) == 0:
		return badTarget
	case r.method == connectMethod:
		if !validAuthority(t, false) {
			return badTarget
		}
		return none
	case t[0] == '/':
		return r.origin(t)
	case len(t) == 1 && t[0] == '*':
		r.flags |= asterisk
		if r.method != optionsMethod {
			return badTarget
		}
		return none
	}
	return r.absolute(t)
}

// origin understands path and query; the query is checked and ignored.
func (r *request) origin(t []byte) fault {
	if len(t) == len("/") {
		r.route = HelloRoute
		return none
	}
	if spanEncoded(t, pathChar) < len(t) {
		return badTarget
	}
	if i := bytes.IndexByte(t, '?'); i >= 0 {
		t = t[:i]
	}
	r.route, r.number = Lookup(t)
	return none
}

// absolute understands an absolute URI. Its authority is checked like Host and, since this
// server has one site only, otherwise ignored.
func (r *request) absolute(t []byte) fault {
	colon := bytes.IndexByte(t, ':')
	if colon < 1 || !bytes.HasPrefix(t[colon:], []byte("://")) || !validScheme(t[:colon]) {
		return badTarget
	}
	scheme, t := t[:colon], t[colon+len("://"):]
	end := bytes.IndexAny(t, "/?") // no "#": a target has no fragment, and an authority none either
	if end < 0 {
		end = len(t)
	}
	if end == 0 || t[0] == ':' || !validAuthority(t[:end], true) {
		return badTarget
	}
	if !equalFold(scheme, "http") {
		return otherScheme // "https" without TLS must not be served (RFC 9110, 7.4)
	}
	switch path := t[end:]; {
	case len(path) == 0 && r.method == optionsMethod:
		r.flags |= asterisk // how a proxy is asked for "*" (RFC 9112, 3.2.4)
		return none
	case len(path) == 0 || path[0] == '?':
		if spanEncoded(path, pathChar) < len(path) {
			return badTarget
		}
		r.route = HelloRoute // an empty path is "/"
		return none
	default:
		return r.origin(path)
	}
}

// validScheme: a letter, then letters, digits, "+", "-" and "." (RFC 3986, 3.1).
func validScheme(s []byte) bool {
	for i, b := range s {
		letter := b|0x20 >= 'a' && b|0x20 <= 'z'
		if !letter && (i == 0 || !is(b, digit) && b != '+' && b != '-' && b != '.') {
			return false
		}
	}
	return len(s) > 0
}

// validAuthority checks host [":" port] (RFC 3986, 3.2.2). An "@" is refused with all other
// strangers: user information in a request serves to deceive (RFC 9110, 4.2.4). In a Host field
// everything may be absent, in the target of CONNECT host and port must be there.
func validAuthority(a []byte, optional bool) bool {
	n := 0
	if len(a) > 0 && a[0] == '[' {
		n = bytes.IndexByte(a, ']') + 1
		if n == 0 || !validLiteral(a[1:n-1]) {
			return false
		}
	} else {
		n = spanEncoded(a, hostChar)
	}
	host, port := a[:n], a[n:]
	if len(port) == 0 {
		return optional
	}
	if port[0] != ':' || span(port[1:], digit) < len(port)-1 {
		return false
	}
	if optional {
		return true
	}
	p, ok := number(port[1:], 10)
	return len(host) > 0 && ok && p > 0 && p <= 65535
}

// validLiteral checks the inside of an IP literal. It is the one place that allocates for a valid
// request (16 bytes): an address parser of our own would be the worse bargain.
func validLiteral(a []byte) bool {
	if len(a) > 0 && a[0]|0x20 == 'v' { // a future version: v1.name
		dot := 1 + span(a[1:], hexDigit)
		return dot > 1 && dot < len(a)-1 && a[dot] == '.' && validFuture(a[dot+1:])
	}
	addr, err := netip.ParseAddr(string(a))
	return err == nil && addr.Is6() && addr.Zone() == ""
}

func validFuture(a []byte) bool {
	for _, b := range a {
		if b != ':' && !is(b, hostChar) {
			return false
		}
	}
	return true
}

package proto

import "bytes"

// method is what of a method decides about the answer.
type method uint8

const (
	unknownMethod method = iota // a token that names no method of RFC 9110 or 5789: 501
	getMethod
	headMethod
	postMethod
	optionsMethod
	connectMethod
	otherMethod // known, but served nowhere: 405
)

// request is what a session knows about the request at hand. The bytes of the head are not
// kept: each line is understood when it is complete, and then forgotten.
type request struct {
	number int64 // in the path: N of /bytes/N
	length int64 // Content-Length, or the sizes of the chunks so far
	fields int32 // field lines so far, of the head or of the trailers
	method method
	route  Route
	flags  flags
}

// flags are what the lines of a head have said so far.
type flags uint16

const (
	http10          flags = 1 << iota // the version is HTTP/1.0
	asterisk                          // the target is "*": the server as a whole
	hasHost                           // Host was there
	hasLength                         // Content-Length was there
	hasCoding                         // Transfer-Encoding was there
	chunkedLast                       // … and chunked is the last coding so far
	unknownCoding                     // … and some coding is not chunked
	wantsClose                        // Connection: close
	wantsKeepAlive                    // Connection: keep-alive
	wantsContinue                     // Expect: 100-continue
	wantsImpossible                   // Expect: anything else
	keepAlive                         // decided: the connection survives this request
	continueOwed                      // 100 (Continue) goes out unless the body comes first
)

func (r *request) has(f flags) bool { return r.flags&f != 0 }

// requestLine understands "method SP request-target SP HTTP-version" (RFC 9112, 3).
func (r *request) requestLine(line []byte) fault {
	n := span(line, tokenChar)
	if n == 0 || n == len(line) || line[n] != ' ' {
		return badMethod
	}
	r.method = methodOf(line[:n])
	line = line[n+1:]
	n = bytes.IndexByte(line, ' ')
	if n < 0 {
		return badRequestLine
	}
	if f := r.version(line[n+1:]); f != none {
		return f
	}
	return r.target(line[:n])
}

func methodOf(name []byte) method {
	switch string(name) {
	case "GET":
		return getMethod
	case "HEAD":
		return headMethod
	case "POST":
		return postMethod
	case "OPTIONS":
		return optionsMethod
	case "CONNECT":
		return connectMethod
	case "PUT", "DELETE", "TRACE", "PATCH":
		return otherMethod
	}
	return unknownMethod
}

// version understands HTTP-version. A later minor version of 1 is served as 1.1: that is what
// minor versions are for (RFC 9110, 2.5).
func (r *request) version(v []byte) fault {
	if string(v) == "HTTP/1.1" {
		return none
	}
	if len(v) != 8 || string(v[:5]) != "HTTP/" || !is(v[5], digit) || v[6] != '.' || !is(v[7], digit) {
		return badVersion
	}
	if v[5] != '1' {
		return otherVersion
	}
	if v[7] == '0' {
		r.flags |= http10
	}
	return none
}

// field understands one field line, "name:OWS value OWS" (RFC 9112, 5). A line that begins with
// white space (obs-fold), or has it before the colon, has no valid name and is refused here:
// two readers that treat such a line differently can be played against each other.
func (r *request) field(line []byte) fault {
	name, value, f := splitField(line)
	if f != none {
		return f
	}
	switch len(name) {
	case len("host"):
		if equalFold(name, "host") {
			return r.host(value)
		}
	case len("expect"):
		if equalFold(name, "expect") {
			r.expect(value)
		}
	case len("connection"):
		if equalFold(name, "connection") {
			r.connection(value)
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			return r.contentLength(value)
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			return r.transferEncoding(value)
		}
	}
	return none
}

// splitField checks the bytes of a field line and takes it apart.
func splitField(line []byte) (name, value []byte, f fault) {
	n := span(line, tokenChar)
	if n == 0 || n == len(line) || line[n] != ':' {
		return nil, nil, badFieldName
	}
	name, value = line[:n], line[n+1:]
	if !validValue(value) {
		return nil, nil, badFieldValue
	}
	return name, trim(value), none
}

func (r *request) host(value []byte) fault {
	if r.has(hasHost) {
		return twoHosts
	}
	r.flags |= hasHost
	if !validAuthority(value, true) {
		return badHost
	}
	return none
}

func (r *request) connection(value []byte) {
	for option := value; len(value) > 0; {
		option, value = element(value)
		switch {
		case equalFold(option, "close"):
			r.flags |= wantsClose
		case equalFold(option, "keep-alive"):
			r.flags |= wantsKeepAlive
		}
	}
}

func (r *request) expect(value []byte) {
	for expectation := value; len(value) > 0; {
		expectation, value = element(value)
		switch {
		case equalFold(expectation, "100-continue"):
			r.flags |= wantsContinue
		case len(expectation) > 0:
			r.flags |= wantsImpossible
		}
	}
}

// contentLength takes one number, once. A second line or a list is refused even where the
// numbers agree: RFC 9112 (6.3) allows that, and it leaves nothing to disagree about.
func (r *request) contentLength(value []byte) fault {
	if r.has(hasLength) {
		return twoLengths
	}
	r.flags |= hasLength
	var ok bool
	if r.length, ok = number(value, 10); !ok {
		return badLength
	}
	return none
}

// transferEncoding collects the codings of all lines, for framing to judge.
func (r *request) transferEncoding(value []byte) fault {
	r.flags |= hasCoding
	for coding := value; len(value) > 0; {
		coding, value = element(value)
		switch {
		case len(coding) == 0: // empty elements do not count (RFC 9110, 5.6.1.2)
		case !equalFold(coding, "chunked"):
			r.flags |= unknownCoding
			if r.has(chunkedLast) {
				return badCoding
			}
		case r.has(chunkedLast):
			return badCoding
		default:
			r.flags |= chunkedLast
		}
	}
	return none
}

// framing judges a complete head: whether it may be served, and whether the connection
// survives it (RFC 9112, 6.3 and 9.3).
func (r *request) framing(limits *Limits) fault {
	switch {
	case r.flags&(hasHost|http10) == 0:
		return noHost
	case r.flags&(hasCoding|hasLength) == hasCoding|hasLength:
		return lengthAndCoding
	case r.has(hasCoding) && r.has(http10):
		return codingIn10
	case r.has(hasCoding) && !r.has(chunkedLast):
		return badCoding
	case r.has(unknownCoding):
		return otherCoding
	case r.method == connectMethod:
		return noTunnel
	case r.length > int64(limits.Body):
		return longBody
	case r.has(wantsImpossible) && !r.has(http10):
		return badExpectation
	}
	if !r.has(wantsClose) && (!r.has(http10) || r.has(wantsKeepAlive)) {
		r.flags |= keepAlive
	}
	if r.has(wantsContinue) && !r.has(http10) && (r.length > 0 || r.has(hasCoding)) {
		r.flags |= continueOwed
	}
	return none
}

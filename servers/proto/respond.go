package proto

import "strconv"

// fault is why a request is refused. After a refusal the connection ends: where a message was
// not understood, nobody can say where the next one begins.
type fault uint8

const (
	none fault = iota
	badLineEnd
	manyEmptyLines
	badMethod
	longMethod
	badRequestLine
	longRequestLine
	badVersion
	otherVersion
	badTarget
	otherScheme
	badFieldName
	badFieldValue
	longFields
	manyFields
	noHost
	twoHosts
	badHost
	badLength
	twoLengths
	lengthAndCoding
	codingIn10
	badCoding
	otherCoding
	noTunnel
	badExpectation
	longBody
	badChunk
	longExtensions
	noRoom
	crashed
)

// faults says what the client is told.
var faults = [...]struct{ status, why string }{
	badLineEnd:      {"400 Bad Request", "a line does not end with CR LF"},
	manyEmptyLines:  {"400 Bad Request", "too many empty lines before the request line"},
	badMethod:       {"400 Bad Request", "the request line does not begin with a method and a space"},
	longMethod:      {"501 Not Implemented", "the method is too long"},
	badRequestLine:  {"400 Bad Request", "the request line is not: method, target, version"},
	longRequestLine: {"414 URI Too Long", "the request line is too long"},
	badVersion:      {"400 Bad Request", "the version is not HTTP/digit.digit"},
	otherVersion:    {"505 HTTP Version Not Supported", "this server speaks HTTP/1.1"},
	badTarget:       {"400 Bad Request", "the request target is not valid for this method"},
	otherScheme:     {"421 Misdirected Request", "this server serves http URIs"},
	badFieldName:    {"400 Bad Request", "a header line does not begin with a name and a colon"},
	badFieldValue:   {"400 Bad Request", "a header value contains a control character"},
	longFields:      {"431 Request Header Fields Too Large", "the header lines are too long"},
	manyFields:      {"431 Request Header Fields Too Large", "there are too many header lines"},
	noHost:          {"400 Bad Request", "Host is missing"},
	twoHosts:        {"400 Bad Request", "Host is there twice"},
	badHost:         {"400 Bad Request", "Host is not valid"},
	badLength:       {"400 Bad Request", "Content-Length is not a number"},
	twoLengths:      {"400 Bad Request", "Content-Length is there twice"},
	lengthAndCoding: {"400 Bad Request", "Content-Length and Transfer-Encoding exclude each other"},
	codingIn10:      {"400 Bad Request", "HTTP/1.0 has no Transfer-Encoding"},
	badCoding:       {"400 Bad Request", "Transfer-Encoding does not end with chunked, once"},
	otherCoding:     {"501 Not Implemented", "the only transfer coding here is chunked"},
	noTunnel:        {"501 Not Implemented", "this server is no proxy"},
	badExpectation:  {"417 Expectation Failed", "the only expectation here is 100-continue"},
	longBody:        {"413 Content Too Large", "the body is too large"},
	badChunk:        {"400 Bad Request", "the chunked coding is broken"},
	longExtensions:  {"413 Content Too Large", "the chunk extensions are too long"},
	noRoom:          {"503 Service Unavailable", "no memory for bodies at the moment"},
	crashed:         {"500 Internal Server Error", "the handler failed"},
}

// Pieces of response heads.
const (
	continueHead   = "HTTP/1.1 100 Continue\r\n\r\n"
	closeField     = "Connection: close\r\n"
	keepAliveField = "Connection: keep-alive\r\n"
)

// respond appends the answer to the request, or its beginning: what does not fit into one
// piece is left to the state replying. body is the whole body, unless s.body collected it.
func (s *session) respond(out, body []byte) []byte {
	r := &s.req
	switch {
	case r.method == unknownMethod:
		return s.notice(out, "501 Not Implemented", "the method is unknown", "")
	case r.has(asterisk):
		return s.notice(out, "200 OK", "", "GET, HEAD, POST, OPTIONS")
	case r.route == NoRoute:
		return s.notice(out, "404 Not Found", "there is nothing here", "")
	case r.method == optionsMethod:
		return s.notice(out, "200 OK", "", r.route.Allow())
	case !r.allowed():
		return s.notice(out, "405 Method Not Allowed", "not with this method", r.route.Allow())
	case r.route == EchoRoute:
		if s.body == nil {
			out = s.head(out, s.clock.now.Load().octets, int64(len(body)))
			return append(out, body...)
		}
		s.left = int64(len(s.body.b))
		return s.head(out, s.clock.now.Load().octets, s.left)
	case r.route == BytesRoute:
		out = s.head(out, s.clock.now.Load().text, r.number)
		if r.method != headMethod {
			s.left = r.number
		}
		return out
	}
	if r.route != HelloRoute && !s.work(r.route, r.number) {
		return s.refuse(out, crashed)
	}
	out = s.head(out, s.clock.now.Load().text, int64(len(Hello)))
	if r.method == headMethod {
		return out
	}
	return append(out, Hello...)
}

// produce appends the next piece of a long answer.
func (s *session) produce(out []byte) []byte {
	n := min(s.left, pieceSize)
	if s.body != nil {
		at := int64(len(s.body.b)) - s.left
		out = append(out, s.body.b[at:at+n]...)
	} else {
		out = AppendFill(out, s.req.number-s.left, n)
	}
	s.left -= n
	return out
}

// slow reports whether the handler may have taken its time.
func (r *request) slow() bool { return r.route == DelayRoute || r.route == BurnRoute }

// allowed: GET and HEAD everywhere but on /echo, which takes POST.
func (r *request) allowed() bool {
	if r.route == EchoRoute {
		return r.method == postMethod
	}
	return r.method == getMethod || r.method == headMethod
}

// wantsBody reports whether the answer needs the body; all others are read and dropped, so that
// the connection can go on behind them.
func (r *request) wantsBody() bool { return r.route == EchoRoute && r.method == postMethod }

// served reports whether the request will be answered with success.
func (r *request) served() bool {
	return r.method == optionsMethod && (r.has(asterisk) || r.route != NoRoute) ||
		r.route != NoRoute && r.allowed()
}

// head appends the rest of a head that begins with start, one of the pieces of the clock.
func (s *session) head(out, start []byte, length int64) []byte {
	out = append(out, start...)
	out = strconv.AppendInt(out, length, 10)
	return s.endHead(out)
}

// endHead ends the line of Content-Length and the head, and says what becomes of the connection
// where the version does not say it already.
func (s *session) endHead(out []byte) []byte {
	switch s.req.flags & (keepAlive | http10) {
	case keepAlive: // and HTTP/1.1: what both sides assume anyway
		return append(out, "\r\n\r\n"...)
	case keepAlive | http10:
		return append(out, "\r\n"+keepAliveField+"\r\n"...)
	}
	return append(out, "\r\n"+closeField+"\r\n"...)
}

// notice appends a short answer in words, or without any if why is empty. allow is the value of
// Allow, or empty.
func (s *session) notice(out []byte, status, why, allow string) []byte {
	out = append(out, "HTTP/1.1 "...)
	out = append(out, status...)
	out = append(out, "\r\n"...)
	out = append(out, s.clock.now.Load().date...)
	if allow != "" {
		out = append(out, "Allow: "...)
		out = append(out, allow...)
		out = append(out, "\r\n"...)
	}
	length := 0
	if why != "" {
		out = append(out, "Content-Type: "+TextPlain+"\r\n"...)
		length = len(status) + len(": ") + len(why) + len("\n")
	}
	out = append(out, "Content-Length: "...)
	out = strconv.AppendInt(out, int64(length), 10)
	out = s.endHead(out)
	if why == "" || s.req.method == headMethod {
		return out
	}
	out = append(out, status...)
	out = append(out, ": "...)
	out = append(out, why...)
	return append(out, '\n')
}

// refuse appends the answer to a request that cannot be served, and ends the conversation. The
// peer may still be sending it, so the model has to linger.
func (s *session) refuse(out []byte, f fault) []byte {
	s.req.flags &^= keepAlive
	out = s.notice(out, faults[f].status, faults[f].why, "")
	s.end(Linger)
	return out
}

// work runs the handler of a route and reports whether it returned.
func (s *session) work(r Route, n int64) (ok bool) {
	defer func() {
		if !ok {
			recover() // one broken request must not end the server
		}
	}()
	s.handler(r, n)
	return true
}

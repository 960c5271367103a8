package proto

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// seedWithVectors makes every vector a seed of a fuzz target. Long ones are cut off behind the
// limits of quickServer: the fuzzer spends a minute on making a long input shorter.
func seedWithVectors(f *testing.F, add func(in []byte)) {
	for _, v := range loadVectors(f) {
		var in []byte
		for _, p := range v.Send {
			in = append(in, p.bytes(f)...)
		}
		add(in[:min(len(in), 2000)])
	}
}

// quickServer has limits that a fuzzer can reach and handlers that take no time.
func quickServer(ctx context.Context) *server {
	srv := newServer(ctx, Limits{RequestLine: 200, HeaderBytes: 400, Headers: 8, Body: 2000})
	srv.handler = func(Route, int64) {}
	return srv
}

// manyBytes matches targets whose answers would make fuzzing slow and prove nothing more.
var manyBytes = regexp.MustCompile(`/bytes/0*[1-9][0-9]{5}`)

// FuzzFeedSplit: what a session says does not depend on how its input is cut, nor does the way
// it ends. In every Feed it keeps to its bounds.
func FuzzFeedSplit(f *testing.F) {
	seedWithVectors(f, func(in []byte) { f.Add(in, uint64(len(in))) })
	srv := quickServer(f.Context())
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		if manyBytes.Match(in) {
			t.Skip()
		}
		want, end := drive(srv.newSession(), in, nil)
		rnd := rand.New(rand.NewPCG(seed, seed))
		for range 4 {
			cuts := make([]int, rnd.IntN(8))
			for i := range cuts {
				cuts[i] = rnd.IntN(len(in) + 1)
			}
			slices.Sort(cuts)
			s := srv.newSession()
			got, gotEnd := drive(s, in, cuts)
			if got, want := sansDate(got), sansDate(want); got != want || gotEnd != end {
				t.Fatalf("cut at %v: verdict %v, output\n%q\nwhole: verdict %v, output\n%q",
					cuts, gotEnd, got, end, want)
			}
			if s.kept != nil && len(*s.kept) > 400+freeChunkLine+2 {
				t.Fatalf("%d bytes kept", len(*s.kept))
			}
		}
		if left := srv.bodies.budget.Load(); left > DefaultBodyBudget {
			t.Fatalf("more body budget than there ever was: %d", left)
		}
	})
}

// FuzzHTTP1: whatever this session serves, net/http reads in the same way: the same requests,
// with the same method, target and body, and the same answer to whether the connection goes
// on. The converse does not hold, and must not: this session refuses more.
func FuzzHTTP1(f *testing.F) {
	seedWithVectors(f, func(in []byte) { f.Add(in) })
	srv := quickServer(f.Context())
	f.Fuzz(func(t *testing.T, in []byte) {
		if manyBytes.Match(in) {
			t.Skip()
		}
		out, end := drive(srv.newSession(), in, nil)
		out = bytes.ReplaceAll(out, []byte(continueHead), nil)
		oracle := bufio.NewReader(bytes.NewReader(in))
		for len(out) > 0 {
			got, rest := parseHead(t, out)
			if end == Linger && got.closes() {
				return // refused: what net/http thinks of it does not matter
			}
			skipEmptyLines(oracle)
			req, err := http.ReadRequest(oracle)
			if err != nil {
				if weAcceptMore(in, err) {
					return
				}
				t.Fatalf("served with %d, but net/http says: %v\ninput %q", got.status, err, in)
			}
			got, out = got.parseBody(t, rest, req.Method)
			body, err := io.ReadAll(req.Body)
			if err != nil {
				if weAcceptMore(in, err) {
					return
				}
				t.Fatalf("served with %d, but net/http says of the body: %v\ninput %q", got.status, err, in)
			}
			compare(t, req, body, got, in)
		}
	})
}

// skipEmptyLines does what RFC 9112 (2.2) asks of a server, and net/http leaves to others.
func skipEmptyLines(r *bufio.Reader) {
	for {
		if next, _ := r.Peek(2); string(next) != "\r\n" {
			return
		}
		r.Discard(2)
	}
}

// weAcceptMore lists where this session accepts what net/http refuses, with the rule that says
// the session is right.
func weAcceptMore(in []byte, err error) bool {
	for _, known := range []struct{ message, why string }{
		{"unsupported transfer encoding", "empty list elements: RFC 9110, 5.6.1.2"},
		{"too many transfer encodings", "empty list elements on lines of their own: the same"},
		{"bad trailer key", "the Trailer field is a hint: RFC 9110, 6.6.2"},
		{"invalid URL escape", "percent-encoded bytes in a host: RFC 3986, 3.2.2"},
		{"invalid host", "IP literals of a future version: RFC 3986, 3.2.2"},
		{"http chunk length too large", "leading zeros of a chunk size: RFC 9112, 7.1"},
		{"invalid byte in chunk length", "white space before a chunk extension: RFC 9112, 7.1.1"},
	} {
		if strings.Contains(err.Error(), known.message) {
			return true
		}
	}
	// Trailers: a field name that MIME knows nothing of, but RFC 9110 (5.6.2) does.
	return strings.Contains(err.Error(), "malformed MIME header") && bytes.Contains(in, []byte("0\r\n"))
}

// compare checks a response against the request as net/http understood it.
func compare(t *testing.T, req *http.Request, body []byte, got response, in []byte) {
	t.Helper()
	wantStatus, wantBody := expected(req, body)
	if got.status != wantStatus {
		t.Fatalf("status %d, want %d for %s %s\ninput %q", got.status, wantStatus, req.Method, req.URL, in)
	}
	if wantStatus == http.StatusOK && got.body != wantBody {
		t.Fatalf("body %q, want %q for %s %s\ninput %q", got.body, wantBody, req.Method, req.URL, in)
	}
	if got.closes() != req.Close {
		t.Fatalf("closes: %v, want %v for %s %s\ninput %q", got.closes(), req.Close, req.Method, req.URL, in)
	}
}

// expected is the specification of the routes, written down a second time.
func expected(req *http.Request, body []byte) (status int, answer string) {
	path := req.URL.EscapedPath()
	if path == "" && req.Method != "OPTIONS" || path == "" && req.URL.RawQuery != "" {
		path = "/"
	}
	switch req.Method {
	case "GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "TRACE", "PATCH":
	default:
		return 501, ""
	}
	if req.Method == "OPTIONS" && (path == "*" || path == "" && !req.URL.ForceQuery) {
		return 200, ""
	}
	route, n := Lookup(path)
	switch {
	case route == NoRoute && path != "":
		return 404, ""
	case req.Method == "OPTIONS":
		return 200, ""
	case req.Method == "POST" && route == EchoRoute:
		return 200, string(body)
	case req.Method != "GET" && req.Method != "HEAD" || route == EchoRoute:
		return 405, ""
	case req.Method == "HEAD":
		return 200, ""
	case route == BytesRoute:
		return 200, strings.Repeat(letters, int(n)/len(letters)+1)[:n]
	}
	return 200, Hello
}

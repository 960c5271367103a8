package proto

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"go.uber.org/goleak"
)

// hello is a keep-alive request without trimmings; see bench_test.go for the others.
const hello = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func postOf(body string) string {
	return fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// feed feeds once and checks the verdict.
func feed(t *testing.T, s Session, in string, want Verdict) (out string) {
	t.Helper()
	o, v := s.Feed(nil, []byte(in))
	if v != want {
		t.Fatalf("verdict %v, want %v; output:\n%.1000s", v, want, o)
	}
	return string(o)
}

// bodiesOf checks that out is a row of complete responses with status 200, to GET or POST.
func bodiesOf(t *testing.T, out []byte) (bodies []string) {
	t.Helper()
	for len(out) > 0 {
		r, rest := parseHead(t, out)
		r, out = r.parseBody(t, rest, "GET")
		if r.status != 200 {
			t.Fatalf("status %d in:\n%s", r.status, r.head)
		}
		bodies = append(bodies, r.body)
	}
	return bodies
}

func TestNoAllocationPerRequest(t *testing.T) {
	long := strings.Repeat("b", 20_000)
	for _, c := range []struct {
		name, in string
		cut      int
	}{
		{"GET", plainGET, 1 << 20},
		{"browser's GET", browserGET, 1 << 20},
		{"16 pipelined", strings.Repeat(plainGET, 16), 1 << 20},
		{"byte by byte", plainGET, 1},
		{"browser's GET byte by byte", browserGET, 1},
		{"16 pipelined, cut within requests", strings.Repeat(plainGET, 16), 100},
		{"echo", postOf("body"), 1 << 20},
		{"echo byte by byte", postOf("body"), 1},
		{"long echo in pieces", postOf(long), 4096},
		{"bytes", "GET /bytes/200000 HTTP/1.1\r\nHost: x\r\n\r\n", 1 << 20},
		{"not found", "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := HTTP(t.Context(), Limits{}).New()
			out := make([]byte, 0, 256<<10)
			in := []byte(c.in)
			n := testing.AllocsPerRun(100, func() {
				for rest := in; len(rest) > 0; {
					part := rest[:min(c.cut, len(rest))]
					rest = rest[len(part):]
					v := Again
					for out, v = s.Feed(out[:0], part); v == Again; {
						out, v = s.Feed(out[:0], nil)
					}
				}
			})
			if n != 0 && !raceDetector {
				t.Errorf("%v allocations", n)
			}
			if s.Phase() != Idle {
				t.Errorf("phase %v at the end", s.Phase())
			}
		})
	}
}

// TestIdleSessionIsSmall: what ten thousand silent connections cost is this struct, and nothing
// it points to but the server they share.
func TestIdleSessionIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(session{}); size > 64 {
		t.Errorf("a session has %d bytes", size)
	}
	s := newServer(t.Context(), Limits{}).newSession()
	for _, in := range []string{
		strings.Repeat(hello, 3)[:50], strings.Repeat(hello, 3)[50:],
		postOf("12345")[:50], postOf("12345")[50:],
		postOf(strings.Repeat("x", 1<<20))[:1<<19], postOf(strings.Repeat("x", 1<<20))[1<<19:],
		"\r\n", strings.Repeat("GET /bytes/100000 HTTP/1.1\r\nHost: x\r\n\r\n", 4),
	} {
		_, v := drive(s, []byte(in), nil)
		if v != Continue {
			t.Fatalf("verdict %v on %.100q", v, in)
		}
		if held := s.kept != nil || s.body != nil; held == (s.Phase() == Idle) {
			t.Errorf("phase %v, but kept %v, body %v", s.Phase(), s.kept, s.body)
		}
	}
	if s.Phase() != Idle {
		t.Errorf("phase %v at the end", s.Phase())
	}
}

// TestOutputIsBounded feeds many requests with long answers at once. Each Feed must stop about
// where it should, and all answers must come.
func TestOutputIsBounded(t *testing.T) {
	srv := newServer(t.Context(), Limits{})
	long := postOf(strings.Repeat("e", 1<<20))
	if out := feed(t, srv.newSession(), long, Again); len(out) > OutputBound+pieceSize {
		t.Fatalf("one Feed of a long body appended %d bytes", len(out))
	}
	s := srv.newSession()
	in := strings.Repeat("GET /bytes/100000 HTTP/1.1\r\nHost: x\r\n\r\n"+hello, 40) +
		postOf(strings.Repeat("e", 300_000)) + hello
	var all []byte
	out := []byte("not to be counted")
	skip := len(out)
	out, v := s.Feed(out, []byte(in[:2000]))
	for in = in[2000:]; ; {
		if grown := len(out) - skip; grown > OutputBound+pieceSize+1000 {
			t.Fatalf("one Feed appended %d bytes", grown)
		}
		all = append(all, out[skip:]...)
		skip = 0
		if v == Again {
			if s.Phase() != Body {
				t.Fatalf("phase %v while output is owed", s.Phase())
			}
			if s.kept != nil && len(*s.kept) > 2000 {
				t.Fatalf("%d bytes kept", len(*s.kept))
			}
			out, v = s.Feed(nil, nil)
			continue
		}
		n := min(len(in), 2000)
		if n == 0 {
			break
		}
		out, v = s.Feed(nil, []byte(in[:n]))
		in = in[n:]
	}
	bodies := bodiesOf(t, all)
	if len(bodies) != 82 || bodies[80] != strings.Repeat("e", 300_000) || bodies[81] != Hello {
		t.Fatalf("%d answers, or wrong ones", len(bodies))
	}
	for _, b := range bodies[:80] {
		if b != Hello && b != string(AppendFill(nil, 0, 100_000)) {
			t.Fatalf("wrong body of %d bytes", len(b))
		}
	}
}

// TestInputDuringAgain: a model should not read while output is owed. If it does, nothing is
// lost and nothing changes its order.
func TestInputDuringAgain(t *testing.T) {
	s := HTTP(t.Context(), Limits{}).New()
	all, v := s.Feed(nil, []byte("GET /bytes/200000 HTTP/1.1\r\nHost: x\r\n\r\n"+hello[:10]))
	if v != Again {
		t.Fatalf("verdict %v", v)
	}
	var out []byte
	out, v = s.Feed(nil, []byte(hello[10:]+postOf("last")))
	for all = append(all, out...); v == Again; all = append(all, out...) {
		out, v = s.Feed(nil, nil)
	}
	if bodies := bodiesOf(t, all); len(bodies) != 3 || bodies[1] != Hello || bodies[2] != "last" {
		t.Fatalf("bodies %.100q", bodies)
	}
}

// TestInputBehindAgain: what ends a kept line may bring more than the answer leaves room for.
func TestInputBehindAgain(t *testing.T) {
	p := HTTP(t.Context(), Limits{})
	in := []byte("GET /bytes/200000 HTTP/1.1\r\nHost: x\r\n\r\n" + hello)
	for cut := range in {
		out, _ := drive(p.New(), in, []int{cut})
		if bodies := bodiesOf(t, out); len(bodies) != 2 || len(bodies[0]) != 200_000 || bodies[1] != Hello {
			t.Fatalf("cut at %d: %d answers", cut, len(bodies))
		}
	}
}

// TestNoByteIsSearchedTwice puts a line end where the session has already looked. If it looked
// there again for every new byte, a peer that drips a long line would cost quadratic work.
func TestNoByteIsSearchedTwice(t *testing.T) {
	s := newServer(t.Context(), Limits{}).newSession()
	feed(t, s, hello+"GET / HTTP/1.1__", Continue)
	copy((*s.kept)[len(*s.kept)-2:], "\r\n")
	if feed(t, s, "x", Continue); s.state != begin {
		t.Error("found a line end in bytes it had searched before")
	}
}

func TestPhase(t *testing.T) {
	chunked := "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct {
		in   string
		want Phase
	}{
		{"", Idle},
		{"\r\n", Idle},
		{"\r\n\r\n", Idle},
		{"\r", Head},
		{"G", Head},
		{"GET / HTTP/1.1\r\n", Head},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r", Head},
		{hello, Idle},
		{hello + "G", Head},
		{postOf("12345")[:len(postOf("12345"))-5], Body},
		{postOf("12345")[:len(postOf("12345"))-1], Body},
		{postOf("12345"), Idle},
		{chunked, Body},
		{chunked + "5", Body},
		{chunked + "5\r\n", Body},
		{chunked + "1\r\na", Body},
		{chunked + "0\r\n", Body},
		{chunked + "0\r\nX: a", Body},
		{chunked + "0\r\n\r\n", Idle},
	} {
		s := HTTP(t.Context(), Limits{}).New()
		feed(t, s, c.in, Continue)
		if got := s.Phase(); got != c.want {
			t.Errorf("phase %v after %q, want %v", got, c.in, c.want)
		}
	}
}

func TestNothingAfterTheEnd(t *testing.T) {
	for in, want := range map[string]Verdict{
		"GET / HTTP/1.0\r\n\r\n": Close,
		"GET / HTTP/1.1\r\n\r\n": Linger,
	} {
		s := HTTP(t.Context(), Limits{}).New()
		feed(t, s, in, want)
		if out := feed(t, s, hello, want); out != "" {
			t.Errorf("output after the end: %q", out)
		}
		if s.Phase() != Idle {
			t.Errorf("phase %v after the end", s.Phase())
		}
	}
}

// TestContinue: 100 goes out when the session has to wait for a body, and not when it is there.
func TestContinue(t *testing.T) {
	expecting := "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	chunked := strings.Replace(expecting, "Content-Length: 5", "Transfer-Encoding: chunked", 1)
	in10 := strings.Replace(expecting, "HTTP/1.1\r\n", "HTTP/1.0\r\nConnection: keep-alive\r\n", 1)
	for _, c := range []struct {
		parts []string
		want  int // of them, the one after which 100 is sent; 0: never
	}{
		{[]string{expecting, "hello"}, 1},
		{[]string{expecting[:20], expecting[20:], "hello"}, 2},
		{[]string{expecting, "h", "ello"}, 1},
		{[]string{expecting + "hello"}, 0},
		{[]string{expecting + "h", "ello"}, 0},
		{[]string{expecting[:20], expecting[20:] + "h", "ello"}, 0},
		{[]string{chunked, "5\r\nhello\r\n0\r\n\r\n"}, 1},
		{[]string{chunked, "5", "\r\nhello\r\n0\r\n\r\n"}, 1},
		{[]string{chunked + "5", "\r\nhello\r\n0\r\n\r\n"}, 0},
		{[]string{chunked + "5\r\n", "hello\r\n0\r\n\r\n"}, 0},
		{[]string{chunked + "0\r\n", "\r\n"}, 0},
		{[]string{in10, "hello"}, 0},
		{[]string{chunked + "5\r\nhel", "lo\r\n0\r\n\r\n"}, 0},
	} {
		s := HTTP(t.Context(), Limits{}).New()
		for i, part := range c.parts {
			out := feed(t, s, part, Continue)
			if got, want := strings.HasPrefix(out, continueHead), i+1 == c.want; got != want {
				t.Errorf("%.200q: 100 sent after part %d: %v, want %v", c.parts, i+1, got, want)
			}
		}
	}
}

// TestPanicInHandler: the request gets 500, its connection ends, and the server goes on.
func TestPanicInHandler(t *testing.T) {
	srv := newServer(t.Context(), Limits{})
	srv.handler = func(Route, int64) { panic("as planned") }
	out := feed(t, srv.newSession(), hello+"GET /delay/1 HTTP/1.1\r\nHost: x\r\n\r\n"+hello, Linger)
	if !strings.Contains(out, "HTTP/1.1 500 ") || strings.Count(out, "HTTP/1.1 200 ") != 1 {
		t.Errorf("output:\n%s", out)
	}
	feed(t, srv.newSession(), hello, Continue)
}

// TestSlowAnswersAreNotHeldBack: an answer that took time goes out before the next is begun.
func TestSlowAnswersAreNotHeldBack(t *testing.T) {
	srv := newServer(t.Context(), Limits{})
	var served []int64
	srv.handler = func(_ Route, n int64) { served = append(served, n) }
	s := srv.newSession()
	in := "GET /delay/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /burn/2 HTTP/1.1\r\nHost: x\r\n\r\n" + hello
	if feed(t, s, in, Again); len(served) != 1 {
		t.Errorf("served %v in the first Feed", served)
	}
	if feed(t, s, "", Again); len(served) != 2 {
		t.Errorf("served %v in two", served)
	}
	if out := feed(t, s, "", Continue); len(bodiesOf(t, []byte(out))) != 1 {
		t.Errorf("the third Feed says:\n%s", out)
	}
}

// TestClock: the date changes with the second, and the clock ends with its context.
func TestClock(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	synctest.Test(t, func(t *testing.T) {
		s := HTTP(t.Context(), Limits{}).New()
		for range 3 {
			want := "\r\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n"
			if out := feed(t, s, hello, Continue); !strings.Contains(out, want) {
				t.Errorf("no %q in:\n%s", want, out)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
	})
}

// TestRefusalIsHTTP reads what a connection beyond the limit is told as a client would.
func TestRefusalIsHTTP(t *testing.T) {
	p := HTTP(t.Context(), Limits{})
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(p.Refusal)), nil)
	if err != nil || r.StatusCode != 503 || !r.Close || r.ContentLength != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestLimits(t *testing.T) {
	small := Limits{RequestLine: 20, HeaderBytes: 20, Headers: 2, Body: 10}
	none := Limits{RequestLine: 100, HeaderBytes: 100, Headers: 10, Body: -1, BodyBudget: -1}
	for _, c := range []struct {
		name, in string
		limits   Limits
		want     string
	}{
		{"request line", "GET /?2345 HTTP/1.1\r\nHost: x\r\n\r\n", small, "200"},
		{"request line", "GET /?234567 HTTP/1.1\r\nHost: x\r\n\r\n", small, "414"},
		{"method", "GETGETGETGETGETGETGETGET /", small, "501"},
		{"header bytes", "GET / HTTP/1.1\r\nHost: x\r\nX: 3456789\r\n\r\n", small, "431"},
		{"header bytes", "GET / HTTP/1.1\r\nHost: x\r\nX: 345678\r\n\r\n", small, "200"},
		{"headers", "GET / HTTP/1.1\r\nHost: x\r\nX:\r\nY:\r\n\r\n", small, "431"},
		{
			"body", "POST /echo HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n",
			Limits{HeaderBytes: 20},
			"431",
		},
		{"sum of chunks", "POST /echo HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"6\r\nabcdef\r\n5\r\n", Limits{Body: 10}, "413"},
		{"no body", postOf("b"), none, "413"},
		{"empty body", postOf(""), none, "200"},
		{
			"no budget", postOf("bb")[:len(postOf("bb"))-1],
			Limits{BodyBudget: -1},
			"503",
		},
	} {
		out, _ := HTTP(t.Context(), c.limits).New().Feed(nil, []byte(c.in))
		if !strings.HasPrefix(string(out), "HTTP/1.1 "+c.want+" ") {
			t.Errorf("%s: want %s, got:\n%s", c.name, c.want, out)
		}
	}
}

package loadgen

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"iomodels/loadgen/uring"
)

// quick is a plan that lasts as short as a test should.
func quick(s *server, engine string) Plan {
	return Plan{
		Addr: s.addr(), Conns: 4, Duration: 200 * time.Millisecond, Timeout: 2 * time.Second, Engine: engine,
	}
}

// onEveryEngine runs a test once per engine: above the sockets all must be the same.
func onEveryEngine(t *testing.T, test func(t *testing.T, engine string)) {
	t.Helper()
	for _, name := range Engines() {
		t.Run(name, func(t *testing.T) {
			if name == "uring" {
				ring, err := uring.New(8, 16)
				if err != nil {
					t.Skipf("not here: %v", err)
				}
				ring.Close()
			}
			test(t, name)
		})
	}
}

// carryOut runs a plan and checks what holds for every run.
func carryOut(t *testing.T, p Plan) Summary {
	t.Helper()
	s, err := Run(t.Context(), p, RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conserve(t, s)
	return s
}

// conserve checks that nothing was lost.
func conserve(t *testing.T, s Summary) {
	t.Helper()
	r := s.Requests
	if r.Scheduled != r.Sent+r.Unsent {
		t.Errorf("%d scheduled, %d sent, %d unsent", r.Scheduled, r.Sent, r.Unsent)
	}
	if r.Sent != r.OK+r.Timeouts+r.InFlight+sum(r.Errors) {
		t.Errorf("sent %d, but accounted for %+v", r.Sent, r)
	}
	if s.Response.Count != r.OK+r.Timeouts+r.InFlight+r.Unsent || s.Service.Count != r.OK {
		t.Errorf("%d response times and %d service times for %+v", s.Response.Count, s.Service.Count, r)
	}
	if s.Response.Censored != r.Timeouts+r.InFlight+r.Unsent {
		t.Errorf("%d censored samples for %+v", s.Response.Censored, r)
	}
	var ok, opened uint64
	for _, i := range s.Intervals {
		ok, opened = ok+i.OK, opened+i.Opened
	}
	if ok != s.Totals.OK || opened != s.Connections.Opened {
		t.Errorf("intervals hold %d replies and %d connections, the run %d and %d",
			ok, opened, s.Totals.OK, s.Connections.Opened)
	}
	if s.Totals.OK != s.WarmupOK+r.OK {
		t.Errorf("%d verified replies, but %d in the warm-up and %d measured", s.Totals.OK, s.WarmupOK, r.OK)
	}
}

func TestErrorClasses(t *testing.T) { onEveryEngine(t, testErrorClasses) }

func testErrorClasses(t *testing.T, engine string) {
	const size = 64
	flip := func(c *net.TCPConn, _ int64, request []byte) bool {
		request[size-1] ^= 1
		return returns(c, 0, request)
	}
	half := func(c *net.TCPConn, _ int64, request []byte) bool {
		c.Write(request[:size/2])
		return false
	}
	for _, c := range []struct {
		name, proto, path string
		handle            func(*server, *net.TCPConn)
		class             string
	}{
		{"echo: wrong byte", "echo", "", echoRule(size, flip), "wrong-body"},
		{"echo: half a message, then FIN", "echo", "", echoRule(size, half), "truncated"},
		{"echo: FIN instead of a reply", "echo", "", echoRule(size, thenCloses("")), "eof"},
		{"echo: RST instead of a reply", "echo", "", echoRule(size, resets), "reset"},
		{"http: garbage", "http", "", httpRule(says("\x16\x03\x01 what?\r\n\r\n")), "malformed"},
		{
			"http: other body", "http", "",
			httpRule(says("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, Wurld!")),
			"wrong-body",
		},
		{
			"http: short body", "http", "",
			httpRule(says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello")), "wrong-body",
		},
		{
			"http: half a body, then FIN", "http", "", httpRule(thenCloses(helloReply[:len(helloReply)-3])),
			"truncated",
		},
		{"http: half a head, then FIN", "http", "", httpRule(thenCloses(helloReply[:20])), "truncated"},
		{"http: FIN instead of a reply", "http", "", httpRule(thenCloses("")), "eof"},
		{"http: RST instead of a reply", "http", "", httpRule(resets), "reset"},
		{
			"http: 301", "http", "", httpRule(says("HTTP/1.1 301 x\r\nContent-Length: 0\r\n\r\n")),
			"status-3xx",
		},
		{
			"http: 404", "http", "", httpRule(says("HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\nno")),
			"status-4xx",
		},
		{
			"http: 500", "http", "/echo", httpRule(says("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")),
			"status-5xx",
		},
		{
			"http: the request back", "http", "", httpRule(says("GET / HTTP/1.1\r\nHost: x\r\n\r\n")),
			"malformed",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := serve(t, c.handle)
			p := quick(srv, engine)
			p.Proto, p.Path, p.Size = c.proto, c.path, size
			s := carryOut(t, p)
			if s.Requests.OK != 0 || s.Requests.Errors[c.class] == 0 || len(s.Requests.Errors) != 1 {
				t.Errorf("ok %d, errors %v, want only %s", s.Requests.OK, s.Requests.Errors, c.class)
			}
			if s.Verdict != Invalid {
				t.Errorf("a run without an answer is %s: %v", s.Verdict, s.Reasons)
			}
		})
	}
}

// TestEachFaultIsCountedInItsClass: every tenth request gets its own fault, and the counts must
// be the server's, with none among the verified replies.
func TestEachFaultIsCountedInItsClass(t *testing.T) {
	onEveryEngine(t, testEachFaultIsCountedInItsClass)
}

func testEachFaultIsCountedInItsClass(t *testing.T, engine string) {
	var dealt [10]atomic.Uint64
	srv := serve(t, httpRule(func(c *net.TCPConn, i int64, _ []byte) bool {
		which := i % 10
		dealt[which].Add(1)
		switch which {
		case 1:
			return resets(c, 0, nil)
		case 2:
			return false
		case 3:
			return thenCloses(helloReply[:len(helloReply)-1])(c, 0, nil)
		case 4:
			return says("what?\r\n\r\n")(c, 0, nil)
		case 5:
			return says("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world.")(c, 0, nil)
		case 6:
			return says("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n")(c, 0, nil)
		case 7:
			return says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHel")(c, 0, nil) && false
		}
		return says(helloReply)(c, 0, nil)
	}))
	p := quick(srv, engine)
	p.Proto, p.Duration = "http", 300*time.Millisecond
	s := carryOut(t, p)
	if s.Requests.Timeouts > 0 || s.Requests.InFlight > 0 {
		t.Fatalf("%+v", s.Requests)
	}
	want := map[string]uint64{
		"reset": dealt[1].Load(), "eof": dealt[2].Load(), "truncated": dealt[3].Load() + dealt[7].Load(),
		"malformed": dealt[4].Load(), "wrong-body": dealt[5].Load(), "status-5xx": dealt[6].Load(),
	}
	if fmt.Sprint(s.Requests.Errors) != fmt.Sprint(want) {
		t.Errorf("errors %v, the server dealt %v", s.Requests.Errors, want)
	}
	if ok := dealt[0].Load() + dealt[8].Load() + dealt[9].Load(); s.Requests.OK != ok || ok == 0 {
		t.Errorf("%d verified replies, the server gave %d", s.Requests.OK, ok)
	}
}

func TestUnsolicitedBytesEndTheConnection(t *testing.T) {
	onEveryEngine(t, testUnsolicitedBytesEndTheConnection)
}

func testUnsolicitedBytesEndTheConnection(t *testing.T, engine string) {
	srv := serve(t, func(s *server, c *net.TCPConn) {
		io.WriteString(c, "welcome\r\n")
		echoes(s, c)
	})
	p := quick(srv, engine)
	p.Settle = 100 * time.Millisecond // the greeting must come before the first request
	s := carryOut(t, p)
	if s.Connections.Failed["unsolicited"] == 0 || s.Verdict == Valid {
		t.Errorf("connections %+v, verdict %s", s.Connections, s.Verdict)
	}
}

func TestTimeoutsAreCountedOnceAndCensored(t *testing.T) {
	onEveryEngine(t, testTimeoutsAreCountedOnceAndCensored)
}

func testTimeoutsAreCountedOnceAndCensored(t *testing.T, engine string) {
	const every = 20
	var silences atomic.Uint64
	srv := serve(t, echoRule(64, func(c *net.TCPConn, i int64, request []byte) bool {
		if i%every == every-1 {
			silences.Add(1)
			return true
		}
		return returns(c, i, request)
	}))
	p := quick(srv, engine)
	p.Rate, p.Timeout, p.Duration = 500, 100*time.Millisecond, 500*time.Millisecond
	s := carryOut(t, p)
	if s.Requests.Timeouts != silences.Load() || s.Requests.Timeouts == 0 {
		t.Errorf("%d time-outs, the server was silent %d times", s.Requests.Timeouts, silences.Load())
	}
	if s.Response.P99 < int64(p.Timeout) || len(s.Response.Bounds) == 0 {
		t.Errorf("p99 is %d with lower bounds %v, although 5 %% timed out", s.Response.P99, s.Response.Bounds)
	}
	if s.Service.Max >= int64(p.Timeout) {
		t.Errorf("a time-out is among the service times: %d", s.Service.Max)
	}
}

func TestBlackHoleEndsOnTime(t *testing.T) { onEveryEngine(t, testBlackHoleEndsOnTime) }

func testBlackHoleEndsOnTime(t *testing.T, engine string) {
	for name, p := range map[string]Plan{
		"closed": {}, "open": {Rate: 1000}, "pinned": {Rate: 1000, Choice: ChoicePinned},
		"pipeline": {Pipeline: 4},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, echoRule(64, silent))
			p.Engine = engine
			p.Addr, p.Conns, p.Duration, p.Timeout = srv.addr(), 3, 300*time.Millisecond, 100*time.Millisecond
			s := carryOut(t, p)
			if s.Requests.OK != 0 || s.Requests.Timeouts == 0 || s.Verdict != Invalid {
				t.Errorf("%+v, %s", s.Requests, s.Verdict)
			}
		})
	}
}

package loadgen

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/conns"
)

// thenResets says something and ends the connection with RST.
func thenResets(reply string) rule {
	return func(c *net.TCPConn, _ int64, _ []byte) bool {
		_, _ = c.Write([]byte(reply))
		reset(c)
		return false
	}
}

// TestEndsAtEachStage: a server may end a connection at any point of a reply, by FIN or RST. What
// was in flight is counted in the class of that end, whether all, some or none of a reply came.
func TestEndsAtEachStage(t *testing.T) { onEveryEngine(t, testEndsAtEachStage) }

func testEndsAtEachStage(t *testing.T, engine string) {
	for stage, part := range map[string]int{
		"before the reply": 0, "in the first line": 7, "in the head": 25, "after the head": len(helloReply) - 13,
		"in the body": len(helloReply) - 4,
	} {
		for end, how := range map[string]struct {
			rule    func(string) rule
			classes []string
		}{
			"FIN": {thenCloses, []string{"truncated"}},
			"RST": {thenResets, []string{"reset"}},
		} {
			t.Run(end+" "+stage, func(t *testing.T) {
				srv := serve(t, httpRule(how.rule(helloReply[:part])))
				p := quick(srv, engine)
				p.Proto = "http"
				s := carryOut(t, p)
				want := how.classes
				if end == "FIN" && part == 0 {
					want = []string{"eof"}
				}
				if got := classes(s.Requests.Errors); s.Requests.OK != 0 || !slices.Equal(got, want) ||
					s.Verdict != Invalid {
					t.Errorf("%d ok, errors %v, want %v; %s", s.Requests.OK, s.Requests.Errors, want, s.Verdict)
				}
			})
		}
	}
}

func classes(counts map[string]uint64) (names []string) {
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestEndsBetweenReplies: a connection that ends when it owes nothing costs at most the request
// that crossed the end on its way; what was answered stays answered.
func TestEndsBetweenReplies(t *testing.T) { onEveryEngine(t, testEndsBetweenReplies) }

func testEndsBetweenReplies(t *testing.T, engine string) {
	for name, c := range map[string]struct {
		handle  func(*server, *net.TCPConn)
		answers bool
	}{
		"FIN at once":        {func(*server, *net.TCPConn) {}, false},
		"RST at once":        {func(_ *server, c *net.TCPConn) { reset(c) }, false},
		"FIN after a reply":  {httpRule(thenCloses(helloReply)), true},
		"RST after a reply":  {httpRule(thenResets(helloReply)), true},
		"FIN after a second": {httpRule(afterTwo(thenCloses(helloReply))), true},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, c.handle)
			p := quick(srv, engine)
			p.Proto, p.Timeout = "http", 200*time.Millisecond
			s, err := Run(t.Context(), p, RunOptions{})
			if err != nil { // torn down before any connect was noticed
				if c.answers || !strings.Contains(err.Error(), "cannot connect") {
					t.Error(err)
				}
				return
			}
			conserve(t, s)
			for class := range s.Requests.Errors {
				if class != "eof" && class != "reset" {
					t.Errorf("errors %v", s.Requests.Errors)
				}
			}
			if s.Verdict == Valid || (s.Requests.OK > 0) != c.answers {
				t.Errorf("%s, %+v, %+v", s.Verdict, s.Requests, s.Connections)
			}
		})
	}
}

// afterTwo answers twice, and then does what last says. The connections count together.
func afterTwo(last rule) rule {
	return func(c *net.TCPConn, i int64, request []byte) bool {
		if i%3 < 2 {
			return says(helloReply)(c, i, request)
		}
		return last(c, i, request)
	}
}

// TestWrongLengths: what the head says of the body must be true, and must make sense.
func TestWrongLengths(t *testing.T) { onEveryEngine(t, testWrongLengths) }

func testWrongLengths(t *testing.T, engine string) {
	reply := func(fields, body string) rule { return says("HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body) }
	extra := func(c *net.TCPConn, _ int64, request []byte) bool {
		_, err := c.Write(append(request, "more"...))
		return err == nil
	}
	for name, c := range map[string]struct {
		proto  string
		handle func(*server, *net.TCPConn)
		class  []string // any of them: of requests, or of connections
	}{
		"no number":  {"http", httpRule(reply("Content-Length: ten\r\n", "Hello, World!")), []string{"malformed"}},
		"negative":   {"http", httpRule(reply("Content-Length: -13\r\n", "Hello, World!")), []string{"malformed"}},
		"two":        {"http", httpRule(reply("Content-Length: 13\r\nContent-Length: 5\r\n", "Hello, World!")), []string{"malformed"}},
		"and chunks": {"http", httpRule(reply("Content-Length: 13\r\nTransfer-Encoding: chunked\r\n", "d\r\nHello, World!\r\n0\r\n\r\n")), []string{"malformed"}},
		"too long":   {"http", httpRule(reply("Content-Length: 99\r\n", "Hello, World!")), []string{"timeout", "wrong-body"}},
		"too short":  {"http", httpRule(reply("Content-Length: 13\r\n", "Hello, World!!")), []string{"unsolicited", "malformed"}},
		"bad chunk":  {"http", httpRule(reply("Transfer-Encoding: chunked\r\n", "xyz\r\n")), []string{"malformed"}},
		"echo, more": {"echo", echoRule(64, extra), []string{"unsolicited", "wrong-body"}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, c.handle)
			p := quick(srv, engine)
			p.Proto, p.Timeout = c.proto, 150*time.Millisecond
			s := carryOut(t, p)
			seen := map[string]uint64{"timeout": s.Requests.Timeouts}
			for class, n := range s.Requests.Errors {
				seen[class] += n
			}
			for class, n := range s.Connections.Failed {
				seen[class] += n
			}
			if !slices.ContainsFunc(c.class, func(class string) bool { return seen[class] > 0 }) || s.Verdict == Valid {
				t.Errorf("%v, want one of %v; %s %q", seen, c.class, s.Verdict, s.Reasons)
			}
		})
	}
}

// TestConnectsIntoABlackHole: SYNs that nobody answers are time-outs, and the run says so and ends.
func TestConnectsIntoABlackHole(t *testing.T) { onEveryEngine(t, testConnectsIntoABlackHole) }

func testConnectsIntoABlackHole(t *testing.T, engine string) {
	addr := fullListener(t)
	p := Plan{Addr: addr, Engine: engine, Conns: 2, Duration: 100 * time.Millisecond, Timeout: 100 * time.Millisecond}
	began := time.Now()
	_, err := Run(t.Context(), p, RunOptions{})
	if err == nil || !strings.Contains(err.Error(), "cannot connect to "+addr) ||
		!strings.Contains(err.Error(), "timeout") {
		t.Errorf("Run = %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v to say so", took)
	}
}

// fullListener returns the address of a listener that accepts nothing and whose queue is full, so
// that the kernel drops every further SYN.
func fullListener(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	local := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := os.NewSyscallError("listen", unix.Bind(fd, local)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	for range 8 { // until nobody is answered any more, busy as the machine may be
		c, err := net.DialTimeout("tcp", addr, 2*time.Second)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the accept queue does not get full")
	return ""
}

// TestFourLocalPorts: with four local ports there are four connections, and the rest is counted
// as what it is.
func TestFourLocalPorts(t *testing.T) { onEveryEngine(t, testFourLocalPorts) }

func testFourLocalPorts(t *testing.T, engine string) {
	const ports, tries = 4, 20
	limits, err := conns.ReadLimits()
	if err != nil {
		t.Fatal(err)
	}
	srv := serve(t, echoes)
	for range tries { // others may hold some of the ports
		low := limits.PortLow + rand.IntN(limits.Ports()-ports)
		p := quick(srv, engine)
		p.Conns, p.Sources, p.Timeout = 17, 1, 100*time.Millisecond
		narrow := &mutant{dialer: func(d *conns.Dialer) { d.NarrowPorts(low, ports) }}
		s, err := Run(t.Context(), p, RunOptions{mutant: narrow})
		if err != nil {
			if !strings.Contains(err.Error(), "ports ") {
				t.Fatal(err)
			}
			continue
		}
		if s.Connections.Peak > ports || s.Connections.Failed["ports"] == 0 || s.Verdict != Invalid ||
			!strings.Contains(strings.Join(s.Reasons, " "), "of 17 connections could be opened") {
			t.Errorf("%+v, %s %q", s.Connections, s.Verdict, s.Reasons)
		}
		if s.Connections.Peak == ports {
			return
		}
	}
	t.Skipf("none of %d ranges of %d ports was free", tries, ports)
}

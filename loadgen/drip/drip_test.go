package drip

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"iomodels/loadgen/conns"
)

// server accepts connections and gives each to handle.
func server(t *testing.T, handle func(net.Conn)) *conns.Dialer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go handle(c)
		}
	}()
	target, err := conns.Resolve(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return conns.NewDialer(target, 0, 0)
}

// until waits for the report of a crowd to show something, stops the crowd, and returns it.
func until(t *testing.T, crowd *Crowd, shown func(Report) bool) Report {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !shown(crowd.Look()); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still %+v", crowd.Stop())
		}
	}
	return crowd.Stop()
}

// receive starts a crowd of one and returns the first n bytes that it sends.
func receive(t *testing.T, p Plan, n int) (string, Report) {
	t.Helper()
	got := make(chan string, 1)
	p.Dialer = server(t, func(c net.Conn) {
		defer c.Close()
		b := make([]byte, n)
		if _, err := io.ReadFull(c, b); err == nil {
			got <- string(b)
			io.Copy(io.Discard, c)
		}
	})
	p.Conns = 1
	crowd, err := Start(p)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case b := <-got:
		return b, crowd.Stop()
	case <-time.After(10 * time.Second):
		t.Fatalf("no %d bytes came: %+v", n, crowd.Stop())
	}
	return "", Report{}
}

func TestBytesAreThoseOfARequest(t *testing.T) {
	for _, test := range []struct {
		plan Plan
		want string
	}{
		{Plan{Proto: "echo", Size: 4, Rate: 200}, "abcdabcd"},
		{Plan{Proto: "frame", Size: 2, Rate: 200}, "\x00\x00\x00\x02ab\x00\x00\x00\x02ab"},
		{
			Plan{Proto: "http", Host: "h", Size: 3, Rate: 200},
			"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcPOST",
		},
	} {
		t.Run(test.plan.Proto, func(t *testing.T) {
			got, report := receive(t, test.plan, len(test.want))
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if report.Opened != 1 || report.Out < uint64(len(test.want)) || report.Uploads == 0 {
				t.Errorf("report %+v", report)
			}
		})
	}
}

func TestHeadLeavesBeforeTheBodyIsDue(t *testing.T) {
	head := "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"
	got, report := receive(t, Plan{Proto: "http", Host: "h", Size: 1000, Rate: 0.001}, len(head))
	if got != head || report.Out != uint64(len(head)) || report.Uploads != 0 {
		t.Errorf("got %q, report %+v", got, report)
	}
}

func TestServerMayLosePatience(t *testing.T) {
	dialer := server(t, func(c net.Conn) {
		io.ReadFull(c, make([]byte, 1))
		c.Close()
	})
	crowd, err := Start(Plan{Dialer: dialer, Proto: "echo", Size: 1000, Rate: 1000, Conns: 1})
	if err != nil {
		t.Fatal(err)
	}
	if report := until(t, crowd, func(r Report) bool { return r.ClosedByPeer == 1 }); report.Failed != 0 {
		t.Errorf("report %+v", report)
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target, err := conns.Resolve(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	crowd, err := Start(Plan{Dialer: conns.NewDialer(target, 0, 0), Proto: "echo", Size: 10, Rate: 1000, Conns: 3})
	if err != nil {
		t.Fatal(err)
	}
	if report := until(t, crowd, func(r Report) bool { return r.Failed == 3 }); report.Opened != 0 {
		t.Errorf("report %+v", report)
	}
}

func TestReplyIsRead(t *testing.T) {
	dialer := server(t, func(c net.Conn) {
		defer c.Close()
		io.Copy(c, c)
	})
	crowd, err := Start(Plan{Dialer: dialer, Proto: "echo", Size: 100, Rate: 400, Conns: 2})
	if err != nil {
		t.Fatal(err)
	}
	if report := until(t, crowd, func(r Report) bool { return r.In > 0 }); report.In > report.Out {
		t.Errorf("report %+v", report)
	}
}

func TestUnknownProtocolIsRefused(t *testing.T) {
	if _, err := Start(Plan{Proto: "gopher"}); err == nil || !strings.Contains(err.Error(), "gopher") {
		t.Errorf("error %v", err)
	}
}

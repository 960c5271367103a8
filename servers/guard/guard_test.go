package guard_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"iomodels/servers"
	"iomodels/servers/guard"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// lazy is a library that serves HTTP heads by answers of its own; see its methods.
type lazy struct {
	serve func(c *guard.Conn)
	l     net.Listener
}

func (z *lazy) Serve(l net.Listener) error {
	z.l = l
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			z.serve(c.(*guard.Conn))
		}()
	}
}

func (z *lazy) Shutdown(context.Context) error { return z.l.Close() }

// start guards a library whose connections are served by serve, and dials it.
func start(t *testing.T, cfg servers.Config, serve func(c *guard.Conn)) *net.TCPConn {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan net.Addr, 1)
	cfg.Addr, cfg.Protocol, cfg.Grace = "127.0.0.1:0", proto.HTTP(ctx, proto.Limits{}), time.Second
	cfg.Ready = func(a net.Addr) { ready <- a }
	served := make(chan error, 1)
	build := func(servers.Config, *offload.Pool) guard.Library { return &lazy{serve: serve} }
	go func() { served <- guard.ServeHTTP(ctx, cfg, "lazy", build) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("ServeHTTP: %v", err)
		}
	})
	c, err := net.Dial("tcp", (<-ready).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

const writeLimit = 300 * time.Millisecond

// TestOneLongWriteMayTakeLonger: a peer that reads slowly but steadily is not stalled, although
// the library writes the whole answer by one call.
func TestOneLongWriteMayTakeLonger(t *testing.T) {
	const size = 12 << 20
	took := make(chan time.Duration, 1)
	c := start(t, servers.Config{Timeouts: servers.Timeouts{Write: writeLimit}}, func(c *guard.Conn) {
		begin := time.Now()
		n, err := c.Write(make([]byte, size))
		took <- time.Since(begin)
		if n != size || err != nil {
			t.Errorf("wrote %d of %d bytes, %v", n, size, err)
		}
	})
	if err := c.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	// As slow as it takes for the write to last four times the limit.
	for begin, got, buf := time.Now(), 0, make([]byte, 128<<10); got < size; {
		n, err := c.Read(buf)
		if got += n; err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		due := time.Duration(float64(4*writeLimit) * float64(got) / size)
		time.Sleep(due - time.Since(begin))
	}
	if d := <-took; d < 2*writeLimit {
		t.Skipf("the sockets took %d bytes within %v: nothing was tested", size, d)
	}
}

// TestStalledWriteEnds: the other side of it.
func TestStalledWriteEnds(t *testing.T) {
	failed := make(chan error, 1)
	start(t, servers.Config{Timeouts: servers.Timeouts{Write: writeLimit}}, func(c *guard.Conn) {
		_, err := c.Write(make([]byte, 64<<20))
		failed <- err
	})
	if err := <-failed; err == nil {
		t.Error("wrote 64 MiB to a peer that reads nothing")
	}
}

// TestHandlersAndIdleConnectionsAreLeftAlone: the limits on heads and silent connections are for
// those; between Begin and Done nobody waits for the peer.
func TestHandlersAndIdleConnectionsAreLeftAlone(t *testing.T) {
	limits := servers.Timeouts{Head: 200 * time.Millisecond}
	c := start(t, servers.Config{Timeouts: limits}, func(c *guard.Conn) {
		for r := bufio.NewReader(c); ; c.Done() {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			c.Begin()
			time.Sleep(3 * limits.Head)
			fmt.Fprint(c, "done")
		}
	})
	answer := make([]byte, 4)
	for _, silence := range []time.Duration{3 * limits.Head, 0} {
		time.Sleep(silence) // not a head: no byte of it is there
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, answer); err != nil {
			t.Fatalf("after a silence of %v: %v", silence, err)
		}
	}
	if _, err := io.WriteString(c, "GET / HT"); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, c); n != 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("a head that does not end: %d bytes, %v; want the connection closed", n, err)
	}
}

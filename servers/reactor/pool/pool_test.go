package pool_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"iomodels/servers"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/pool"
	"iomodels/servers/servertest"
)

func TestModel(t *testing.T) { servertest.Run(t, pool.Model()) }

func TestAllocsPerRun(t *testing.T) {
	for _, p := range []string{"echo", "http"} {
		if n := servertest.Allocs(t, pool.Model(), p); n != 0 {
			t.Errorf("%s: %v allocations per request; want 0", p, n)
		}
	}
}

// TestBlockedHandlersHoldUpNobody: without any option, and on one loop.
func TestBlockedHandlersHoldUpNobody(t *testing.T) {
	var log bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	ready, served := make(chan net.Addr, 1), make(chan error, 1)
	cfg := servers.Config{
		Addr: "127.0.0.1:0", Protocol: proto.HTTP(t.Context(), proto.Limits{}), Loops: 1,
		Ready: func(a net.Addr) { ready <- a }, Log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	go func() { served <- pool.Model().Serve(ctx, cfg) }()
	addr := (<-ready).String()
	ask := func(path string) net.Conn {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return c
	}
	slow := make(chan time.Time, 1)
	blocked := ask("/delay/500")
	go func() {
		io.ReadAll(blocked)
		slow <- time.Now()
	}()
	if reply, err := io.ReadAll(ask("/")); err != nil || !strings.Contains(string(reply), "200 OK") {
		t.Fatalf("answer %q, %v", reply, err)
	}
	if fast := time.Now(); !(<-slow).After(fast) {
		t.Error("a request waited for another that blocked its handler")
	}
	stop()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if s := log.String(); !strings.Contains(s, "queue.jobs=2") || !strings.Contains(s, "queue.mean_wait=") {
		t.Errorf("log %q; want the measures of the queue", s)
	}
}

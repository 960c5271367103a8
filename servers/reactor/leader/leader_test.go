package leader_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"iomodels/servers"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/leader"
	"iomodels/servers/servertest"
)

func TestModel(t *testing.T) { servertest.Run(t, leader.Model()) }

// serve runs the model with so many threads.
func serve(t *testing.T, threads int) (addr string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, served := make(chan net.Addr, 1), make(chan error, 1)
	cfg := servers.Config{
		Addr: "127.0.0.1:0", Protocol: proto.HTTP(ctx, proto.Limits{}), Loops: threads,
		Ready: func(a net.Addr) { ready <- a },
	}
	go func() { served <- leader.Model().Serve(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return (<-ready).String()
}

func get(addr, path string) (string, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path); err != nil {
		return "", err
	}
	reply, err := io.ReadAll(c)
	return string(reply), err
}

// TestBlockedThreadsArePromotedPast: with all threads but one in handlers that block, the last one
// leads, and others are served.
func TestBlockedThreadsArePromotedPast(t *testing.T) {
	const threads = 3
	addr := serve(t, threads)
	var slow sync.WaitGroup
	slowest := make(chan time.Time, threads)
	for range threads - 1 {
		slow.Go(func() {
			if _, err := get(addr, "/delay/600"); err != nil {
				t.Error(err)
			}
			slowest <- time.Now()
		})
	}
	for range 20 {
		if _, err := get(addr, "/"); err != nil {
			t.Fatal(err)
		}
	}
	served := time.Now()
	slow.Wait()
	for range threads - 1 {
		if end := <-slowest; !end.After(served) {
			t.Error("requests waited for handlers that blocked, although a thread was free")
		}
	}
}

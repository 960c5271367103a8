package loops_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/loops"
	"iomodels/servers/proto"
	"iomodels/servers/sock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loop is a Loop that runs until it is woken, or fails at once.
type loop struct {
	listener int
	woken    chan struct{}
	fail     error
	closed   *atomic.Int32
}

func (l *loop) Run() error {
	if l.fail == nil {
		<-l.woken
	}
	return l.fail
}

func (l *loop) Wake() { close(l.woken) }

func (l *loop) Close() error {
	l.closed.Add(1)
	return unix.Close(l.listener)
}

func config() servers.Config {
	return servers.Config{Addr: "127.0.0.1:0", Protocol: proto.Echo(), Loops: 3}
}

// opener opens loops, the number bad of which fails with the given errors.
func opener(bad int32, open, run error) (f func(*loops.House, int) (loops.Loop, error), closed *atomic.Int32) {
	var n atomic.Int32
	closed = new(atomic.Int32)
	return func(_ *loops.House, fd int) (loops.Loop, error) {
		l := &loop{listener: fd, woken: make(chan struct{}), closed: closed}
		if n.Add(1) == bad {
			if l.fail = run; open != nil {
				return nil, open
			}
		}
		return l, nil
	}, closed
}

func TestServeRunsUntilDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	open, closed := opener(0, nil, nil)
	cfg, ready := config(), 0
	var addr net.Addr
	cfg.Ready = func(a net.Addr) { addr = a; ready++; cancel() }
	if err := loops.Serve(ctx, cfg, true, open); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if ready != 1 || closed.Load() != 3 {
		t.Errorf("Ready was called %d times, %d of 3 loops were closed", ready, closed.Load())
	}
	if c, err := net.Dial("tcp", addr.String()); err == nil {
		c.Close()
		t.Error("a listener is still open")
	}
}

// One loop that fails must not leave a server that is half there.
func TestServeEndsWhenOneLoopFails(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		name      string
		open, run error
		closed    int32
	}{
		{"at its start", broken, nil, 2},
		{"later", nil, broken, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			open, closed := opener(2, tc.open, tc.run)
			cfg := config()
			cfg.Addr = freeAddr(t)
			cfg.Ready = func(net.Addr) {
				if tc.open != nil {
					t.Error("Ready was called")
				}
			}
			if err := loops.Serve(t.Context(), cfg, true, open); !errors.Is(err, broken) {
				t.Errorf("Serve returned %v; want %v", err, broken)
			}
			if closed.Load() != tc.closed {
				t.Errorf("%d loops were closed; want %d", closed.Load(), tc.closed)
			}
			freeAgain, _, err := sock.Listen(cfg.Addr, false, true)
			if err != nil {
				t.Fatalf("a listener was left behind: %v", err)
			}
			unix.Close(freeAgain)
		})
	}
}

// freeAddr returns an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	fd, addr, err := sock.Listen("127.0.0.1:0", false, true)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	return addr.String()
}

func TestServeRefusesBadConfig(t *testing.T) {
	open, _ := opener(0, nil, nil)
	for name, spoil := range map[string]func(*servers.Config){
		"no address":  func(c *servers.Config) { c.Addr = "" },
		"bad address": func(c *servers.Config) { c.Addr = "127.0.0.1:99999" },
	} {
		cfg := config()
		spoil(&cfg)
		if err := loops.Serve(t.Context(), cfg, true, open); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSeats(t *testing.T) {
	cfg := config()
	cfg.MaxConns = 2
	h, err := loops.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	enter := func(want loops.Seat, wantVerdict proto.Verdict) {
		t.Helper()
		if s, v := h.Enter(); s != want || v != wantVerdict {
			t.Errorf("Enter = %v, %v; want %v, %v", s, v, want, wantVerdict)
		}
	}
	enter(loops.Inside, proto.Continue)
	enter(loops.Inside, proto.Continue)
	for range loops.DoorstepMax {
		enter(loops.Doorstep, proto.Linger)
	}
	enter(loops.Doorstep, proto.Close)
	h.Leave(loops.Doorstep)
	h.Leave(loops.Doorstep)
	enter(loops.Doorstep, proto.Linger) // who leaves the doorstep makes no room inside
	h.Leave(loops.Inside)
	enter(loops.Inside, proto.Continue)
	if in, out := h.Taken(loops.Inside), h.Taken(loops.Doorstep); in != 2 || out != loops.DoorstepMax {
		t.Errorf("%d inside, %d on the doorstep; want 2, %d", in, out, loops.DoorstepMax)
	}
}

// However many come and go at once, never are more inside than the limit.
func TestSeatsUnderContention(t *testing.T) {
	cfg := config()
	cfg.MaxConns = 3
	h, err := loops.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var inside atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				s, _ := h.Enter()
				if s == loops.Inside {
					if n := inside.Add(1); n > 3 {
						t.Errorf("%d are inside; the limit is 3", n)
					}
					inside.Add(-1)
				}
				h.Leave(s)
			}
		})
	}
	all.Wait()
	if in, out := h.Taken(loops.Inside), h.Taken(loops.Doorstep); in != 0 || out != 0 {
		t.Errorf("%d inside, %d on the doorstep after all have left", in, out)
	}
}

func TestNoLimit(t *testing.T) {
	h, err := loops.New(config())
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if s, v := h.Enter(); s != loops.Inside || v != proto.Continue {
			t.Fatal("refused although there is no limit")
		}
	}
}

func TestComplainsAreRare(t *testing.T) {
	var log bytes.Buffer
	cfg := config()
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	h, err := loops.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		h.Complain(unix.EMFILE)
	}
	// A thousand calls may lie across the change of a second, on a slow machine of several.
	if n := strings.Count(log.String(), "\n"); n < 1 || n > 100 {
		t.Errorf("1000 failures gave %d lines in the log; want about one a second", n)
	}
}

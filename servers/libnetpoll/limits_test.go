package libnetpoll_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/libgnet"
	"iomodels/servers/libnetpoll"
	"iomodels/servers/proto"
)

// What the two event-loop libraries cannot do is declared in KnownLimits, and what their adapters
// do about it is promised in package comments. These tests hold both: a limit that is gone should
// be struck from the list, and a promise must be true.
var eventLoops = []servers.Model{libgnet.Model(), libnetpoll.Model()}

const testTime = 20 * time.Second

// start serves until the test ends.
func start(t *testing.T, m servers.Model, cfg servers.Config) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan net.Addr, 1)
	cfg.Addr, cfg.Loops, cfg.Ready = "127.0.0.1:0", 2, func(a net.Addr) { ready <- a }
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("%s: Serve: %v", m.Name, err)
		}
	})
	select {
	case a := <-ready:
		return a.String()
	case <-time.After(testTime):
		t.Fatalf("%s is not ready", m.Name)
		return ""
	}
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	tc := c.(*net.TCPConn)
	if err := errors.Join(tc.SetReadBuffer(64<<10), tc.SetDeadline(time.Now().Add(testTime))); err != nil {
		t.Fatal(err)
	}
	return tc
}

// await polls cond until it holds.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(testTime); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// serverSide returns the server's descriptor of c, if there still is one: client and server are
// one process.
func serverSide(c *net.TCPConn) (fd int, open bool) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		peer, err := unix.Getpeername(fd)
		if sa, ok := peer.(*unix.SockaddrInet4); err == nil && ok && sa.Port == c.LocalAddr().(*net.TCPAddr).Port {
			return fd, true
		}
	}
	return -1, false
}

// send writes up to n bytes and returns how many were taken before the server closed.
func send(c net.Conn, n int) int {
	sent, piece := 0, make([]byte, 1<<20)
	for sent < n {
		m, err := c.Write(piece[:min(len(piece), n-sent)])
		if sent += m; err != nil {
			break
		}
	}
	return sent
}

// hello checks that the server still serves.
func hello(t *testing.T, addr string) {
	t.Helper()
	c := dial(t, addr)
	got := make([]byte, 5)
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Fatalf("another connection: %q, %v", got, err)
	}
}

func forEach(t *testing.T, f func(t *testing.T, m servers.Model)) {
	for _, m := range eventLoops {
		t.Run(m.Name, func(t *testing.T) { f(t, m) })
	}
}

// TestFINLosesWhatIsOwed is the limit "half-close". 32 MiB are more than the two sockets hold, the
// peer's being small; so when the library has read them all, and the FIN, some are in its queue.
func TestFINLosesWhatIsOwed(t *testing.T) {
	forEach(t, func(t *testing.T, m servers.Model) {
		addr := start(t, m, servers.Config{Protocol: proto.Echo()})
		c := dial(t, addr)
		sent := send(c, 32<<20)
		await(t, "the library to read everything", func() bool {
			fd, open := serverSide(c)
			n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
			return open && err == nil && n == 0
		})
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		await(t, "the library to close", func() bool { _, open := serverSide(c); return !open })
		got, err := io.Copy(io.Discard, c)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("neither the echo nor an end after %d of %d bytes", got, sent)
		}
		if got >= int64(sent) {
			t.Errorf("all %d bytes came back: the known limit is gone", sent)
		}
	})
}

// TestFloodIsBounded: reading never stops, but the connection of a peer that only sends ends.
func TestFloodIsBounded(t *testing.T) {
	forEach(t, func(t *testing.T, m servers.Model) {
		addr := start(t, m, servers.Config{Protocol: proto.Echo()})
		c := dial(t, addr)
		const most = 1 << 30
		if sent := send(c, most); sent == most {
			t.Errorf("took %d MiB from a peer that reads nothing", sent>>20)
		} else if sent < 64<<20 {
			t.Errorf("closed after %d bytes, which two sockets may hold", sent)
		}
		hello(t, addr)
	})
}

// TestStalledReaderTimesOut: the write time-out strikes once the peer sends no more.
func TestStalledReaderTimesOut(t *testing.T) {
	forEach(t, func(t *testing.T, m servers.Model) {
		cfg := servers.Config{Protocol: proto.Echo(), Timeouts: servers.Timeouts{Write: 300 * time.Millisecond}}
		addr := start(t, m, cfg)
		c := dial(t, addr)
		send(c, 32<<20)
		await(t, "the server to give up", func() bool {
			send(c, 1) // a byte now and then is no progress while more is owed
			_, open := serverSide(c)
			return !open
		})
		hello(t, addr)
	})
}

// moody panics when it is told to.
type moody struct{ proto.Session }

func (m moody) Feed(out, in []byte) ([]byte, proto.Verdict) {
	if strings.Contains(string(in), "panic") {
		panic("as asked")
	}
	return m.Session.Feed(out, in)
}

// TestPanicClosesOneConnection: a library does not catch the panic of a handler; we do.
func TestPanicClosesOneConnection(t *testing.T) {
	for _, offload := range []int{0, 1} {
		forEach(t, func(t *testing.T, m servers.Model) {
			echo := proto.Echo()
			addr := start(t, m, servers.Config{Offload: offload, Protocol: proto.Protocol{
				Name: "echo", New: func() proto.Session { return moody{echo.New()} },
			}})
			c := dial(t, addr)
			if _, err := io.WriteString(c, "panic"); err != nil {
				t.Fatal(err)
			}
			if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("after a panic: %d bytes, %v; want the connection closed", n, err)
			}
			hello(t, addr)
		})
	}
}

// TestPortInUse: a second server must not share the port of the first, though gnet's listeners
// have SO_REUSEPORT.
func TestPortInUse(t *testing.T) {
	forEach(t, func(t *testing.T, m servers.Model) {
		addr := start(t, m, servers.Config{Protocol: proto.Echo()})
		err := m.Serve(context.Background(), servers.Config{
			Addr: addr, Protocol: proto.Echo(), Loops: 2,
			Ready: func(net.Addr) { t.Error("ready on a port in use") },
		})
		if err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("Serve returned %v; want an error that names %s", err, addr)
		}
	})
}

package server_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/emulated"
	"iomodels/servers/proactor/server"
	"iomodels/servers/proactor/uring"
	"iomodels/servers/proactor/uring/feature"
	"iomodels/servers/proactor/uring/probe"
	"iomodels/servers/proto"
	"iomodels/servers/sock"
)

// backends are what the server runs on.
var backends = map[string]proactor.Backend{
	"uring": func(s proactor.Settings) (proactor.Proactor, error) {
		return uring.New(uring.Options{Settings: s})
	},
	"uring-plain": func(s proactor.Settings) (proactor.Proactor, error) {
		return uring.New(uring.Options{Settings: s, Without: feature.Multishot | feature.QuietSends})
	},
	"emulated": func(s proactor.Settings) (proactor.Proactor, error) { return emulated.New(s) },
}

// house is a loop that runs in the test's own goroutine, turn by turn.
type house struct {
	*testing.T
	server.TestLoop
	port  int
	peers []int
}

// eachBackend runs body with a loop on each backend.
func eachBackend(t *testing.T, p proto.Protocol, body func(*house)) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) {
			if err := probe.Available(); err != nil && name != "emulated" {
				t.Skip(err)
			}
			cfg, err := servers.Config{Addr: "x", Protocol: p}.WithDefaults()
			must(t, err)
			backend, err := open(proactor.Settings{
				BufferSize: cfg.ReadSize, ReceiveMax: proto.OutputBound, RawWait: proactor.RawWaitMax,
			})
			must(t, err)
			defer backend.Close()
			listener, addr, err := sock.Listen("127.0.0.1:0", false, false)
			must(t, err)
			loop, err := server.NewTestLoop(cfg, backend, listener)
			must(t, err)
			h := &house{T: t, TestLoop: loop, port: addr.Port}
			h.peers = make([]int, 0, 4096) // what a peer costs here must not grow
			defer func() {
				for _, fd := range h.peers {
					unix.Close(fd)
				}
			}()
			body(h)
			must(t, h.Stop())
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dial connects; the descriptor does not block.
func (h *house) dial() int {
	h.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(h.T, err)
	h.peers = append(h.peers, fd)
	must(h.T, unix.Connect(fd, &unix.SockaddrInet4{Port: h.port, Addr: [4]byte{127, 0, 0, 1}}))
	must(h.T, unix.SetNonblock(fd, true))
	return fd
}

// until takes turns until cond holds.
func (h *house) until(what string, cond func() bool) {
	for end := time.Now().Add(20 * time.Second); !cond(); {
		if err := h.Turn(); err != nil {
			h.Fatal(err)
		}
		if time.Now().After(end) {
			h.Fatal("never: " + what)
		}
	}
}

func TestAllocsPerRunRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, tc := range []struct {
		proto   proto.Protocol
		request string
		answer  int // bytes at least
	}{
		{proto.Echo(), "0123456789012345678901234567890123456789012345678901234567890123", 64},
		{proto.HTTP(ctx, proto.Limits{}), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 100},
	} {
		t.Run(tc.proto.Name, func(t *testing.T) {
			eachBackend(t, tc.proto, func(h *house) {
				fd, request, answer := h.dial(), []byte(tc.request), make([]byte, 4096)
				exchange := func() {
					if n, err := unix.Write(fd, request); n != len(request) {
						h.Fatal(n, err)
					}
					got := 0
					h.until("an answer", func() bool {
						if n, _ := unix.Read(fd, answer); n > 0 {
							got += n
						}
						return got >= tc.answer
					})
				}
				if n := testing.AllocsPerRun(500, exchange); n != 0 && !(racing && tc.proto.Name == "http") {
					h.Errorf("%v allocations per request; want 0", n)
				}
			})
		})
	}
}

// An idle connection is a struct with a pending receive, and entries in tables. Some of these
// are indexed by descriptor; the peers, which a server would not have in its own process, are
// moved out of the way.
func TestIdleConnectionMemory(t *testing.T) {
	const conns, budget = 2000, 128
	var files unix.Rlimit
	if must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &files)); files.Cur < 3*conns {
		t.Skipf("needs %d descriptors, may have %d: ulimit -n", 3*conns, files.Cur)
	}
	eachBackend(t, proto.Echo(), func(h *house) {
		connect := func(n int) {
			live := h.Live()
			for i := range n {
				peer := h.dial()
				high, err := unix.FcntlInt(uintptr(peer), unix.F_DUPFD_CLOEXEC, 2*conns-1000)
				must(t, err)
				unix.Close(peer)
				h.peers[len(h.peers)-1] = high
				if i%100 == 99 || i == n-1 {
					h.until("all are accepted", func() bool { return h.Live() == live+i+1 })
				}
			}
		}
		connect(10)
		before := heap()
		connect(conns)
		each := float64(heap()-before) / conns
		h.Logf("%.0f bytes of heap per idle connection", each)
		if each > budget && h.Name() != t.Name()+"/emulated" {
			h.Errorf("%.0f bytes per idle connection; want at most %d", each, budget)
		}
		runtime.KeepAlive(h)
	})
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Peers that send without end and read nothing: what the server keeps for one is bounded.
func TestBackPressureIsBounded(t *testing.T) {
	const peers = 20
	eachBackend(t, proto.Echo(), func(h *house) {
		var fds []int
		for range peers {
			fds = append(fds, h.dial())
		}
		h.until("all are accepted", func() bool { return h.Live() == peers })
		piece := make([]byte, 256<<10)
		for quiet := 0; quiet < 20; {
			sent := 0
			for _, fd := range fds {
				if n, _ := unix.Write(fd, piece); n > 0 {
					sent += n
				}
			}
			if quiet++; sent > 0 {
				quiet = 0
			}
			for range 3 {
				must(h.T, h.Turn())
			}
		}
		// An answer, and what arrived meanwhile: each may be full, and then take one read more.
		const bound = 2 * (proto.OutputBound + 2*servers.DefaultReadSize)
		if owed := h.Owed(); owed > bound || owed == 0 {
			h.Errorf("%d bytes are held for one peer that does not read; want at most %d", owed, bound)
		} else {
			h.Logf("%d bytes are held for one peer that does not read", owed)
		}
	})
}

package reactor

import (
	"bytes"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/reactor/stream"
	"iomodels/servers/sock"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func send(t testing.TB, fd int, s string) {
	t.Helper()
	_, err := unix.Write(fd, []byte(s))
	must(t, err)
}

// rig is a loop without a goroutine of its own: the test takes its turns, so every interleaving
// of peer and loop is chosen, and time is what the test says.
type rig struct {
	t      testing.TB
	l      *loop
	house  *loops.House
	addr   *net.TCPAddr
	log    bytes.Buffer
	passed time.Duration // beside what really has
	peers  []int         // closed at the end
}

// modes are the two ways in which the demultiplexer can report.
var modes = map[string]bool{"level": false, "edge": true}

func newRig(t testing.TB, edge bool, cfg servers.Config) *rig {
	t.Helper()
	r := &rig{t: t, peers: make([]int, 0, 2000)}
	watchdog := time.AfterFunc(time.Minute, func() { panic(t.Name() + " waits for ever") })
	t.Cleanup(func() {
		watchdog.Stop()
		for _, fd := range r.peers {
			unix.Close(fd)
		}
	})
	cfg.Addr, cfg.Loops, cfg.Log = "127.0.0.1:0", 1, slog.New(slog.NewTextHandler(&r.log, nil))
	var err error
	r.house, err = loops.New(cfg)
	must(t, err)
	listener, addr, err := sock.Listen(cfg.Addr, false, true)
	must(t, err)
	if cfg.Offload > 0 {
		r.house.Pool = offload.New(cfg.Offload)
		t.Cleanup(r.house.Pool.Close)
	}
	r.l, err = open(r.house, listener, Options{Demux: demux.New, Edge: edge})
	must(t, err)
	t.Cleanup(func() { r.l.Close() })
	r.l.now = func() time.Duration { return r.passed + r.l.demux.Now() }
	r.addr = addr
	return r
}

// turn takes one turn, which must find something to do.
func (r *rig) turn() {
	r.t.Helper()
	must(r.t, r.l.turn())
}

// pass lets time go by, and whoever's time is up learn of it.
func (r *rig) pass(d time.Duration) {
	r.passed += d
	r.l.deadlines.Expire(r.l.tick(), r.l.expired)
}

// knock returns the client's end of a new connection.
func (r *rig) knock() int {
	r.t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(r.t, err)
	r.peers = append(r.peers, fd)
	must(r.t, unix.Connect(fd, &unix.SockaddrInet4{Port: r.addr.Port, Addr: [4]byte{127, 0, 0, 1}}))
	must(r.t, unix.SetNonblock(fd, true))
	return fd
}

// connect is knock, and the loop has accepted.
func (r *rig) connect() int {
	r.t.Helper()
	fd := r.knock()
	for before := r.accepted(); r.accepted() == before; {
		r.turn()
	}
	return fd
}

func (r *rig) accepted() int { return r.open() + r.house.Taken(loops.Doorstep) }

func (r *rig) open() int { return r.house.Taken(loops.Inside) }

// hear takes turns until the client has received something: n > 0 bytes, or an end (n = 0).
func (r *rig) hear(fd int, buf []byte) (n int, errno unix.Errno) {
	for {
		if n, errno = sock.Recv(fd, buf); errno != unix.EAGAIN {
			return n, errno
		}
		r.turn()
	}
}

func (r *rig) want(fd int, s string) {
	r.t.Helper()
	buf := make([]byte, len(s)+100)
	got := 0
	for got < len(s) {
		n, errno := r.hear(fd, buf[got:])
		if n == 0 {
			r.t.Errorf("peer received %q, then the end (%v); want %q", buf[:got], errno, s)
			return
		}
		got += n
	}
	if string(buf[:got]) != s {
		r.t.Errorf("peer received %q; want %q", buf[:got], s)
	}
}

func (r *rig) wantOpen(open int) {
	r.t.Helper()
	if n := r.open(); n != open {
		r.t.Errorf("%d connections are open; want %d", n, open)
	}
}

// session is a Session made of a function and a phase.
type session struct {
	feed  func(out, in []byte) ([]byte, proto.Verdict)
	phase proto.Phase
}

func (s *session) Feed(out, in []byte) ([]byte, proto.Verdict) { return s.feed(out, in) }
func (s *session) Phase() proto.Phase                          { return s.phase }

// protocol has one session for all connections.
func protocol(s proto.Session) proto.Protocol {
	return proto.Protocol{Name: "test", New: func() proto.Session { return s }}
}

func TestAllocsPerRunOfRequests(t *testing.T) {
	for _, tc := range []struct {
		name    string
		p       proto.Protocol
		request string
		offload int
	}{
		{"echo", proto.Echo(), strings.Repeat("x", 64), 0},
		{"http", proto.HTTP(t.Context(), proto.Limits{}), "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{"echo offloaded", proto.Echo(), strings.Repeat("x", 64), 1},
	} {
		for mode, edge := range modes {
			t.Run(tc.name+"/"+mode, func(t *testing.T) {
				limits := servers.Timeouts{Idle: time.Minute}
				r := newRig(t, edge, servers.Config{Protocol: tc.p, Offload: tc.offload, Timeouts: limits})
				fd := r.connect()
				request, buf := []byte(tc.request), make([]byte, 4096)
				n := testing.AllocsPerRun(2000, func() {
					sock.Send(fd, request)
					r.hear(fd, buf)
				})
				if n != 0 {
					t.Errorf("%v allocations per request; want 0", n)
				}
			})
		}
	}
}

// What an idle connection costs this process: the struct, the session, and all tables. Both
// ends of the connections are here, so the tables by descriptor are twice their usual size.
func TestIdleConnectionIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(conn{}); size > 64 {
		t.Errorf("a conn has %d bytes; want at most 64, a cache line", size)
	}
	const conns, most = 1000, 160
	var limit unix.Rlimit
	if must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)); limit.Cur < 2*conns+100 {
		t.Skipf("needs %d descriptors, may have %d", 2*conns+100, limit.Cur)
	}
	r := newRig(t, false, servers.Config{Protocol: proto.Echo()})
	heap := heapInUse()
	for range conns {
		r.connect()
	}
	each := (heapInUse() - heap) / conns
	t.Logf("an idle connection takes %d bytes", each)
	if each > most {
		t.Errorf("an idle connection takes %d bytes; want at most %d", each, most)
	}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A peer that makes the session talk for ever must not keep the loop from others.
func TestEndlessTalkerDoesNotStarveOthers(t *testing.T) {
	for mode, edge := range modes {
		t.Run(mode, func(t *testing.T) {
			talks := 0
			talker := &session{feed: func(out, in []byte) ([]byte, proto.Verdict) {
				if talks++; string(in) == "hello" {
					return append(out, "hi"...), proto.Continue
				}
				return append(out, "bla"...), proto.Again
			}}
			r := newRig(t, edge, servers.Config{Protocol: protocol(talker)})
			loud, shy := r.connect(), r.connect()
			send(t, loud, "talk")
			r.turn()
			send(t, shy, "hello")
			before := talks
			r.want(shy, "hi")
			if steps := talks - before; steps > 3*stream.FairSteps {
				t.Errorf("the other peer waited for %d answers; want at most %d", steps, 3*stream.FairSteps)
			}
			talks = 0
			r.turn() // nothing but the list of those that go on
			if talks == 0 {
				t.Error("the talker has fallen silent")
			}
			r.l.conns.Each((*conn).close) // it is still in that list
			r.turn()
			r.wantOpen(0)
		})
	}
}

// Progress that needs no rest counts as progress.
func TestEndlessTalkerIsNotIdle(t *testing.T) {
	talker := &session{feed: func(out, in []byte) ([]byte, proto.Verdict) { return append(out, '!'), proto.Again }}
	r := newRig(t, false, servers.Config{Protocol: protocol(talker), Timeouts: servers.Timeouts{Idle: time.Second}})
	fd := r.connect()
	send(t, fd, "talk")
	for range 10 {
		r.turn()
		r.pass(time.Second / 2)
	}
	r.wantOpen(1)
}

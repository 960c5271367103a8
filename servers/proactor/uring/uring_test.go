package uring

import (
	"context"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/proactortest"
	"iomodels/servers/proactor/uring/abi"
	"iomodels/servers/proactor/uring/feature"
	"iomodels/servers/proactor/uring/pending"
	"iomodels/servers/proactor/uring/probe"
	"iomodels/servers/proto"
	"iomodels/servers/servertest"
	"iomodels/servers/sock"
)

// variants are the ways in which the backend can be run. All fulfil the same contract.
func variants() map[string]Options {
	all, err := feature.Parse(feature.Names())
	if err != nil {
		panic(err)
	}
	v := map[string]Options{
		"default":          {},
		"tiny-queue":       {Entries: 1},
		"two-buffers":      {Buffers: 2, Without: feature.Incremental},
		"without-anything": {Without: all},
	}
	for _, name := range feature.Names() {
		one, err := feature.Parse([]string{name})
		if err != nil {
			panic(err)
		}
		v["without-"+name] = Options{Without: one}
	}
	return v
}

func backend(opt Options) proactor.Backend {
	return func(s proactor.Settings) (proactor.Proactor, error) {
		opt.Settings = s
		return New(opt)
	}
}

func skipIfForbidden(t testing.TB) {
	t.Helper()
	if err := probe.Available(); err != nil {
		t.Skip(err)
	}
}

func TestContract(t *testing.T) {
	skipIfForbidden(t)
	for name, opt := range variants() {
		t.Run(name, func(t *testing.T) { proactortest.Run(t, backend(opt)) })
	}
}

func TestModel(t *testing.T) { servertest.Run(t, Model()) }

// Whatever is left out, the bytes on the wire stay the same. Each has a test of its own, because
// a case of the contract starts its test again in another process.
func TestModelWithoutMultishot(t *testing.T)       { without(t, "multishot") }
func TestModelWithoutProvidedBuffers(t *testing.T) { without(t, "provided-buffers") }
func TestModelWithoutIncremental(t *testing.T)     { without(t, "incremental") }
func TestModelWithoutQuietSends(t *testing.T)      { without(t, "quiet-sends") }
func TestModelWithoutBatching(t *testing.T)        { without(t, "batching") }
func TestModelWithoutDeferral(t *testing.T)        { without(t, "deferral") }
func TestModelWithoutGathering(t *testing.T)       { without(t, "gathering") }

func without(t *testing.T, name string) {
	m := Model()
	m.Protocols = []string{"echo"}
	m.Serve = func(ctx context.Context, cfg servers.Config) error {
		cfg.Without = []string{name}
		return Serve(ctx, cfg)
	}
	servertest.Run(t, m)
}

func TestUnknownFeature(t *testing.T) {
	err := Serve(t.Context(), servers.Config{Addr: "127.0.0.1:0", Protocol: proto.Echo(), Without: []string{"magic"}})
	if err == nil || !strings.Contains(err.Error(), "magic") || !strings.Contains(err.Error(), "multishot") {
		t.Errorf("Serve without magic: %v; want the names that are known", err)
	}
}

// open returns a proactor that the test may look into, and a connected pair.
func open(t *testing.T, opt Options) (p *Proactor, fd, peer int) {
	t.Helper()
	skipIfForbidden(t)
	opt.Settings = proactor.Settings{BufferSize: 1024, ReceiveMax: 4096}
	p, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pair[1]) })
	return p, pair[0], pair[1]
}

func until(t *testing.T, p *Proactor, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); {
		if err := p.Complete(10 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// What is there when a turn begins is there for its handlers, however little the kernel brings at a
// time: no handler has to wait for what another one, of the same moment, submits.
func TestGathersWhatIsThere(t *testing.T) {
	const many = 100
	turns := func(opt Options) (turns int) {
		p, fd, peer := open(t, opt)
		defer p.Close()
		fds, peers, got := []int{fd}, []int{peer}, 0
		for len(fds) < many {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
			fds, peers = append(fds, pair[0]), append(peers, pair[1])
		}
		ops := make([]proactor.Op, many)
		for i := range ops {
			ops[i] = proactor.Op{FD: int32(fds[i]), Done: func(*proactor.Op, int, error) { got++ }}
			p.Submit(&ops[i], proactor.Receive)
		}
		say := func(n int) {
			for _, peer := range peers[:n] {
				if _, err := unix.Write(peer, []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
		}
		say(2)
		until(t, p, "the first two", func() bool { return got == 2 })
		p.found = 2 // they may have come one by one
		say(many)
		until(t, p, "all", func() bool { turns++; return got >= 2+many })
		return turns - 1
	}
	if n := turns(Options{}); n != 1 {
		t.Errorf("%d turns for what was there at once; want 1", n)
	}
	if n := turns(Options{Without: feature.Gathering}); n < 2 {
		t.Logf("%d turn without gathering: this kernel brings everything at once", n)
	}
}

// A kernel that cannot bound a receive refuses it with EINVAL. (Here the answer is made up.)
func TestReceivesWithoutBoundWhereThereIsNone(t *testing.T) {
	p, fd, peer := open(t, Options{})
	defer p.Close()
	var got string
	op := proactor.Op{FD: int32(fd), Done: func(op *proactor.Op, n int, err error) {
		if err != nil {
			t.Errorf("completed with %v", err)
		}
		got += string(op.Buf[:n])
	}}
	op.Begin(proactor.Receive)
	p.pending.Add(&op) // as Submit does, without an entry for the kernel
	refused := pending.UserData(&op)
	p.completed(abi.CQE{UserData: refused, Res: -int32(unix.EINVAL)})
	if p.buffers.Unbound() || !op.Pending || pending.UserData(&op) == refused {
		t.Fatalf("pending: %v; want it submitted anew, without a bound", op.Pending)
	}
	p.completed(abi.CQE{UserData: refused, Res: 5}) // comes after its time
	if _, err := unix.Write(peer, []byte("bytes")); err != nil {
		t.Fatal(err)
	}
	until(t, p, "the bytes", func() bool { return got == "bytes" })
	p.CloseFD(fd)
}

// Sends that fail quietly while the completion queue is full: none may be taken for a success.
func TestQuietFailureBehindAnOverflow(t *testing.T) {
	p, fd, _ := open(t, Options{Entries: 1}) // eight completions fit
	defer unix.Close(fd)
	defer p.Close()
	const senders = 40
	succeeded, failed := 0, 0
	ops := make([]proactor.Op, senders)
	for i := range ops {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(pair[1]) // so that every send fails
		defer unix.Close(pair[0])
		ops[i] = proactor.Op{FD: int32(pair[0]), Buf: []byte("x")}
		ops[i].Done = func(_ *proactor.Op, _ int, err error) {
			if err == nil {
				succeeded++
			} else {
				failed++
			}
		}
	}
	for i := range ops {
		p.Submit(&ops[i], proactor.SendLazily)
	}
	if p.ring.Enter(0, 0, true); !p.ring.Overflowed() {
		t.Fatal("the queue did not overflow: this test tests nothing")
	}
	until(t, p, "all completions", func() bool { return succeeded+failed == senders })
	if succeeded > 0 {
		t.Errorf("%d of %d sends to nobody were told to have succeeded", succeeded, senders)
	}
}

// Connections that were accepted and not yet told of must not outlive the proactor.
func TestCloseClosesAcceptedConnections(t *testing.T) {
	p, fd, _ := open(t, Options{})
	defer unix.Close(fd)
	l, addr, err := sock.Listen("127.0.0.1:0", false, false)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(l)
	op := proactor.Op{FD: int32(l), Done: func(_ *proactor.Op, fd int, err error) {
		t.Errorf("told of %d, %v during Close", fd, err)
	}}
	p.Submit(&op, proactor.Accept)
	peer, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(peer)
	to := &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Connect(peer, to); err != nil {
		t.Fatal(err)
	}
	p.ring.Enter(1, time.Second, false) // accepted; its completion stays in the queue
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	unix.SetsockoptTimeval(peer, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20})
	if n, err := unix.Read(peer, make([]byte, 1)); n > 0 || err == unix.EAGAIN {
		t.Errorf("the peer's read: %d, %v; want the connection closed", n, err)
	}
}

func TestDescriptorClosedAfterItsLastCompletion(t *testing.T) {
	p, fd, _ := open(t, Options{})
	defer p.Close()
	completed := false
	op := proactor.Op{FD: int32(fd), Done: func(*proactor.Op, int, error) { completed = true }}
	p.Submit(&op, proactor.Receive)
	p.ring.Enter(0, 0, true)
	p.CloseFD(fd)
	p.ring.Enter(0, 0, true) // the cancellation is carried out; its completion stays in the queue
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); completed || err != nil {
		t.Fatalf("completed: %v, descriptor: %v; want it open until the handler was told", completed, err)
	}
	until(t, p, "the close", func() bool {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		return completed && err == unix.EBADF
	})
}

func TestCloseCarriesOutWhatWasToBeClosed(t *testing.T) {
	p, fd, _ := open(t, Options{})
	op := proactor.Op{FD: int32(fd), Done: func(*proactor.Op, int, error) {}}
	p.Submit(&op, proactor.Receive)
	p.ring.Enter(0, 0, true)
	p.CloseFD(fd)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("the descriptor was to be closed: %v", err)
	}
}

func BenchmarkBell(b *testing.B) {
	skipIfForbidden(b)
	p, err := New(Options{Settings: proactor.Settings{BufferSize: 1024, RawWait: proactor.RawWaitMax}})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for b.Loop() {
		p.Wake()
		if err := p.Complete(-1); err != nil {
			b.Fatal(err)
		}
	}
}

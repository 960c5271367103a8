package servertest

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"iomodels/servers"
	"iomodels/servers/goroutine"
	"iomodels/servers/proto"
)

// A contract is worth what it can refuse. Here servers with one fault each must be found out,
// by the case that is named for it.
func TestContractFindsFaults(t *testing.T) {
	tests := []struct {
		fault string
		proto string
		cases string // that must fail
		model servers.Model
	}{
		{"changes a byte", "echo", "sizes", speaking(changeByte)},
		{"answers late bytes first", "http", "pipelining", speaking(swapHalves)},
		{"forgets Again", "http", "large-response", speaking(verdict(proto.Again, proto.Continue))},
		{"does not linger", "http", "malformed-linger", speaking(verdict(proto.Linger, proto.Close))},
		{"says nothing at first", "http", "expect-continue", speaking(holdInterim)},
		{"answers bytes and not frames", "frame", "fragments", speaking(bytesBack)},
		{"takes what was read for a frame", "frame", "frames", forgetful()},
		{"does not linger", "frame", "too-large", speaking(verdict(proto.Linger, proto.Close))},
		{"drops what is owed at FIN", "echo", "half-close-slow-reader", raw(queueing)},
		{"never stops reading", "echo", "back-pressure", raw(queueing)},
		{"closes at FIN", "http", "half-close-request", raw(deafAfterFIN)},
		{"uses plain net.Listen", "echo", "socket-options", raw(echoing)},
		{"has no bound", "echo", "max-conns", configured(func(c *servers.Config) { c.MaxConns = 0 })},
		{"has no idle time-out", "echo", "idle-timeout", configured(noIdle)},
		{"is impatient", "echo", "idle-timeout", configured(func(c *servers.Config) { c.Timeouts.Idle /= 4 })},
		{"has no head time-out", "http", "head-timeout", configured(noHead)},
		{"has no write time-out", "echo", "write-timeout", configured(noWrite)},
		{"drops requests at stop", "http", "stop-in-flight", configured(func(c *servers.Config) { c.Grace = 1 })},
		{"lets a panic through", "echo", "handler-panic", raw(recovering)},
		{"forgets idle connections at stop", "echo", "stop-idle", raw(echoing)},
	}
	for _, tt := range tests {
		t.Run(tt.cases+"/"+tt.fault, func(t *testing.T) {
			t.Parallel()
			c := caseNamed(t, tt.cases, tt.proto)
			e, err := newEnv(t, tt.model, c, tt.proto)
			if err != nil {
				t.Fatal(err)
			}
			e.Deadline = time.Now().Add(2 * time.Second)
			if err := c.Run(e); err == nil {
				t.Errorf("a server that %s passes", tt.fault)
			} else {
				t.Logf("found out: %v", err)
			}
			e.close()
			e.cancel()
			<-e.result
			e.release()
		})
	}
}

func TestEveryCaseIsExplainedAndNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		for _, p := range proto.Names() {
			if !c.asks(p) {
				continue
			}
			if name := p + "/" + c.Name; seen[name] {
				t.Errorf("%s stands there twice", name)
			} else {
				seen[name] = true
			}
		}
		if c.Explanation == "" || c.Run == nil {
			t.Errorf("%s lacks its explanation or its code", c.Name)
		}
	}
}

func TestLeaksAreFound(t *testing.T) {
	before := takeInventory()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if left := before.left(); left == nil {
		t.Error("an open listener was not found")
	}
	l.Close()
	if err := before.awaitEqual(); err != nil {
		t.Errorf("after its close: %v", err)
	}
	stop := make(chan struct{})
	go func() { <-stop }()
	if left := before.left(); left == nil {
		t.Error("a goroutine left running was not found")
	}
	close(stop)
	if err := before.awaitEqual(); err != nil {
		t.Errorf("after its end: %v", err)
	}
}

// A server whose accept loop ends at the first error must not pass for one that lives.
func TestExhaustionIsFound(t *testing.T) {
	m := raw(echoing)
	if serveAsChild(t, m) {
		return
	}
	e, err := newEnv(t, m, Case{}, "echo")
	if err != nil {
		t.Fatal(err)
	}
	e.Deadline = time.Now().Add(4 * time.Second)
	if err := descriptors(e); err == nil {
		t.Error("a server that ended when it ran out of descriptors passes")
	} else {
		t.Logf("found out: %v", err)
	}
	e.close()
	if err := e.awaitStop(); err != nil {
		t.Error(err)
	}
}

func caseNamed(t *testing.T, name, protoName string) Case {
	t.Helper()
	i := slices.IndexFunc(Cases(), func(c Case) bool {
		return c.Name == name && (c.Proto == "" || c.Proto == protoName)
	})
	if i < 0 {
		t.Fatalf("no case %q", name)
	}
	return Cases()[i]
}

func noIdle(c *servers.Config)  { c.Timeouts.Idle = 0 }
func noHead(c *servers.Config)  { c.Timeouts.Head = 0 }
func noWrite(c *servers.Config) { c.Timeouts.Write = 0 }

// configured is a good model that gets a configuration other than the case asked for.
func configured(change func(*servers.Config)) servers.Model {
	m := goroutine.Model()
	serve := m.Serve
	m.Serve = func(ctx context.Context, cfg servers.Config) error {
		change(&cfg)
		return serve(ctx, cfg)
	}
	return m
}

// feed is a Feed with a Session to pass it on to.
type feed func(s proto.Session, out, in []byte) ([]byte, proto.Verdict)

type faulty struct {
	proto.Session
	feed feed
}

func (f faulty) Feed(out, in []byte) ([]byte, proto.Verdict) { return f.feed(f.Session, out, in) }

// speaking is a good model whose sessions are not.
func speaking(f feed) servers.Model {
	return configured(func(c *servers.Config) {
		good := c.Protocol.New
		c.Protocol.New = func() proto.Session { return faulty{good(), f} }
	})
}

func changeByte(s proto.Session, out, in []byte) ([]byte, proto.Verdict) {
	out, v := s.Feed(out, in)
	if len(out) >= 1<<13 {
		out[1<<12] ^= 1
	}
	return out, v
}

func swapHalves(s proto.Session, out, in []byte) ([]byte, proto.Verdict) {
	out, v := s.Feed(out, in)
	half := len(out) / 2
	return append(append([]byte{}, out[half:]...), out[:half]...), v
}

func verdict(from, to proto.Verdict) feed {
	return func(s proto.Session, out, in []byte) ([]byte, proto.Verdict) {
		out, v := s.Feed(out, in)
		if v == from {
			v = to
		}
		return out, v
	}
}

func bytesBack(_ proto.Session, out, in []byte) ([]byte, proto.Verdict) {
	return append(out, in...), proto.Continue
}

// forgetful has sessions that begin anew with each read.
func forgetful() servers.Model {
	return configured(func(c *servers.Config) {
		begin := c.Protocol.New
		c.Protocol.New = func() proto.Session {
			return faulty{begin(), func(_ proto.Session, out, in []byte) ([]byte, proto.Verdict) {
				return begin().Feed(out, in)
			}}
		}
	})
}

// holdInterim sends nothing while a body is awaited.
func holdInterim(s proto.Session, out, in []byte) ([]byte, proto.Verdict) {
	more, v := s.Feed(out, in)
	if s.Phase() == proto.Body {
		return out, v
	}
	return more, v
}

// raw is a model made of one function per connection and nothing else.
func raw(serve func(c net.Conn, s proto.Session)) servers.Model {
	return servers.Model{Name: "raw", Serve: func(ctx context.Context, cfg servers.Config) error {
		l, err := net.Listen("tcp", cfg.Addr)
		if err != nil {
			return err
		}
		defer context.AfterFunc(ctx, func() { l.Close() })()
		cfg.Ready(l.Addr())
		for {
			c, err := l.Accept()
			if err != nil {
				return nil
			}
			go func() {
				defer c.Close()
				serve(c, cfg.Protocol.New())
			}()
		}
	}}
}

func echoing(c net.Conn, s proto.Session) {
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		out, _ := s.Feed(nil, buf[:n])
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// recovering outlives a panic, but tells nobody.
func recovering(c net.Conn, s proto.Session) {
	defer func() {
		if recover() != nil {
			io.Copy(io.Discard, c) // until the peer has had enough
		}
	}()
	echoing(c, s)
}

// queueing reads as fast as it can, into a queue without end, and closes when the peer does.
func queueing(c net.Conn, s proto.Session) {
	var mu sync.Mutex
	var queue []byte
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			mu.Lock()
			out := queue
			queue = nil
			mu.Unlock()
			if len(out) > 0 {
				c.Write(out)
			}
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		mu.Lock()
		queue, _ = s.Feed(queue, buf[:n])
		mu.Unlock()
	}
}

// deafAfterFIN answers only peers whose stream goes on.
func deafAfterFIN(c net.Conn, s proto.Session) {
	buf := make([]byte, 4096)
	for at := 0; ; {
		n, err := c.Read(buf[at:])
		at += n
		if err != nil {
			return
		}
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := c.Read(buf[at : at+1]); err == nil || !isTimeout(err) {
			return
		}
		c.SetReadDeadline(time.Time{})
		out, _ := s.Feed(nil, buf[:at])
		c.Write(out)
		at = 0
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

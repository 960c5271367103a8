package libnetpoll

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudwego/netpoll"
	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// server holds the connections, and looks after them now and then.
type server struct {
	cfg   servers.Config
	begin time.Time
	pool  *offload.Pool // nil: the session runs on the handler's goroutine
	jobs  sync.Pool     // of *offload.Job: output buffers, while a request is handled
	over  chan struct{} // closed when the server ends
	ended sync.WaitGroup

	stopping atomic.Bool

	mu   sync.Mutex
	open map[*conn]struct{}
}

func newServer(cfg servers.Config) *server {
	s := &server{
		cfg: cfg, begin: time.Now(), over: make(chan struct{}), open: map[*conn]struct{}{},
	}
	s.jobs.New = func() any { return new(offload.Job) }
	if cfg.Offload > 0 {
		s.pool = offload.New(cfg.Offload)
	}
	s.ended.Go(s.watch)
	return s
}

// onPrepare is called for a new connection, before it is watched for input.
func (s *server) onPrepare(c netpoll.Connection) context.Context {
	k := &conn{
		Context: context.Background(), Connection: c, server: s,
		session: s.cfg.Protocol.New(),
	}
	s.mu.Lock()
	s.open[k] = struct{}{}
	s.mu.Unlock()
	// It is called when the last handler has returned. Adding it cannot fail.
	_ = c.AddCloseCallback(func(netpoll.Connection) error {
		proto.Release(k.session)
		s.mu.Lock()
		delete(s.open, k)
		s.mu.Unlock()
		return nil
	})
	return k
}

// onRequest is called while there is input, on a goroutine of the connection's own. What
// onPrepare returned comes back as the context.
func (s *server) onRequest(ctx context.Context, _ netpoll.Connection) error {
	ctx.(*conn).converse()
	return nil
}

// full reports whether no further connection is wanted.
func (s *server) full() bool {
	if s.stopping.Load() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.MaxConns > 0 && len(s.open) >= s.cfg.MaxConns
}

// gate turns connections away before netpoll sees them: in OnPrepare nothing can be written yet.
type gate struct {
	netpoll.Listener
	server *server
}

// Accept implements netpoll.Listener: neither a connection nor an error means that none waits.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil || c == nil || !g.server.full() {
			return c, err
		}
		if fd, ok := c.(netpoll.Conn); ok {
			// The send buffer of a new socket is empty, so nothing of this waits, and a peer
			// that is gone already needs no refusal.
			_, _ = unix.Write(fd.Fd(), g.server.cfg.Protocol.Refusal)
			_ = unix.Shutdown(fd.Fd(), unix.SHUT_WR)
		}
		c.Close()
	}
}

// watchEvery is how often the connections are looked at. It decides how late a time-out may be,
// and how much input a peer can pile up beyond inputMax.
const watchEvery = 2 * deadline.Resolution

// watch looks after the connections until the server ends.
func (s *server) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.over:
			return
		case <-tick.C:
			now := deadline.At(time.Since(s.begin))
			s.closeIf(func(k *conn) bool { return k.overdue(now) || k.flooded() })
		}
	}
}

// closeIf closes the connections for which cond holds, and returns how many others there are.
// Closing runs the close callback, which needs the lock; so first they are collected.
func (s *server) closeIf(cond func(*conn) bool) (others int) {
	var doomed []*conn
	s.mu.Lock()
	for k := range s.open {
		if cond(k) {
			doomed = append(doomed, k)
		}
	}
	others = len(s.open) - len(doomed)
	s.mu.Unlock()
	for _, k := range doomed {
		k.Close()
	}
	return others
}

func (s *server) closeAll() { s.closeIf(func(*conn) bool { return true }) }

// close ends what a server has besides netpoll.
func (s *server) close() {
	close(s.over)
	s.ended.Wait()
	if s.pool != nil {
		s.pool.Close()
	}
}

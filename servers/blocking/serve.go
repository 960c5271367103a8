package blocking

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"iomodels/servers"
	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// Listener accepts connections. One goroutine calls Accept; Stop may come from another.
type Listener interface {
	// Accept waits for the next connection.
	Accept() (Conn, error)
	// Stop makes the Accept that waits, and every later one, return an error.
	Stop()
	// Close frees the listener; no Accept is running then.
	Close() error
	Addr() net.Addr
}

// server is the house: every connection that is open, and the end of them all.
type server struct {
	cfg      servers.Config
	pool     *offload.Pool // nil: handlers run on their connection's own thread or goroutine
	buffers  sync.Pool     // of *[]byte, cfg.ReadSize each: churn need not make garbage
	stopping atomic.Bool
	gone     sync.WaitGroup // connections that have not ended

	mu      sync.Mutex // guards also that no Interrupt or Abort meets a closed descriptor
	open    Set[*peer] // all that have not ended
	refused int        // those of them that are only told that the server is full
}

// refusedMax is how many connections at a time are told that the server is full. They cost as
// much as any other, so in a storm the rest are just closed.
const refusedMax = 64

// midRequest says that a request has arrived in part: at stop such a connection is not
// interrupted, it may finish. It is stored to only when it changes.
type midRequest struct{ v atomic.Bool }

func (m *midRequest) set(v bool) {
	if m.v.Load() != v {
		m.v.Store(v)
	}
}

// Serve accepts from l and lets spawn run each conversation, until ctx is done; then it
// finishes what is in flight, closes everything, l included, and returns nil. cfg has its
// defaults filled in. spawn runs its argument on a goroutine or thread of its own.
func Serve(ctx context.Context, cfg servers.Config, l Listener, spawn func(func())) error {
	s := &server{cfg: cfg}
	s.buffers.New = func() any {
		b := make([]byte, cfg.ReadSize)
		return &b
	}
	if cfg.Offload > 0 {
		s.pool = offload.New(cfg.Offload)
		defer func() { s.pool.Close(); cfg.Log.Info("handler pool", "queue", s.pool.Stats()) }()
	}
	defer context.AfterFunc(ctx, l.Stop)()
	cfg.Ready(l.Addr())
	s.acceptAll(ctx, l, spawn)
	if err := l.Close(); err != nil {
		cfg.Log.Warn("close listener", "err", err)
	}
	s.finish()
	return nil
}

// acceptAll lets connections in until ctx is done. No error ends it: a server that is out of
// descriptors, or meets a peer that left again, is not at its end.
func (s *server) acceptAll(ctx context.Context, l Listener, spawn func(func())) {
	trouble := BackOff{Log: s.cfg.Log}
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return
		case err != nil:
			trouble.Wait(ctx, err)
			continue
		}
		trouble.Over()
		if p := s.admit(c); p != nil {
			spawn(func() { s.serve(p) })
		}
	}
}

// admit takes c in, or takes it in only to refuse it, or closes it and returns nil.
func (s *server) admit(c Conn) *peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &peer{conn: c}
	p.refused = s.cfg.MaxConns > 0 && s.open.Len()-s.refused >= s.cfg.MaxConns
	if p.refused {
		if len(s.cfg.Protocol.Refusal) == 0 || s.refused == refusedMax {
			c.Close()
			return nil
		}
		s.refused++
	} else {
		p.job.Session = s.cfg.Protocol.New()
	}
	s.open.Add(p)
	s.gone.Add(1)
	return p
}

// serve is the life of one connection.
func (s *server) serve(p *peer) {
	defer s.gone.Done()
	buf := s.buffers.Get().(*[]byte)
	if p.refused {
		p.conn.Write(s.cfg.Protocol.Refusal, deadline.LingerTime)
		linger(p.conn, *buf)
	} else {
		s.converse(p, *buf)
	}
	s.buffers.Put(buf)
	s.mu.Lock()
	s.open.Remove(p)
	if p.refused {
		s.refused--
	}
	s.mu.Unlock()
	p.conn.Close()
	if !p.refused {
		proto.Release(p.job.Session)
	}
}

// finish ends all connections: those that ask for nothing now, those that are being served
// when they are answered, and all that are left when the grace is over.
func (s *server) finish() {
	s.stopping.Store(true)
	s.forAll(func(p *peer) {
		if !p.mid.v.Load() {
			p.conn.Interrupt()
		}
	})
	if s.awaitGone(s.cfg.Grace) {
		return
	}
	s.forAll(func(p *peer) { p.conn.Abort() })
	if !s.awaitGone(time.Second) {
		s.cfg.Log.Warn("stopped while handlers were still running")
	}
}

func (s *server) forAll(f func(*peer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.open.All() {
		f(p)
	}
}

// awaitGone waits until every connection has ended, at most for limit.
func (s *server) awaitGone(limit time.Duration) bool {
	gone := make(chan struct{})
	go func() { s.gone.Wait(); close(gone) }()
	select {
	case <-gone:
		return true
	case <-time.After(limit):
		return false
	}
}

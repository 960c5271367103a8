package reactor

import (
	"context"
	"errors"
	"math"
	"net"
	"sync"
	"sync/atomic"

	"iomodels/servers"
	"iomodels/servers/offload"
	"iomodels/servers/sock"
)

// Model is the level-triggered reactor's entry in the registry.
func Model() servers.Model {
	return model("reactor", "epoll, hand-rolled, level-triggered: told that a call can be done, then does it", false)
}

// EdgeModel is the edge-triggered reactor's entry in the registry.
func EdgeModel() servers.Model {
	return model("reactor-et", "the same, edge-triggered: each change is told once", true)
}

func model(name, summary string, edge bool) servers.Model {
	return servers.Model{
		Name: name, Summary: summary, Family: servers.Reactor,
		Card: servers.Card{
			Loops:   "one thread and epoll instance per loop, each with its own listener (SO_REUSEPORT)",
			Buffers: "one read buffer per loop; a connection holds one only while output is pending",
			Copies:  "1 in (kernel to read buffer), 1 in the handler, 1 out; 1 more for what is not sent at once",
			Parser:  "package proto",
			Handler: "on the loop; with --offload on a worker pool",
		},
		Serve: func(ctx context.Context, cfg servers.Config) error { return serve(ctx, cfg, edge) },
	}
}

// server is what the loops share.
type server struct {
	cfg   servers.Config
	edge  bool
	loops []*loop
	pool  *offload.Pool // nil: handlers run on their loop

	limit    int64        // of admitted
	admitted atomic.Int64 // connections that were let in
	refused  atomic.Int64 // connections that were not, and linger
	stopping atomic.Bool
}

func serve(ctx context.Context, cfg servers.Config, edge bool) error {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return err
	}
	s := newServer(cfg, edge)
	addr, err := s.open()
	defer s.close()
	if err != nil {
		return err
	}
	if cfg.Offload > 0 {
		s.pool = offload.New(cfg.Offload)
		defer s.pool.Close() // before the loops are closed: workers wake them
	}
	cfg.Ready(addr)
	return s.run(ctx)
}

func newServer(cfg servers.Config, edge bool) *server {
	s := &server{cfg: cfg, edge: edge, limit: int64(cfg.MaxConns)}
	if s.limit == 0 {
		s.limit = math.MaxInt64
	}
	return s
}

// open makes the loops, each with its listener.
func (s *server) open() (net.Addr, error) {
	listeners, addr, err := sock.ListenShared(s.cfg.Addr, s.cfg.Loops, true)
	for _, fd := range listeners {
		s.loops = append(s.loops, newLoop(s, fd))
	}
	for _, l := range s.loops {
		if err == nil {
			err = l.open()
		}
	}
	return addr, err
}

// run runs the loops until ctx is done, or one of them fails.
func (s *server) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		<-ctx.Done()
		s.stopping.Store(true)
		for _, l := range s.loops {
			l.demux.Wake()
		}
	})
	errs := make([]error, len(s.loops))
	for i, l := range s.loops {
		// Not locked to a thread: the loop needs none in particular, and when its wait has cost
		// it the processor, a locked goroutine would need two thread switches to get one back.
		all.Go(func() {
			if errs[i] = l.run(); errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *server) close() {
	for _, l := range s.loops {
		l.close()
	}
}

package proactor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/sock"
	"iomodels/servers/watchdog"
)

// Backend opens a proactor for the calling goroutine, which alone will use it.
type Backend func(Settings) (Proactor, error)

// server is what the loops share.
type server struct {
	cfg      servers.Config
	workers  *offload.Pool // nil: handlers run where the bytes were received
	dog      *watchdog.Dog
	conns    atomic.Int64 // admitted and not buried
	stopping atomic.Bool
}

// Serve implements servers.Model.Serve on any backend.
func Serve(ctx context.Context, cfg servers.Config, open Backend) error {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return err
	}
	s := &server{cfg: cfg, dog: watchdog.New(cfg.Log)}
	defer s.dog.Start()()
	if cfg.Offload > 0 {
		s.workers = offload.New(cfg.Offload)
		defer func() { s.workers.Close(); cfg.Log.Info("handler pool", "queue", s.workers.Stats()) }()
	}
	listeners, addr, err := sock.ListenLoops(cfg.Addr, cfg.Loops, cfg.ReusePort, false)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opened, errs := make(chan *loop, len(listeners)), make([]error, len(listeners))
	var running sync.WaitGroup
	for i, fd := range listeners {
		running.Go(func() {
			if errs[i] = s.serve(open, fd, opened); errs[i] != nil {
				cancel()
			}
		})
	}
	var loops []*loop
	for range listeners {
		if l := <-opened; l != nil {
			loops = append(loops, l)
		}
	}
	defer context.AfterFunc(ctx, func() {
		s.stopping.Store(true)
		for _, l := range loops {
			l.p.Wake()
		}
	})()
	if len(loops) == len(listeners) {
		cfg.Ready(addr)
	}
	running.Wait()
	return errors.Join(errs...)
}

// serve is the life of one loop.
func (s *server) serve(open Backend, listener int, opened chan<- *loop) error {
	settings := Settings{BufferSize: s.cfg.ReadSize, ReceiveMax: proto.OutputBound, RawWait: RawWaitMax}
	if s.cfg.Offload > 0 || s.cfg.Loops > runtime.GOMAXPROCS(0) {
		settings.RawWait = 0 // others need the processor while a loop waits
	}
	settings.Watch = s.dog.Watch()
	p, err := open(settings)
	if err != nil {
		unix.Close(listener)
		opened <- nil
		return fmt.Errorf("open a proactor: %w", err)
	}
	l := newLoop(s, p, listener)
	l.watch = settings.Watch
	opened <- l
	if err = l.run(); err != nil { // the backend is broken: nobody else will close these
		l.each(func(c *connection) { unix.Close(int(c.receive.FD)) })
		if !l.stopping {
			unix.Close(listener)
		}
	}
	return errors.Join(err, p.Close())
}

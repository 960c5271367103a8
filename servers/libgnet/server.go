package libgnet

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/sock"
)

// server is gnet's event handler. gnet calls it from all its loops at once.
type server struct {
	gnet.BuiltinEventEngine
	cfg      servers.Config
	log      logger
	pool     *offload.Pool // nil: handlers run on the loop
	begin    time.Time
	release  func() // gives up the held address
	ready    func() // says that all loops run, to Config.Ready and by closing running
	running  chan struct{}
	engine   gnet.Engine
	fdMax    int          // a connection with this descriptor or a higher one is turned away
	open     atomic.Int64 // connections
	admitted atomic.Int64 // those of them that were not refused
	stopping atomic.Bool
	loops    sync.Map // gnet.EventLoop -> *loop

	mu    sync.RWMutex
	ended bool // the loops are about to end
}

// loop is what the connections of one event loop share. Its goroutine owns it.
type loop struct {
	*server
	events gnet.EventLoop
	conns  map[*conn]struct{}
	job    offload.Job // the Feed that is running
}

// serve runs one engine. gnet.Run returns when the engine has ended, asked to or not.
func serve(ctx context.Context, cfg servers.Config) error {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return err
	}
	s := &server{cfg: cfg, log: logger{Logger: cfg.Log}, begin: time.Now(), running: make(chan struct{})}
	addr, err := s.hold()
	if err != nil {
		return err
	}
	defer s.release()
	if cfg.Offload > 0 {
		s.pool = offload.New(cfg.Offload)
		defer s.pool.Close()
	}
	s.ready = sync.OnceFunc(func() { cfg.Ready(addr); close(s.running) })
	ended := make(chan error, 1)
	go func() {
		ended <- gnet.Run(s, "tcp://"+addr.String(), gnet.WithOptions(gnet.Options{
			NumEventLoop: cfg.Loops, ReusePort: true, ReuseAddr: true, TCPNoDelay: gnet.TCPNoDelay,
			ReadBufferCap: cfg.ReadSize, Ticker: true, Logger: &s.log,
		}))
	}()
	for _, next := range []<-chan struct{}{s.running, ctx.Done()} {
		select {
		case err := <-ended: // nil if accept failed: then only the log knows why
			return fmt.Errorf("gnet on %s ended by itself: %w, last error: %v", addr, err, s.log.last.Load())
		case <-next:
		}
	}
	s.drain()
	// Stop looks twice a second whether the engine has ended; Run returns at once. So Stop is only
	// told to begin: its error is that it was not given time to wait.
	begin, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.engine.Stop(begin)
	if err := <-ended; err != nil {
		return fmt.Errorf("gnet: run: %w", err)
	}
	return nil
}

// hold takes the address, and keeps it until gnet has it: gnet does not tell which port it was
// given, and with port 0 each of its listeners would get its own. A given port is first opened
// alone, because with SO_REUSEPORT it would be shared with any server of ours that has it.
func (s *server) hold() (net.Addr, error) {
	if _, port, err := net.SplitHostPort(s.cfg.Addr); err == nil && port != "0" && !s.cfg.ReusePort {
		alone, _, err := sock.Listen(s.cfg.Addr, false, true)
		if err != nil {
			return nil, err
		}
		unix.Close(alone)
	}
	held, addr, err := sock.Listen(s.cfg.Addr, true, true)
	s.release = sync.OnceFunc(func() { unix.Close(held) })
	return addr, err
}

// OnBoot is called when the first listener is open.
func (s *server) OnBoot(engine gnet.Engine) gnet.Action {
	s.engine = engine
	s.release()
	limit := unix.Rlimit{Cur: unix.RLIM_INFINITY}
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) // cannot fail for these arguments
	s.fdMax = int(min(limit.Cur, 1<<30)) - 2*s.cfg.Loops - 8
	return gnet.None
}

// OnTick is called on a goroutine of its own, for the first time when all loops run.
func (s *server) OnTick() (time.Duration, gnet.Action) {
	s.ready()
	s.sweep()
	return 4 * deadline.Resolution, gnet.None
}

// OnOpen is called on the loop that accepted. gnet cannot stop accepting without ending; and its
// engine ends, with every connection, when accept fails for want of a descriptor. The kernel
// hands out the lowest free number, so a high one means that few are left.
func (s *server) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	s.open.Add(1)
	if s.stopping.Load() || c.Fd() >= s.fdMax {
		return nil, gnet.Close
	}
	l := s.loopOf(c.EventLoop())
	k := &conn{Conn: c, loop: l}
	c.SetContext(k)
	l.conns[k] = struct{}{}
	if n := s.admitted.Add(1); s.cfg.MaxConns > 0 && n > int64(s.cfg.MaxConns) {
		s.admitted.Add(-1)
		_, _ = c.Write(s.cfg.Protocol.Refusal)
		k.verdict = proto.Linger
		return nil, k.advance()
	}
	k.session = s.cfg.Protocol.New()
	return nil, gnet.None
}

// OnTraffic is called on the connection's loop when bytes were read.
func (s *server) OnTraffic(c gnet.Conn) gnet.Action {
	if k, ok := c.Context().(*conn); ok {
		return k.advance()
	}
	return gnet.None
}

// OnClose is called on the connection's loop, also from inside a Write that fails.
func (s *server) OnClose(c gnet.Conn, _ error) gnet.Action {
	s.open.Add(-1)
	if k, ok := c.Context().(*conn); ok {
		k.gone = true
		delete(k.loop.conns, k)
		k.forget()
		if k.session != nil {
			s.admitted.Add(-1)
		}
	}
	return gnet.None
}

// OnShutdown is called before the loops are told to end.
func (s *server) OnShutdown(gnet.Engine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

func (s *server) loopOf(events gnet.EventLoop) *loop {
	l, ok := s.loops.Load(events)
	if !ok {
		l = &loop{server: s, events: events, conns: map[*conn]struct{}{}}
		s.loops.Store(events, l)
	}
	return l.(*loop)
}

// handOver passes something to a loop from outside, unless the loops are about to end: gnet would
// then write to the number of an eventfd that is closed and may long be something else.
func (s *server) handOver(pass func() error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.ended {
		return
	}
	if err := pass(); err != nil {
		s.log.Errorf("hand work to a loop: %v", err)
	}
}

// post has f run on the loop, soon.
func (l *loop) post(f func()) {
	run := func(context.Context) error { f(); return nil }
	l.handOver(func() error { return l.events.Execute(context.Background(), gnet.RunnableFunc(run)) })
}

// sweep closes the connections whose time is up and, at stop, those that owe nothing.
func (s *server) sweep() {
	s.loops.Range(func(_, l any) bool {
		l.(*loop).post(func() {
			now := deadline.At(time.Since(s.begin))
			for k := range l.(*loop).conns {
				if k.overdue(now) || s.stopping.Load() && k.settled() {
					k.close()
				}
			}
		})
		return true
	})
}

// drain lets the connections finish what is in flight, for at most the grace period.
func (s *server) drain() {
	s.stopping.Store(true)
	for over := time.Now().Add(s.cfg.Grace); s.open.Load() > 0 && time.Now().Before(over); {
		s.sweep()
		time.Sleep(5 * time.Millisecond)
	}
}

// logger gives gnet's messages to the server's log; left alone, gnet writes to standard output.
type logger struct {
	*slog.Logger
	last atomic.Value // the last error, a string
}

func (l *logger) Debugf(format string, args ...any) { l.Debug("gnet: " + fmt.Sprintf(format, args...)) }

func (l *logger) Infof(format string, args ...any) { l.Info("gnet: " + fmt.Sprintf(format, args...)) }

func (l *logger) Warnf(format string, args ...any)  { l.Warn("gnet: " + fmt.Sprintf(format, args...)) }
func (l *logger) Fatalf(format string, args ...any) { l.Errorf(format, args...) }
func (l *logger) Errorf(format string, args ...any) {
	l.last.Store(fmt.Sprintf(format, args...))
	l.Error("gnet: " + fmt.Sprintf(format, args...))
}

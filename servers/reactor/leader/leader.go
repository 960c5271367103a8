package leader

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/reactor/leader/handles"
	"iomodels/servers/reactor/stream"
)

// perCPU is how many threads there are for each processor, unless --loops says how many.
const perCPU = 4

// Model is the entry in the registry.
func Model() servers.Model {
	return servers.Model{
		Name: "reactor-leader", Summary: "leader/followers: threads share one epoll, each event is one thread's",
		Family: servers.Reactor, Notify: servers.Readiness, Wait: servers.GoesOn, VariantOf: "reactor",
		Card: servers.Card{
			Loops:   "four threads per CPU, or as many as --loops says, on one epoll instance and one listener",
			Buffers: "one read buffer per thread at work; a connection holds one only while output is pending",
			Copies:  "1 in (kernel to read buffer), 1 in the handler, 1 out; 1 more for what is not sent at once",
			Parser:  "package proto",
			Handler: "on the thread that was told; with --offload on a worker pool",
		},
		Serve: Serve,
	}
}

// Serve implements servers.Model.Serve.
func Serve(ctx context.Context, cfg servers.Config) error {
	threads := cfg.Loops
	if threads == 0 {
		threads = perCPU * runtime.GOMAXPROCS(0)
	}
	cfg.Loops = 1 // listener, and handle set
	return loops.Serve(ctx, cfg, true, func(h *loops.House, listener int) (loops.Loop, error) {
		return open(h, listener, threads)
	})
}

// server is what the threads share.
type server struct {
	house    *loops.House
	handles  *handles.Set
	threads  int
	listener int
	begin    time.Time
	open     atomic.Int64 // connections
	works    sync.Pool    // of *offload.Work: read buffers
	means    stream.Means
	woken    chan struct{}        // closed when the server stops,
	wake     func()               // by this
	broken   chan error           // a thread cannot go on
	killed   atomic.Bool          // the grace is over
	paused   atomic.Bool          // accept waits for better times
	list     []demux.EventHandler // for each
}

func open(h *loops.House, listener, threads int) (*server, error) {
	set, err := handles.Open()
	if err != nil {
		return nil, err
	}
	s := &server{
		house: h, handles: set, threads: threads, listener: listener, begin: time.Now(),
		woken: make(chan struct{}), broken: make(chan error, threads),
	}
	s.wake = sync.OnceFunc(func() { close(s.woken) })
	s.means = stream.Means{Pool: h.Pool, Log: h.Log}
	s.works.New = func() any { return s.newWork() }
	set.Add(listener, acceptor{s})
	if err := set.Arm(listener, demux.Readable); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return s, nil
}

// HEART

// thread is the life of each: to follow, to lead, to handle what it was told, and to follow again.
func (s *server) thread() error {
	for {
		handler, readiness, err := s.handles.Next() // followers wait here; who returns was the leader
		if handler == nil {
			return err
		}
		handler.HandleReady(readiness)
	}
}

// HEART END

// acceptor is the event handler of the listener.
type acceptor struct{ *server }

// HandleReady takes what is in the queue. If that fails it leaves the listener disarmed for a while.
func (s acceptor) HandleReady(demux.Readiness) {
	if errno := stream.Accept(s.listener, s.admit); errno != 0 {
		s.house.Complain(errno)
		s.paused.Store(true)
		return
	}
	s.armListener()
}

func (s *server) armListener() {
	if err := s.handles.Arm(s.listener, demux.Readable); err != nil && !s.house.Stopping() {
		s.house.Log.Error("listener lost", "err", err)
	}
}

// admit begins the life of a connection.
func (s *server) admit(fd int) {
	c := &conn{Stream: stream.Open(s.house, fd), server: s}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.open.Add(1)
	s.handles.Add(fd, c)
	c.proceed()
}

func (s *server) newWork() *offload.Work {
	w := &offload.Work{Buf: make([]byte, s.house.ReadSize)}
	w.Done = func(*offload.Job) { w.For.(*conn).returned(w) }
	return w
}

func (s *server) giveBack(w *offload.Work) {
	w.For, w.Session = nil, nil
	if cap(w.Out) > keepOutput {
		w.Out = nil
	}
	s.works.Put(w)
}

// Run starts the threads, and looks after time until the end.
func (s *server) Run() error {
	var threads sync.WaitGroup
	for range s.threads {
		threads.Go(func() {
			if err := s.thread(); err != nil {
				s.broken <- err
			}
		})
	}
	err := s.lookAfter()
	s.handles.End()
	threads.Wait()
	return err
}

// Wake implements loops.Loop: it is called when the server stops.
func (s *server) Wake() { s.wake() }

// lookAfter gives up peers whose time is over, and lets accept try again, until the server stops
// and all connections are closed.
func (s *server) lookAfter() error {
	tick := time.NewTicker(2 * deadline.Resolution)
	defer tick.Stop()
	for woken := s.woken; woken != nil; {
		select {
		case err := <-s.broken:
			return err
		case <-woken:
			woken = nil
		case <-tick.C:
			if s.paused.Swap(false) {
				s.armListener()
			}
			now := s.now()
			s.each(func(c *conn) { c.checkTime(now) })
		}
	}
	s.closeListener()
	for end := time.Now().Add(s.house.Grace); ; {
		s.each((*conn).windDown)
		if s.open.Load() == 0 || s.killed.Load() {
			return nil
		}
		s.killed.Store(time.Now().After(end))
		select {
		case err := <-s.broken:
			return err
		case <-tick.C:
		}
	}
}

func (s *server) now() deadline.Tick { return deadline.At(time.Since(s.begin)) }

// each calls f with every connection that nobody is at work with.
func (s *server) each(f func(*conn)) {
	s.list = s.handles.All(s.list[:0])
	for _, h := range s.list {
		if c, ok := h.(*conn); ok && c.mu.TryLock() {
			if !c.Closed() {
				f(c)
			}
			c.mu.Unlock()
		}
	}
}

func (s *server) closeListener() {
	s.handles.Remove(s.listener)
	unix.Close(s.listener)
	s.listener = -1
}

// Close closes what is still open: that with which a thread was at work at the end.
func (s *server) Close() error {
	s.killed.Store(true)
	s.each((*conn).windDown)
	if s.listener >= 0 {
		s.closeListener()
	}
	return s.handles.Close()
}

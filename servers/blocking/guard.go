package blocking

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"iomodels/servers"
	"iomodels/servers/deadline"
	"iomodels/servers/proto"
	"iomodels/servers/sock"
)

// Library is an HTTP server that brings its own protocol, and serves each connection with a
// goroutine of its own: net/http, fasthttp.
type Library interface {
	// Serve accepts from l, whose connections are *Guarded, until Shutdown.
	Serve(l net.Listener) error
	// Shutdown closes l, and waits until what is in flight is answered or ctx is done.
	Shutdown(ctx context.Context) error
}

// ServeLibrary serves on cfg.Addr by lib until ctx is done; cfg has its defaults filled in.
//
// Between the network and lib it does what such libraries leave undone, or do in ways of their
// own: it survives a lack of descriptors, refuses connections beyond the limit, applies the
// time-outs, lets a refused request linger, and closes at the end what a graceful stop did not.
//
// Why the libraries' own time-outs will not do: both net/http and fasthttp take the silence of a
// new connection for a slow request head, so a time-out for heads closes connections that are
// merely held; fasthttp, besides, cannot bound heads and leave idle connections alone.
func ServeLibrary(ctx context.Context, cfg servers.Config, lib Library) error {
	// Not ctx: it would close the listener behind the back of the stop sequence.
	l, err := sock.NetListen(context.WithoutCancel(ctx), cfg.Addr, cfg.ReusePort)
	if err != nil {
		return err
	}
	g := &guard{TCPListener: l.(*net.TCPListener), ctx: ctx, cfg: cfg, open: map[*Guarded]struct{}{}}
	ended := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { g.watch(ended) })
	defer watcher.Wait()
	defer g.closeIf(func(*Guarded) bool { return true })
	defer close(ended)

	served := make(chan error, 1)
	go func() { served <- lib.Serve(g) }()
	cfg.Ready(l.Addr())
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s ended by itself: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	// The libraries would wait for new connections to speak first.
	g.closeIf(func(c *Guarded) bool { return c.state.Load()%states == idle && c.got.Load() == 0 })
	grace, cancel := context.WithTimeout(context.Background(), cfg.Grace)
	defer cancel()
	if err := lib.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// guard is the listener a library serves, and all connections it has accepted.
type guard struct {
	*net.TCPListener
	ctx  context.Context // done when the server is to stop
	cfg  servers.Config
	mu   sync.Mutex
	open map[*Guarded]struct{}
}

// Accept implements net.Listener. It fails only when the listener is closed.
func (g *guard) Accept() (net.Conn, error) {
	trouble := backOff{log: g.cfg.Log}
	for {
		c, err := g.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case err != nil:
			trouble.wait(g.ctx, err)
			continue
		}
		trouble.over()
		if k := g.admit(c); k != nil {
			return k, nil
		}
	}
}

// admit registers c, or refuses it and returns nil.
func (g *guard) admit(c *net.TCPConn) *Guarded {
	g.mu.Lock()
	full := g.cfg.MaxConns > 0 && len(g.open) >= g.cfg.MaxConns
	if !full && g.ctx.Err() == nil {
		defer g.mu.Unlock()
		k := &Guarded{TCPConn: c, guard: g}
		g.open[k] = struct{}{}
		return k
	}
	g.mu.Unlock()
	// The send buffer of a new socket is empty, so nothing here waits.
	_, _ = c.Write(g.cfg.Protocol.Refusal)
	_ = c.CloseWrite()
	c.Close()
	return nil
}

// watch gives up the peers whose time is over.
func (g *guard) watch(ended <-chan struct{}) {
	begin := time.Now()
	tick := time.NewTicker(2 * deadline.Resolution)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			now := deadline.At(time.Since(begin))
			g.closeIf(func(c *Guarded) bool { return c.overdue(now) })
		}
	}
}

func (g *guard) closeIf(doomed func(*Guarded) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.open {
		if doomed(c) {
			delete(g.open, c)
			c.TCPConn.Close()
		}
	}
}

// Guarded is a connection that knows what it waits for. The library reads and writes it as any
// other; its adapter calls Begin and Done.
type Guarded struct {
	*net.TCPConn
	guard *guard
	got   atomic.Int64  // bytes of the request that is awaited, or arriving
	state atomic.Uint32 // idle, working or writing, and above it a count of changes

	late      deadline.Late // the watcher's own, like these: what it saw last
	lastGot   int64
	lastState uint32
}

// The states.
const (
	idle uint32 = iota
	working
	writing
	states = 4 // the next power of two: the unit of the count above them
)

// enter is called by the goroutine that serves the connection.
func (c *Guarded) enter(state uint32) { c.state.Store(c.state.Load()/states*states + states + state) }

// Begin says that a whole request has arrived, and that its handler runs.
func (c *Guarded) Begin() { c.enter(working) }

// Done says that the request is answered.
func (c *Guarded) Done() {
	c.got.Store(0)
	c.enter(idle)
}

// Read implements net.Conn.
func (c *Guarded) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 {
		c.got.Add(int64(n))
	}
	return n, err
}

// Write implements net.Conn. It writes in pieces, so that it shows whether the peer reads.
func (c *Guarded) Write(p []byte) (int, error) {
	before, written := c.state.Load()%states, 0
	for {
		c.enter(writing)
		n, err := c.TCPConn.Write(p[written:min(len(p), written+proto.OutputBound)])
		if written += n; err != nil || written == len(p) {
			c.enter(before)
			return written, err
		}
	}
}

// ReadFrom implements io.ReaderFrom in place of TCPConn's, which would write past the guard.
func (c *Guarded) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

// Close implements net.Conn. Where a request has begun and was never handled, it was refused; the
// peer may still be sending it, and to close at once would answer with a RST, which destroys the
// refusal before it is read.
func (c *Guarded) Close() error {
	c.guard.mu.Lock()
	_, open := c.guard.open[c]
	refused := open && c.state.Load()%states == idle && c.got.Load() > 0
	if !refused {
		delete(c.guard.open, c)
	}
	c.guard.mu.Unlock()
	if !refused {
		return c.TCPConn.Close()
	}
	c.got.Store(0) // so that the next Close closes
	_ = c.CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	go func() {
		for buf := make([]byte, 4<<10); ; {
			if _, err := c.TCPConn.Read(buf); err != nil {
				c.Close()
				return
			}
		}
	}()
	return nil
}

// headMax is how many bytes of a request are taken for its head; after that it is a body. Only
// the library knows better, and it does not say.
const headMax = proto.DefaultRequestLine + proto.DefaultHeaderBytes

func (c *Guarded) overdue(now deadline.Tick) bool {
	got, state := c.got.Load(), c.state.Load()
	wait := deadline.Request
	switch {
	case state%states == working:
		wait = deadline.None
	case state%states == writing || got > headMax:
		wait = deadline.Peer
	case got > 0:
		wait = deadline.Rest
	}
	answered := state != c.lastState
	moved := answered || got != c.lastGot
	c.lastGot, c.lastState = got, state
	return c.late.Look(deadline.Policy(c.guard.cfg.Timeouts), now, wait, moved, answered)
}

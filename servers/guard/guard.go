// Package guard is what the adapters of foreign libraries share: what a library leaves undone, or
// does in a way of its own, is mended here, in the same way for each.
//
//	network ──▶ Crowd: may it come in? ──▶ library ──▶ adapter ──▶ handler or proto.Session
//	              │                                       │
//	              └── looks, now and then ──▶ Progress ◀──┘ notes what moved
//	                  and closes who is overdue
//
// A library that owns its event loops (gnet, netpoll) cannot be told when a connection is overdue;
// and one that owns its protocol (net/http, fasthttp) takes the silence of a new connection for a
// slow request head, so that its time-out for heads would close connections that are merely held.
// So time-outs are kept from outside: a request leaves a mark on its connection, and a look now and
// then works out what is due. On the path of a request nobody reads a clock or sets a timer.
//
// Read next: ServeHTTP in this file, the whole life of a server whose library brings its own HTTP;
// then Conn, which watches such a library's connections, and Progress, which serves the others.
package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"iomodels/servers"
	"iomodels/servers/blocking"
	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/sock"
)

// Bounds on what a peer can make a library hold.
const (
	// Flood bounds what piles up, in or out, for a peer that sends and does not read, where the
	// library cannot stop reading. Beyond it the connection is closed and all that lost; it is
	// above what two sockets hold by default, so only a peer that insists will meet it.
	Flood = 96 << 20
	// Scratch is the largest output buffer that is kept for other requests: one large answer must
	// not cost its memory for ever.
	Scratch = 1 << 20
	// LingerTime is how long the input of a finished conversation is dropped; see proto.Linger.
	LingerTime = 2 * time.Second
)

// Library is an HTTP server that brings its own protocol, and serves each connection with a
// goroutine of its own: net/http, fasthttp.
type Library interface {
	// Serve accepts from l, whose connections are *Conn, until Shutdown.
	Serve(l net.Listener) error
	// Shutdown closes l, and waits until what is in flight is answered or ctx is done.
	Shutdown(ctx context.Context) error
}

// ServeHTTP implements servers.Model.Serve for the library that build makes of a configuration,
// whose defaults are filled in, and of a pool for its handlers, nil if they run where they are.
//
// Between the network and the library it survives a lack of descriptors, refuses connections
// beyond the limit, applies the time-outs, lets a refused request linger, and closes at the end
// what a graceful stop did not.
func ServeHTTP(
	ctx context.Context, cfg servers.Config, name string, build func(servers.Config, *offload.Pool) Library,
) error {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return err
	}
	if cfg.Protocol.Name != "http" {
		return fmt.Errorf("%s: cannot speak %q", name, cfg.Protocol.Name)
	}
	var pool *offload.Pool
	if cfg.Offload > 0 {
		pool = offload.New(cfg.Offload)
		defer pool.Close()
	}
	if err := serve(ctx, cfg, build(cfg, pool)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func serve(ctx context.Context, cfg servers.Config, lib Library) error {
	l, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	g := &gate{TCPListener: l, ctx: ctx, cfg: cfg, crowd: NewCrowd(cfg.MaxConns, (*Conn).abandon)}
	defer g.crowd.Watch((*Conn).overdue)()

	served := make(chan error, 1)
	go func() { served <- lib.Serve(g) }()
	cfg.Ready(l.Addr())
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s ended by itself: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	g.crowd.Stop()
	// The libraries would wait for new connections to speak first.
	g.crowd.CloseIf(func(c *Conn) bool { return c.state.Load()%states == idle && c.got.Load() == 0 })
	grace, cancel := context.WithTimeout(context.Background(), cfg.Grace)
	defer cancel()
	if err := lib.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// listen opens the address, or takes over the socket that a parent process has opened.
func listen(ctx context.Context, cfg servers.Config) (*net.TCPListener, error) {
	if cfg.Listener == nil {
		// Not ctx: it would close the listener behind the back of the stop sequence.
		l, err := sock.NetListen(context.WithoutCancel(ctx), cfg.Addr, cfg.ReusePort)
		if err != nil {
			return nil, err
		}
		return l.(*net.TCPListener), nil
	}
	defer cfg.Listener.Close() // what FileListener returns has a descriptor of its own
	l, err := net.FileListener(cfg.Listener)
	if err != nil {
		return nil, fmt.Errorf("take over the listening socket: %w", err)
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("take over the listening socket: %s is not TCP", l.Addr().Network())
	}
	return tcp, nil
}

// gate is the listener a library serves. It lets in who may come in.
type gate struct {
	*net.TCPListener
	ctx   context.Context // done when the server is to stop
	cfg   servers.Config
	crowd *Crowd[*Conn]
}

// Accept implements net.Listener. It fails only when the listener is closed.
func (g *gate) Accept() (net.Conn, error) {
	trouble := blocking.BackOff{Log: g.cfg.Log}
	for {
		c, err := g.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case err != nil:
			trouble.Wait(g.ctx, err)
			continue
		}
		trouble.Over()
		if g.cfg.Listener != nil {
			_ = c.SetKeepAlive(false) // net.FileListener cannot be told; it fails if the peer is gone
		}
		k := &Conn{TCPConn: c, crowd: g.crowd, policy: deadline.Policy(g.cfg.Timeouts)}
		if g.crowd.Enter(k) {
			return k, nil
		}
		// The send buffer of a new socket is empty, so nothing here waits.
		_, _ = c.Write(g.cfg.Protocol.Refusal)
		_ = c.CloseWrite()
		c.Close()
	}
}

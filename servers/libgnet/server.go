package libgnet

import (
	"context"
	"sync"

	"github.com/panjf2000/gnet/v2"

	"iomodels/servers"
	"iomodels/servers/blocking"
	"iomodels/servers/deadline"
	"iomodels/servers/libgnet/engine"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
)

// server is gnet's event handler. gnet calls it from all its loops at once.
type server struct {
	engine.Engine
	loops sync.Map // gnet.EventLoop -> *loop
}

// loop is what the connections of one event loop share. Its goroutine owns it.
type loop struct {
	*server
	events gnet.EventLoop
	conns  blocking.Set[*conn]
	job    offload.Job // the Feed that is running
}

// serve implements servers.Model.Serve.
func serve(tune func(*gnet.Options)) func(context.Context, servers.Config) error {
	return func(ctx context.Context, cfg servers.Config) error {
		s := new(server)
		s.Tune = tune
		return s.Serve(ctx, cfg, s, s.sweep)
	}
}

// OnOpen is called on the loop that accepted.
func (s *server) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	if s.Full(c) {
		return nil, gnet.Close
	}
	l := s.loopOf(c.EventLoop())
	k := &conn{Conn: c, loop: l}
	k.seat, k.verdict = s.Enter()
	c.SetContext(k)
	l.conns.Add(k)
	if k.seat == loops.Inside {
		k.session = s.Protocol.New()
		return nil, gnet.None
	}
	_, _ = c.Write(s.Protocol.Refusal)
	return nil, k.advance()
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
	if k, ok := c.Context().(*conn); ok {
		k.gone = true
		k.loop.conns.Remove(k)
		s.Leave(k.seat)
		k.forget()
	}
	return gnet.None
}

func (s *server) loopOf(events gnet.EventLoop) *loop {
	l, ok := s.loops.Load(events)
	if !ok {
		l = &loop{server: s, events: events}
		s.loops.Store(events, l)
	}
	return l.(*loop)
}

// post has f run on the loop, soon.
func (l *loop) post(f func()) {
	run := func(context.Context) error { f(); return nil }
	l.HandOver(func() error { return l.events.Execute(context.Background(), gnet.RunnableFunc(run)) })
}

// sweep closes the connections that are doomed.
func (s *server) sweep() {
	s.loops.Range(func(_, l any) bool {
		l.(*loop).post(func() {
			now := deadline.At(s.Now())
			for k := range l.(*loop).conns.All() {
				if k.doomed(now) {
					k.close()
				}
			}
		})
		return true
	})
}

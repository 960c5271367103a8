package libnetpoll

import (
	"context"
	"net"

	"github.com/cloudwego/netpoll"
	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/guard"
	"iomodels/servers/proto"
)

// server is what the connections share.
type server struct {
	guard.Thinker
	cfg   servers.Config
	crowd *guard.Crowd[*conn]
}

// onPrepare is called for a new connection, before it is watched for input.
func (s *server) onPrepare(c netpoll.Connection) context.Context {
	k := &conn{Context: context.Background(), Connection: c, server: s, session: s.cfg.Protocol.New()}
	// It is called when the last handler has returned. Adding it cannot fail.
	_ = c.AddCloseCallback(func(netpoll.Connection) error {
		proto.Release(k.session)
		s.crowd.Leave(k)
		return nil
	})
	s.crowd.Add(k) // may close it: netpoll looks whether that happened
	return k
}

// onRequest is called while there is input, on a goroutine of the connection's own. What
// onPrepare returned comes back as the context.
func (s *server) onRequest(ctx context.Context, _ netpoll.Connection) error {
	ctx.(*conn).converse()
	return nil
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
		if err != nil || c == nil || !g.server.crowd.Full() {
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

package guard

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"iomodels/servers/deadline"
	"iomodels/servers/proto"
)

// Conn is a connection that knows what it waits for. The library reads and writes it as any other;
// its adapter calls Begin and Done.
type Conn struct {
	*net.TCPConn
	crowd  *Crowd[*Conn]
	policy deadline.Policy
	got    atomic.Int64  // bytes of the request that is awaited, or arriving
	state  atomic.Uint32 // idle, working or writing, and above it a count of changes

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
func (c *Conn) enter(state uint32) { c.state.Store(c.state.Load()/states*states + states + state) }

// Begin says that a whole request has arrived, and that its handler runs.
func (c *Conn) Begin() { c.enter(working) }

// Done says that the request is answered.
func (c *Conn) Done() {
	c.got.Store(0)
	c.enter(idle)
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 {
		c.got.Add(int64(n))
	}
	return n, err
}

// Write implements net.Conn. It writes in pieces, so that it shows whether the peer reads.
func (c *Conn) Write(p []byte) (int, error) {
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
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

// Close implements net.Conn. Where a request has begun and was never handled, it was refused; the
// peer may still be sending it, and to close at once would answer with a RST, which destroys the
// refusal before it is read.
func (c *Conn) Close() error {
	refused := c.state.Load()%states == idle && c.got.Load() > 0
	if !refused || !c.crowd.Has(c) {
		c.crowd.Leave(c)
		return c.TCPConn.Close()
	}
	c.got.Store(0) // so that the next Close closes
	_ = c.CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(refusalTime))
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

// refusalTime is how long a refused peer has to read why.
const refusalTime = time.Second

// abandon closes a connection that is out of the crowd already.
func (c *Conn) abandon() { c.TCPConn.Close() }

// headMax is how many bytes of a request are taken for its head; after that it is a body. Only
// the library knows better, and it does not say.
const headMax = proto.DefaultRequestLine + proto.DefaultHeaderBytes

func (c *Conn) overdue(now deadline.Tick) bool {
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
	return c.late.Look(c.policy, now, wait, moved, answered)
}

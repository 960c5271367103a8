// Package drip is a crowd of slow uploads beside the load: connections that each send a few bytes
// a second of a request that is not whole for a long time. A server has to hold what came, and a
// loop of its own must not wait for the rest; a client of the load should not notice.
//
// The crowd is no part of the measured load. Its requests are in no count and no histogram; a
// Report says what became of it. It runs on one goroutine, which wakes up every Tick: bytes that
// are due leave together, so a connection at 10 bytes a second sends one of them every 100 ms.
//
//	Start ─▶ dial all ─▶ ┌ every Tick: write what is due, read what came ┐ ─▶ Stop ─▶ Report
//	                     └───────────────────────────────────────────────┘
package drip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/conns"
)

// Tick is how often bytes leave.
const Tick = 50 * time.Millisecond

// readBuffer is what is read at once of the replies, which nobody looks at.
const readBuffer = 16 << 10

// Plan is a crowd.
type Plan struct {
	Dialer *conns.Dialer // the crowd owns it
	Proto  string        // echo, http or frame
	Host   string        // HTTP: value of the Host field
	Conns  int
	Rate   float64 // bytes per second and connection
	Size   int     // bytes of an upload: body of a POST /echo, payload of a frame
}

// Report says what became of the crowd.
type Report struct {
	Conns        int     `json:"conns"`            // asked for
	RatePerS     float64 `json:"bytes_per_s"`      // and connection
	Size         int     `json:"upload_bytes"`     // of one upload
	Opened       uint64  `json:"opened"`           // connections that sent something
	Out          uint64  `json:"bytes_out"`        // sent by all of them
	In           uint64  `json:"bytes_in"`         // received: echoes, replies, refusals
	Uploads      uint64  `json:"uploads"`          // sent to the last byte
	ClosedByPeer uint64  `json:"closed_by_server"` // a server may lose patience; that is no error
	Failed       uint64  `json:"failed"`           // connects that came to nothing
}

// Crowd is a crowd at work.
type Crowd struct {
	plan    Plan
	message []byte // an upload, sent again and again
	members []member
	report  Report
	scratch []byte
	stop    chan struct{}
	done    chan struct{}
	mu      sync.Mutex // of report and members, for Look
}

// member is one slow connection; fd is -1 when it is closed.
type member struct {
	fd   int
	sent uint64
}

// Start begins to dial, and to drip. Stop must follow.
func Start(p Plan) (*Crowd, error) {
	message, err := upload(p)
	if err != nil {
		return nil, err
	}
	c := &Crowd{
		plan: p, message: message, scratch: make([]byte, readBuffer),
		report: Report{Conns: p.Conns, RatePerS: p.Rate, Size: p.Size},
		stop:   make(chan struct{}), done: make(chan struct{}),
	}
	go c.run()
	return c, nil
}

// Stop closes all connections and says what became of them.
func (c *Crowd) Stop() Report {
	close(c.stop)
	<-c.done
	return c.report
}

// Look says what became of the crowd so far.
func (c *Crowd) Look() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.report
}

// upload is the bytes of one slow request. The head of an HTTP request leaves at once with the
// first bytes that are due: an upload is slow in its body, not in its intentions.
func upload(p Plan) ([]byte, error) {
	body := make([]byte, p.Size)
	for i := range body {
		body[i] = 'a' + byte(i%26)
	}
	switch p.Proto {
	case "echo":
		return body, nil
	case "frame":
		return append(binary.BigEndian.AppendUint32(nil, uint32(p.Size)), body...), nil
	case "http":
		head := fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", p.Host, p.Size)
		return append([]byte(head), body...), nil
	}
	return nil, fmt.Errorf("slow uploads of protocol %q: want echo, http or frame", p.Proto)
}

func (c *Crowd) run() {
	defer close(c.done)
	began := time.Now()
	c.together(func() {
		for range c.plan.Conns {
			c.join()
		}
	})
	ticker := time.NewTicker(Tick)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			c.each(c.leave)
			return
		case now := <-ticker.C:
			due := uint64(now.Sub(began).Seconds() * c.plan.Rate)
			c.each(func(m *member) { c.drip(m, due) })
		}
	}
}

// each visits all connections.
func (c *Crowd) each(visit func(*member)) {
	c.together(func() {
		for i := range c.members {
			visit(&c.members[i])
		}
	})
}

// together does something that Look must not see half of.
func (c *Crowd) together(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
}

// join opens one connection; a connect under way is finished by the kernel.
func (c *Crowd) join() {
	fd, _, failure := c.plan.Dialer.Dial()
	if failure != conns.None {
		c.report.Failed++
		return
	}
	c.members = append(c.members, member{fd: fd})
}

func (c *Crowd) leave(m *member) {
	if m.fd >= 0 {
		unix.Close(m.fd)
		m.fd = -1
	}
}

// drip sends what is due on a connection and takes what came back.
func (c *Crowd) drip(m *member, due uint64) {
	for m.fd >= 0 && m.sent < due+uint64(c.headless()) {
		at := m.sent % uint64(len(c.message))
		piece := c.message[at:min(uint64(len(c.message)), at+due+uint64(c.headless())-m.sent)]
		n, err := unix.SendmsgN(m.fd, piece, nil, nil, unix.MSG_NOSIGNAL)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOTCONN):
			c.drain(m)
			return
		case err != nil:
			c.lost(m)
			return
		}
		if m.sent == 0 {
			c.report.Opened++
		}
		m.sent += uint64(n)
		c.report.Out += uint64(n)
		if at+uint64(n) == uint64(len(c.message)) {
			c.report.Uploads++
		}
	}
	c.drain(m)
}

// headless is how many bytes stand before the body of the first upload: they are not dripped.
func (c *Crowd) headless() int { return len(c.message) - c.plan.Size }

// drain reads whatever the server has to say.
func (c *Crowd) drain(m *member) {
	for m.fd >= 0 {
		n, err := unix.Read(m.fd, c.scratch)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOTCONN):
			return
		case err != nil || n == 0:
			c.lost(m)
		default:
			c.report.In += uint64(n)
		}
	}
}

// lost takes note that the server, or the network, ended a connection; it is not opened again.
func (c *Crowd) lost(m *member) {
	if m.sent == 0 {
		c.report.Failed++
	} else {
		c.report.ClosedByPeer++
	}
	c.leave(m)
}

// Package blocking is what the two blocking models share: the conversation of one connection
// when every call waits, and the house around it (who is let in, how it ends). What differs
// between them, and is therefore not here, is what a call waits with: goroutine parks a
// goroutine, thread parks a thread of the operating system.
//
//	accept ──▶ admit ──▶ spawn ┐
//	                           ▼
//	       ┌──────────▶ read, and wait for it
//	       │            think (Session.Feed)
//	       └─────────── write, and wait for it
//
// The conversation is read or written, never both: while output is pending nobody reads, and
// so the kernel's buffers fill and the peer must wait. Back-pressure costs no line of code.
//
// Read next: converse in this file, which is the whole model; then package goroutine.
package blocking

import (
	"errors"
	"time"

	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// Conn is one connection whose calls wait. One goroutine owns it and makes its calls;
// Interrupt and Abort may come from another.
type Conn interface {
	// Read waits for at least one byte, at most for patience (0: for ever), and then
	// returns ErrTimeout. io.EOF is the peer's FIN.
	Read(p []byte, patience time.Duration) (int, error)
	// Write waits until all of p is with the kernel, or until nothing moved for patience;
	// it then returns ErrTimeout and how much did move.
	Write(p []byte, patience time.Duration) (int, error)
	// CloseWrite sends FIN and leaves the receiving side open.
	CloseWrite() error
	// Interrupt ends the Read that waits now and every later one, with any error.
	Interrupt()
	// Abort ends every call that waits now and every later one, with any error.
	Abort()
	Close() error
}

// ErrTimeout is returned by a Conn whose patience is over.
var ErrTimeout = errors.New("peer made no progress in time")

// keepOutput is the largest output buffer that a connection keeps between requests. One big
// answer must not cost its memory for the rest of the connection's life.
const keepOutput = 2 * proto.OutputBound

// peer is the state of one connection.
type peer struct {
	conn    Conn
	job     offload.Job // the session, what it is fed, and its output
	headEnd time.Time   // when the request head that has begun must be complete
	mid     midRequest
	refused bool // beyond MaxConns: it has no session
}

// HEART

// converse is the model: wait for bytes, think, wait until the answer is gone, and again.
// It returns when the connection is to be closed.
func (s *server) converse(p *peer, in []byte) {
	for {
		patience, ok := s.patience(p)
		if !ok {
			return
		}
		n, err := p.conn.Read(in, patience)
		if err != nil {
			return // FIN: all that was asked is answered. Anything else: nobody is there
		}
		p.job.In = in[:n]
		for again := true; again; {
			s.think(&p.job)
			if len(p.job.Out) > 0 && s.send(p) != nil {
				return
			}
			switch p.job.Verdict {
			case proto.Close:
				return
			case proto.Linger:
				linger(p.conn, in)
				return
			}
			again = p.job.Verdict == proto.Again
			p.job.In = nil
		}
	}
}

// HEART END

// think lets the session run: here, or on a worker while this connection waits.
func (s *server) think(j *offload.Job) {
	if s.pool != nil {
		s.pool.Do(j)
	} else {
		j.Run()
	}
	if j.Panic != nil {
		s.cfg.Log.Error("handler panicked; its connection is closed", "panic", j.Panic)
	}
}

// send writes the output. A peer that takes some of it has time anew for the rest.
func (s *server) send(p *peer) error {
	p.headEnd = time.Time{} // something was answered: the next head is a new one
	// Before the peer hears anything: who has its answer may rely on it that the request behind
	// has begun, too, and that a stop will not cut it off.
	p.mid.set(p.job.Session.Phase() != proto.Idle)
	rest := p.job.Out
	for len(rest) > 0 {
		n, err := p.conn.Write(rest, s.cfg.Timeouts.Write)
		if err != nil && (n == 0 || !errors.Is(err, ErrTimeout)) {
			return err
		}
		rest = rest[n:]
	}
	p.job.Out = p.job.Out[:0]
	if cap(p.job.Out) > keepOutput {
		p.job.Out = nil
	}
	return nil
}

// patience returns how long the next read may wait, and whether there shall be one.
func (s *server) patience(p *peer) (time.Duration, bool) {
	phase := p.job.Session.Phase()
	p.mid.set(phase != proto.Idle)
	switch {
	case phase == proto.Idle:
		p.headEnd = time.Time{}
		return s.cfg.Timeouts.Idle, !s.stopping.Load()
	case phase == proto.Body:
		p.headEnd = time.Time{}
		return s.cfg.Timeouts.Write, true
	case s.cfg.Timeouts.Head == 0:
		return 0, true
	case p.headEnd.IsZero():
		p.headEnd = time.Now().Add(s.cfg.Timeouts.Head)
		return s.cfg.Timeouts.Head, true
	}
	left := time.Until(p.headEnd)
	return left, left > 0
}

// linger lets a peer that still sends read its refusal: it drops input until the peer is done.
func linger(c Conn, buf []byte) {
	if c.CloseWrite() != nil {
		return
	}
	end := time.Now().Add(deadline.LingerTime)
	for range deadline.LingerReads {
		left := time.Until(end)
		if left <= 0 {
			return
		}
		if _, err := c.Read(buf, left); err != nil {
			return
		}
	}
}

package libnetpoll

import (
	"context"
	"sync"
	"time"

	"github.com/cloudwego/netpoll"
	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

const (
	// inputMax bounds what a peer can make netpoll read while a handler waits for it. Beyond it
	// the connection is closed and the input lost; it is above what two sockets hold by default.
	inputMax = 96 << 20
	// scratchMax is the largest output buffer that is kept for other requests.
	scratchMax = 1 << 20
	// lingerTime is how long the input of a finished conversation is dropped; see proto.Linger.
	lingerTime = 2 * time.Second
)

// conn is one connection. netpoll runs at most one handler of a connection at a time, and that
// handler owns the session. conn is a context because that is what netpoll hands to a handler.
type conn struct {
	context.Context
	netpoll.Connection
	server  *server
	session proto.Session
	ended   bool // the conversation is over; input is dropped

	mu       sync.Mutex // guards what watch looks at
	busy     bool       // a handler runs
	touched  bool       // one has run since watch looked
	answered bool       // and there was output
	phase    proto.Phase
	late     deadline.Late // watch's own
}

// converse handles the input that has arrived, or some of it: netpoll calls again for the rest.
func (k *conn) converse() {
	r := k.Reader()
	if k.ended {
		_ = r.Skip(r.Len())
		_ = r.Release()
		return
	}
	k.begin()
	job := k.server.jobs.Get().(*offload.Job)
	in, err := r.Next(min(r.Len(), proto.OutputBound))
	if err == nil {
		job.Session, job.In = k.session, in
		err = k.reply(job)
	}
	if err != nil {
		// The job is not used again: netpoll may still be sending from its buffer.
		k.Close()
		return
	}
	_ = r.Release()
	answered := len(job.Out) > 0
	k.server.recycle(job)
	k.done(answered)
}

// reply runs the session on the job's input and sends what it says, for as long as it says more.
func (k *conn) reply(job *offload.Job) error {
	for {
		job.Out = job.Out[:0]
		k.server.think(job)
		if err := k.send(job.Out); err != nil {
			return err
		}
		switch job.Verdict {
		case proto.Again:
			job.In = nil
			continue
		case proto.Close:
			return k.Close()
		case proto.Linger:
			k.linger()
		}
		return nil
	}
}

// think lets the session run, here or on a worker.
func (s *server) think(job *offload.Job) {
	if s.pool != nil {
		s.pool.Do(job)
	} else {
		job.Run()
	}
	if job.Panic != nil {
		s.cfg.Log.Error("netpoll: a handler panicked", "panic", job.Panic)
	}
}

// recycle keeps a job for the next request, unless it is large: one large answer must not cost
// for ever.
func (s *server) recycle(job *offload.Job) {
	job.Session, job.In = nil, nil
	if cap(job.Out) <= scratchMax {
		s.jobs.Put(job)
	}
}

// send returns when the kernel has all of out. It goes in pieces, because the write time-out of
// netpoll bounds a whole flush, and ours a silence.
func (k *conn) send(out []byte) error {
	w := k.Writer()
	for len(out) > 0 {
		n := min(len(out), proto.OutputBound)
		if _, err := w.WriteBinary(out[:n]); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}

// linger sends our FIN and drops input until the peer sends its own, for a bounded time.
func (k *conn) linger() {
	k.ended = true
	if fd, ok := k.Connection.(netpoll.Conn); ok {
		_ = unix.Shutdown(fd.Fd(), unix.SHUT_WR) // ENOTCONN: the peer is gone already
	}
	time.AfterFunc(lingerTime, func() { k.Close() })
}

// begin notes that a handler runs: nothing is due then, and Flush has a time-out of its own.
func (k *conn) begin() {
	k.mu.Lock()
	k.busy = true
	k.mu.Unlock()
}

func (k *conn) done(answered bool) {
	k.mu.Lock()
	k.busy, k.touched, k.answered = false, true, k.answered || answered
	k.phase = k.session.Phase()
	k.mu.Unlock()
}

// overdue reports whether the peer has used up its time.
func (k *conn) overdue(now deadline.Tick) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	wait := deadline.Waiting(k.phase, false)
	if k.busy {
		wait = deadline.None
	}
	moved, answered := k.touched, k.answered
	k.touched, k.answered = false, false
	return k.late.Look(deadline.Policy(k.server.cfg.Timeouts), now, wait, moved, answered)
}

// settled reports whether nothing is asked and nothing owed.
func (k *conn) settled() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.busy && k.phase == proto.Idle && k.Reader().Len() == 0
}

// flooded reports whether the peer has sent too much while its handler waits.
func (k *conn) flooded() bool {
	n := k.Reader().Len()
	if n > inputMax {
		k.server.cfg.Log.Warn("netpoll: closed a connection that does not read", "input", n)
	}
	return n > inputMax
}

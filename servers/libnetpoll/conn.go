package libnetpoll

import (
	"context"
	"sync"
	"time"

	"github.com/cloudwego/netpoll"
	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/guard"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// conn is one connection. netpoll runs at most one handler of a connection at a time, and that
// handler owns the session. conn is a context because that is what netpoll hands to a handler.
type conn struct {
	context.Context
	netpoll.Connection
	server  *server
	session proto.Session
	ended   bool // the conversation is over; input is dropped

	mu       sync.Mutex
	progress guard.Progress
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
	job := k.server.Job()
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
	output := len(job.Out)
	k.server.Done(job)
	k.done(output)
}

// reply runs the session on the job's input and sends what it says, for as long as it says more.
func (k *conn) reply(job *offload.Job) error {
	for {
		k.server.Think(job)
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
	time.AfterFunc(guard.LingerTime, func() { k.Close() })
}

// begin notes that a handler runs: nothing is due then, and Flush has a time-out of its own.
func (k *conn) begin() {
	k.mu.Lock()
	k.progress.Busy = true
	k.mu.Unlock()
}

func (k *conn) done(output int) {
	k.mu.Lock()
	k.progress.Busy = false
	k.progress.Fed(k.session, output)
	k.mu.Unlock()
}

// doomed reports whether the peer has used up its time, or has sent too much while its handler
// waits.
func (k *conn) doomed(now deadline.Tick) bool {
	if n := k.Reader().Len(); n > guard.Flood {
		k.server.cfg.Log.Warn("netpoll: closed a connection that does not read", "input", n)
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.progress.Overdue(deadline.Policy(k.server.cfg.Timeouts), now, 0)
}

// settled reports whether nothing is asked and nothing owed.
func (k *conn) settled() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.progress.Settled() && k.Reader().Len() == 0
}

package libgnet

import (
	"bytes"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/guard"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// queueHigh is where a session that has more to say (proto.Again) is held back, for queuePause: gnet
// does not say when its queue has drained.
const (
	queueHigh  = 4 << 20
	queuePause = 10 * time.Millisecond
)

// conn is one connection. The goroutine of its loop owns it and everything in it.
type conn struct {
	gnet.Conn
	guard.Progress
	loop    *loop
	seat    loops.Seat
	session proto.Session // nil: refused
	verdict proto.Verdict // of the last Feed
	awaited bool          // a timer will look whether the queue has drained
	shut    bool          // our FIN is sent
	gone    bool          // closed
}

// advance runs the conversation as far as it gets.
func (k *conn) advance() gnet.Action {
	for !k.Busy && !k.gone {
		switch {
		case k.verdict == proto.Close || k.verdict == proto.Linger:
			return k.finish()
		case k.verdict == proto.Again && k.OutboundBuffered() > queueHigh:
			return k.lookAgain()
		case k.verdict == proto.Continue && k.InboundBuffered() == 0:
			return k.bounded()
		default:
			k.feed()
		}
	}
	return k.bounded()
}

// feed runs the session on the input there is, and sends the output.
func (k *conn) feed() {
	var in []byte
	if k.verdict == proto.Continue {
		// Neither call can fail. Without a backlog, as a rule, Peek does not copy; of a backlog a
		// session gets no more at a time than it can answer at a time.
		in, _ = k.Peek(min(k.InboundBuffered(), proto.OutputBound))
		defer k.Discard(len(in))
	}
	if k.loop.Pool != nil {
		k.offload(in)
		return
	}
	job := &k.loop.job
	job.Session, job.In, job.Out = k.session, in, job.Out[:0]
	job.Run()
	k.fed(job)
	if len(job.Out) > 0 {
		// Write keeps nothing of it: what the socket does not take is copied to the queue. After
		// an error the connection is closed already.
		_, _ = k.Write(job.Out)
	}
	if cap(job.Out) > guard.Scratch {
		job.Out = nil
	}
}

// offload runs the session on a worker. The input is gnet's and valid only now, so it is copied;
// what arrives meanwhile stays in gnet's input buffer.
func (k *conn) offload(in []byte) {
	k.Busy = true
	k.loop.Pool.Submit(&offload.Job{Session: k.session, In: bytes.Clone(in), Done: func(job *offload.Job) {
		k.loop.HandOver(func() error {
			return k.AsyncWrite(job.Out, func(gnet.Conn, error) error {
				k.Busy = false
				k.fed(job)
				k.resume()
				k.forget()
				return nil
			})
		})
	}})
}

// fed notes what a Feed brought.
func (k *conn) fed(job *offload.Job) {
	if job.Panic != nil {
		k.loop.Messages.Errorf("a handler panicked: %v", job.Panic)
	}
	k.verdict = job.Verdict
	k.Fed(k.session, len(job.Out))
}

// bounded closes a connection of which too much is held.
func (k *conn) bounded() gnet.Action {
	if k.gone || max(k.OutboundBuffered(), k.InboundBuffered()) <= guard.Flood {
		return gnet.None
	}
	k.loop.Messages.Warnf("closed a connection that sends and does not read")
	return gnet.Close
}

// finish ends the conversation when its output is sent: gnet would drop what is still queued.
func (k *conn) finish() gnet.Action {
	_, _ = k.Discard(-1) // never fails
	switch {
	case k.OutboundBuffered() > 0:
		return k.lookAgain()
	case k.verdict == proto.Close:
		return gnet.Close
	case !k.shut:
		k.shut = true
		_ = unix.Shutdown(k.Fd(), unix.SHUT_WR) // ENOTCONN: the peer is gone; gnet will see it
		time.AfterFunc(guard.LingerTime, func() { k.loop.post(k.close) })
	}
	return gnet.None
}

// lookAgain advances the conversation a little later.
func (k *conn) lookAgain() gnet.Action {
	if !k.awaited {
		k.awaited = true
		time.AfterFunc(queuePause, func() { k.loop.post(func() { k.awaited = false; k.resume() }) })
	}
	return k.bounded()
}

func (k *conn) resume() {
	if k.advance() == gnet.Close {
		k.close()
	}
}

func (k *conn) close() {
	if !k.gone {
		_ = k.loop.events.Close(k.Conn) // fails only if the descriptor is not open, and it is
	}
}

// forget gives back what the session of a closed connection holds.
func (k *conn) forget() {
	if k.gone && !k.Busy && k.session != nil {
		proto.Release(k.session)
	}
}

// doomed reports whether the connection is to be closed: the peer has used up its time, or the
// server stops and nothing is in flight, no request begun, no answer owed.
func (k *conn) doomed(now deadline.Tick) bool {
	overdue := k.Overdue(deadline.Policy(k.loop.Timeouts), now, k.OutboundBuffered())
	return overdue && !k.shut || k.loop.Stopping() && k.verdict == proto.Continue && k.Settled() &&
		k.OutboundBuffered() == 0 && k.InboundBuffered() == 0
}

package stream

import (
	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/proto"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/sock"
)

// acceptMax bounds the connections taken at once, before others have their turn.
const acceptMax = 64

// Accept admits those who are in the listener's queue. It returns an Errno if that fails and would
// fail again, out of descriptors or memory. Then the connection stays in the queue, and a listener
// whose level is looked at would be reported again at once: who does not pause, spins.
func Accept(listener int, admit func(fd int)) unix.Errno {
	for range acceptMax {
		switch fd, errno := sock.Accept(listener); errno {
		case 0:
			admit(fd)
		case unix.ECONNABORTED, unix.EPROTO: // it left before it was met; the next one
		case unix.EAGAIN:
			return 0
		default:
			return errno
		}
	}
	return 0
}

// Open begins a stream on a new connection. Beyond the limit the peer is told to leave, and the
// first Proceed sees to it.
func Open(h *loops.House, fd int) Stream {
	s := Stream{session: h.Protocol.New(), fd: int32(fd), told: demux.Writable, moved: true}
	s.seat, s.verdict = h.Enter()
	if refusal := h.Protocol.Refusal; s.seat == loops.Doorstep && len(refusal) > 0 {
		sock.Send(fd, refusal) // fits: the socket is new
	}
	return s
}

// Close ends the stream. A worker that has its session keeps it until Obey.
func (s *Stream) Close(h *loops.House) {
	unix.Close(int(s.fd)) // whatever it returns, the descriptor is gone
	s.fd, s.debt = -1, nil
	h.Leave(s.seat)
	if !s.thinking {
		proto.Release(s.session)
	}
}

// FD is the descriptor, -1 after Close.
func (s *Stream) FD() int { return int(s.fd) }

// Closed reports whether Close was called.
func (s *Stream) Closed() bool { return s.fd < 0 }

// Thinking reports whether a worker has the session. Then the stream can do nothing.
func (s *Stream) Thinking() bool { return s.thinking }

// Lingers reports whether FIN was sent to a peer that may still be talking.
func (s *Stream) Lingers() bool { return s.drops > 0 }

// Owes reports whether there is output that the socket has not taken.
func (s *Stream) Owes() bool { return s.debt != nil }

// Interest is what a stream waits for: room if it owes something, else bytes, or their end.
func (s *Stream) Interest() demux.Readiness {
	if s.debt != nil {
		return demux.Writable
	}
	return demux.Readable | demux.Hangup
}

// Idle reports whether nothing is asked and nothing owed: a server that stops may close it.
func (s *Stream) Idle() bool {
	return s.debt == nil && s.drops == 0 && s.session.Phase() == proto.Idle
}

// Rests is Idle, and if so makes the next Progress begin here.
func (s *Stream) Rests() bool {
	if !s.Idle() {
		return false
	}
	s.moved, s.answered = false, false
	return true
}

// Progress says what the peer is waited for to do, and whether since the last time bytes have moved
// and something was answered. Who lingers makes none.
func (s *Stream) Progress() (w deadline.Wait, moved, answered bool) {
	moved, answered = s.moved && s.drops == 0, s.answered
	s.moved, s.answered = false, false
	return deadline.Waiting(s.session.Phase(), s.debt != nil), moved, answered
}

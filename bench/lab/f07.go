package lab

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

func f07() Row {
	return Row{
		F: 7, Name: "no back-pressure",
		Tried: fmt.Sprintf("an echo loop; a peer sends as much as it may, at most %d MiB, and reads "+
			"nothing",
			floodMiB),
		Idea: "What cannot be sent now is queued, and sent when the socket is writable.",
		See:  "One slow reader, and the server's memory grows until something kills it.",
		Why: "The loop goes on reading from a peer to which it cannot write. Reading is what asks the " +
			"peer for more: TCP would have stopped it, had the loop left the bytes where they were.",
		Fix: "A connection that has output pending is not read. The kernel's buffers fill up, the " +
			"window closes, and the peer waits. A blocking server does so by nature.",
		Safe: "goroutine and thread by nature; every model of ours by rule: reading or writing, " +
			"never both",
		Claim:  Claim{"queued in the server's own memory", AtMost, 1024, "KiB"},
		Faulty: Variant{"queues without bound", flood(false)},
		Fixed:  Variant{"does not read while output is pending", flood(true)},
	}
}

const floodMiB = 32

func flood(pause bool) func(context.Context, *Env) (Outcome, error) {
	return func(ctx context.Context, _ *Env) (Outcome, error) {
		listener, err := listen(false, anyPort())
		if err != nil {
			return Outcome{}, err
		}
		defer unix.Close(listener)
		at, err := addressOf(listener)
		if err != nil {
			return Outcome{}, err
		}
		peer, err := dial(ctx, hostPort(at))
		if err != nil {
			return Outcome{}, err
		}
		defer peer.Close()
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return Outcome{}, err
		}
		defer unix.Close(fd)
		p, err := newPoller()
		if err != nil {
			return Outcome{}, err
		}
		defer p.close()
		if err := p.watch(fd, unix.EPOLLIN, 0); err != nil {
			return Outcome{}, err
		}
		sent := make(chan int, 1)
		go func() { // ends when its bytes are gone, or with the deadline of the last wait below
			n, _ := peer.Write(make([]byte, floodMiB<<20))
			sent <- n
		}()
		e := echoLoop{poller: p, fd: fd, pause: pause}
		if err := e.run(); err != nil {
			return Outcome{}, err
		}
		if err := peer.SetWriteDeadline(time.Now()); err != nil {
			return Outcome{}, err
		}
		n := <-sent
		return Outcome{float64(e.most) / 1024, Facts{
			"sent_kib": float64(n / 1024), "kernel_kib": float64((n - e.most) / 1024),
		}}, nil
	}
}

// echoLoop echoes one connection whose peer does not read.
type echoLoop struct {
	poller
	fd    int
	pause bool

	began   bool // bytes have come
	pending []byte
	most    int // bytes pending, at most
}

// silence is how long nothing must have been ready for the peer to count as stuck.
const silence = 400 * time.Millisecond

// run ends when nothing more happens.
func (l *echoLoop) run() error {
	buf := make([]byte, 64<<10)
	for {
		within := silence
		if !l.began {
			within = patience // the machine may be busy with others
		}
		events, err := l.wait(within)
		if err != nil || len(events) == 0 {
			return err
		}
		l.began = true
		if events[0].Events&unix.EPOLLIN != 0 {
			n, _, err := read(l.fd, buf)
			if err != nil {
				return err
			}
			l.pending = append(l.pending, buf[:n]...)
		}
		n, _, err := write(l.fd, l.pending)
		if err != nil {
			return err
		}
		l.pending = l.pending[n:]
		l.most = max(l.most, len(l.pending))
		if err := l.change(l.fd, l.interest()); err != nil {
			return err
		}
	}
}

func (l *echoLoop) interest() uint32 {
	switch {
	case len(l.pending) == 0:
		return unix.EPOLLIN
	case l.pause:
		return unix.EPOLLOUT
	}
	return unix.EPOLLIN | unix.EPOLLOUT
}

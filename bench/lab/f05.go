package lab

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

func f05() Row {
	return Row{
		F: 5, Name: "draining starves the others",
		Tried: fmt.Sprintf("one connection with %d KiB to read, another with one byte; "+
			"edge-triggered, a buffer of 1 KiB",
			hoseKiB),
		Idea: "Read until EAGAIN, as edge-triggered epoll demands.",
		See:  "One peer that sends fast makes all others wait, for as long as it can keep it up.",
		Why: "EAGAIN comes when the peer is slower than the loop. A peer that is as fast never lets " +
			"it come, and the loop does not get to the next connection.",
		Fix: "So many reads for each turn, then the next connection. Who is not finished stays on a " +
			"list of the loop's own, for the edge will not be told again.",
		Safe: "level-triggered loops, which may stop at any time; reactor-et, whose reads are " +
			"bounded",
		Claim:  Claim{"reads before the other connection's turn", AtMost, fairReads, ""},
		Faulty: Variant{"read until EAGAIN", hose(1 << 30)},
		Fixed:  Variant{fmt.Sprintf("%d reads a turn, and a list", fairReads), hose(fairReads)},
	}
}

const (
	hoseKiB   = 128
	fairReads = 4
)

// hose returns how many reads the loop makes before it gets to the quiet connection. All bytes
// must have been read in the end.
func hose(most int) func(context.Context, *Env) (Outcome, error) {
	return func(context.Context, *Env) (Outcome, error) {
		loud, loudPeer, err := pair()
		if err != nil {
			return Outcome{}, err
		}
		defer closeAll([]int{loud, loudPeer})
		quiet, quietPeer, err := pair()
		if err != nil {
			return Outcome{}, err
		}
		defer closeAll([]int{quiet, quietPeer})
		p, err := newPoller()
		if err != nil {
			return Outcome{}, err
		}
		defer p.close()
		for _, fd := range []int{loud, quiet} {
			if err := p.watch(fd, unix.EPOLLIN|unix.EPOLLET, 0); err != nil {
				return Outcome{}, err
			}
		}
		sent, err := fill(loudPeer, hoseKiB<<10)
		if err != nil {
			return Outcome{}, err
		}
		if _, _, err := write(quietPeer, []byte{1}); err != nil {
			return Outcome{}, err
		}
		l := fairLoop{poller: p, most: most, quiet: quiet}
		if err := l.run(); err != nil {
			return Outcome{}, err
		}
		if l.bytes != sent+1 {
			return Outcome{}, fmt.Errorf("%d bytes of %d were read: a connection was forgotten", l.bytes, sent+1)
		}
		return Outcome{float64(l.before), Facts{"reads": float64(l.reads), "sent": float64(sent)}}, nil
	}
}

// fill writes at most so many bytes, as far as the kernel takes them.
func fill(fd, most int) (sent int, err error) {
	block := make([]byte, 1<<10)
	for sent < most {
		n, full, err := write(fd, block)
		if full || err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// fairLoop is an edge-triggered loop with a bound on what one connection gets in a turn.
type fairLoop struct {
	poller
	most  int // reads of a connection in a turn
	quiet int

	unfinished []int // connections that may have more, and of which epoll will not tell again
	reads      int
	bytes      int
	before     int // reads before the quiet connection had its turn
}

// run ends when there is nothing to do.
func (l *fairLoop) run() error {
	for {
		events, err := l.wait(0)
		if err != nil {
			return err
		}
		turn := l.unfinished
		l.unfinished = nil
		for _, e := range events {
			turn = append(turn, int(e.Fd))
		}
		if len(turn) == 0 {
			return nil
		}
		for _, fd := range turn {
			if err := l.drain(fd); err != nil {
				return err
			}
		}
	}
}

func (l *fairLoop) drain(fd int) error {
	if fd == l.quiet && l.before == 0 {
		l.before = l.reads
	}
	var buf [1 << 10]byte
	for range l.most {
		n, none, err := read(fd, buf[:])
		if none || err != nil {
			return err
		}
		l.reads, l.bytes = l.reads+1, l.bytes+n
	}
	l.unfinished = append(l.unfinished, fd)
	return nil
}

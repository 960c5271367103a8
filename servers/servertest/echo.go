package servertest

import (
	"errors"
	"fmt"
	"io"
	"net"

	"iomodels/servers"
)

// echoCases are the promises of RFC 862, and those of half-close and back-pressure, which
// only show with a protocol whose answer is as long as its question.
func echoCases() []Case {
	return []Case{
		{
			Name: "sizes", Proto: "echo", Run: echoSizes,
			Explanation: "messages of 1 byte to 16 MiB, sent in random cuts, come back unchanged and in order",
		},
		{
			Name: "sizes-offload", Proto: "echo", Run: echoSizesOffload,
			Config:      func(c *servers.Config) { c.Offload = 2 },
			Explanation: "handlers on a worker pool do not reorder or lose the bytes of a connection",
		},
		{
			Name: "fragments", Proto: "echo", Run: echoFragments,
			Explanation: "a message sent byte by byte, each byte answered before the next is sent",
		},
		{
			Name: "half-close", Proto: "echo", Run: echoHalfClose,
			Explanation: "after the peer's FIN all its bytes still come back, then the server closes",
		},
		{
			Name: "half-close-slow-reader", Proto: "echo", Run: echoHalfCloseSlow,
			Explanation: "FIN while more is owed than the socket buffers hold, and the peer reads only then",
		},
		{
			Name: "back-pressure", Proto: "echo", Run: echoBackPressure,
			Explanation: "a peer that never reads is soon not read from; others are served; nothing is lost",
		},
	}
}

func echoSizes(e *Env) error {
	for i, n := range []int{1, 2, 100, 4096, 16<<10 - 1, 16 << 10, 16<<10 + 1, 1 << 20, e.size(16<<20, 2<<20)} {
		c, err := e.dial()
		if err != nil {
			return err
		}
		if err := echoed(c, randomBytes(uint64(i), n), uint64(i)); err != nil {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
		// The same connection serves again: nothing of the last message lingers.
		if err := echoed(c, randomBytes(uint64(i)+100, 1000), uint64(i)); err != nil {
			return fmt.Errorf("after %d bytes: %w", n, err)
		}
		c.Close()
	}
	return nil
}

func echoSizesOffload(e *Env) error {
	return each(4, func(i int) error {
		c, err := e.dial()
		if err != nil {
			return err
		}
		return echoed(c, randomBytes(uint64(i), e.size(1<<20, 128<<10)), uint64(i))
	})
}

func echoFragments(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	for i, b := range randomBytes(7, 300) {
		if _, err := c.Write([]byte{b}); err != nil {
			return fmt.Errorf("write byte %d: %w", i, err)
		}
		if err := wantBytes(c, []byte{b}); err != nil {
			return fmt.Errorf("byte %d: %w", i, err)
		}
	}
	return nil
}

func echoHalfClose(e *Env) error {
	for i, n := range []int{0, 1, 1000, 16 << 10, 300_000, 2 << 20} {
		c, err := e.dial()
		if err != nil {
			return err
		}
		msg := randomBytes(uint64(i), n)
		sent := make(chan error, 1)
		go func() { sent <- errors.Join(sendCut(c, msg, uint64(i)), c.CloseWrite()) }()
		err = wantBytes(c, msg)
		if err == nil {
			err = wantEOF(c)
		}
		c.Close()
		if err = errors.Join(err, <-sent); err != nil {
			return fmt.Errorf("%d bytes and FIN: %w", n, err)
		}
	}
	return nil
}

// tooMuch is more than two sockets can hold at their largest (tcp_rmem and tcp_wmem), so a
// server that takes all of it from a peer that does not read keeps the rest in its own memory.
const tooMuch = 80 << 20

// fill sends to c until the server takes no more, and returns how much of piece it took.
func (e *Env) fill(c *net.TCPConn, piece []byte) (int, error) {
	if err := shrink(c); err != nil {
		return 0, err
	}
	sent, err := e.writeUntilBlocked(c, piece, tooMuch)
	if err == nil && sent >= tooMuch {
		err = fmt.Errorf("took %d MiB from a peer that reads nothing: reading never stops", sent>>20)
	}
	return sent, err
}

// drain reads from c and checks the n bytes of repeated piece.
func drain(c io.Reader, piece []byte, n int) error {
	got, err := io.CopyN(&expectedStream{piece: piece}, c, int64(n))
	if err != nil {
		return fmt.Errorf("after %d of %d bytes owed: %w", got, n, err)
	}
	return nil
}

func echoHalfCloseSlow(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	piece := randomBytes(1, 1<<20)
	sent, err := e.fill(c, piece)
	if err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	if err := e.served(); err != nil { // by then the server knows of the FIN, if it looks
		return fmt.Errorf("another connection: %w", err)
	}
	if err := drain(c, piece, sent); err != nil {
		return err
	}
	return wantEOF(c)
}

func echoBackPressure(e *Env) error {
	const mutes = 3
	conns, err := e.dialN(mutes)
	if err != nil {
		return err
	}
	piece := randomBytes(2, 1<<20)
	sent := make([]int, mutes)
	err = each(mutes, func(i int) (err error) { sent[i], err = e.fill(conns[i], piece); return err })
	if err != nil {
		return err
	}
	for range 5 {
		if err := e.served(); err != nil {
			return fmt.Errorf("another connection, while %d peers do not read: %w", mutes, err)
		}
	}
	for i, c := range conns {
		if err := drain(c, piece, sent[i]); err != nil {
			return fmt.Errorf("mute peer %d reads at last: %w", i+1, err)
		}
		if err := e.exchange(c); err != nil {
			return fmt.Errorf("mute peer %d goes on: %w", i+1, err)
		}
	}
	return nil
}

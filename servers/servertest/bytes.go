package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"
)

// randomBytes returns n bytes that depend on seed alone.
func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// sendCut writes msg in pieces of random length, most of them small, so that the server meets
// every alignment of message and read buffer.
func sendCut(c net.Conn, msg []byte, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	for len(msg) > 0 {
		n := min(1+rng.IntN(1<<(4+rng.IntN(15))), len(msg)) // 1 B .. 256 KiB
		if _, err := c.Write(msg[:n]); err != nil {
			return fmt.Errorf("write, %d bytes to go: %w", len(msg), err)
		}
		msg = msg[n:]
	}
	return nil
}

// echoed sends msg in random cuts, reads it back at the same time, and compares.
func echoed(c net.Conn, msg []byte, seed uint64) error {
	sent := make(chan error, 1)
	go func() { sent <- sendCut(c, msg, seed) }()
	readErr := wantBytes(c, msg)
	if readErr != nil {
		c.Close() // or the writer may wait for good
	}
	return errors.Join(readErr, <-sent)
}

// wantBytes reads exactly len(want) bytes and compares them piece by piece: 16 MiB need no
// second copy in memory, and the first wrong byte is named.
func wantBytes(r io.Reader, want []byte) error {
	buf := make([]byte, 64<<10)
	for at := 0; at < len(want); {
		n, err := r.Read(buf[:min(len(buf), len(want)-at)])
		if !bytes.Equal(buf[:n], want[at:at+n]) {
			return fmt.Errorf("bytes %d..%d of %d came back changed", at, at+n, len(want))
		}
		at += n
		if err != nil && at < len(want) {
			return fmt.Errorf("read, after %d of %d bytes: %w", at, len(want), err)
		}
	}
	return nil
}

// wantEOF reads the end of the stream: an orderly FIN and not one byte more.
func wantEOF(r io.Reader) error {
	var one [1]byte
	switch n, err := r.Read(one[:]); {
	case n > 0:
		return fmt.Errorf("an unexpected byte %#x where the stream should end", one[0])
	case err != io.EOF:
		return fmt.Errorf("want an orderly end of the stream: %w", err)
	}
	return nil
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// silent reports an error if anything can be read from c before d is over, or if it is closed.
func silent(c net.Conn, d time.Duration, deadline time.Time) error {
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	var one [1]byte
	n, err := c.Read(one[:])
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("want silence, read %d bytes, %w", n, err)
	}
	return c.SetReadDeadline(deadline)
}

// shrink keeps the client's socket buffers small, so that a peer that does not read soon
// owes nothing and the server is the one that must hold its output back.
func shrink(c *net.TCPConn) error {
	return errors.Join(c.SetReadBuffer(64<<10), c.SetWriteBuffer(64<<10))
}

// writeUntilBlocked repeats piece until the server has stopped to read, or limit bytes are
// gone. It returns how many bytes the kernel took.
//
// That a write makes no progress is not enough to say so: a segment that the kernel dropped
// stalls the stream until it is sent again. The server has stopped when, besides, bytes lie
// in its socket that it does not take.
func (e *Env) writeUntilBlocked(c *net.TCPConn, piece []byte, limit int) (int, error) {
	const quiet = 100 * time.Millisecond
	sent := 0
	for sent < limit {
		if time.Now().After(e.Deadline) {
			return sent, fmt.Errorf("neither took more than %d bytes nor left any in its socket", sent)
		}
		if err := c.SetWriteDeadline(time.Now().Add(quiet)); err != nil {
			return sent, err
		}
		n, err := c.Write(piece[sent%len(piece):])
		sent += n
		switch {
		case err == nil || n > 0:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return sent, fmt.Errorf("write, after %d bytes: %w", sent, err)
		case unread(c) > 0:
			return sent, c.SetWriteDeadline(e.Deadline)
		}
	}
	return sent, c.SetWriteDeadline(e.Deadline)
}

// expectedStream compares what is read with piece, repeated, and stops after n bytes.
type expectedStream struct {
	piece []byte
	at    int
}

func (s *expectedStream) Write(p []byte) (int, error) {
	for i := 0; i < len(p); {
		from := (s.at + i) % len(s.piece)
		n := min(len(p)-i, len(s.piece)-from)
		if !bytes.Equal(p[i:i+n], s.piece[from:from+n]) {
			return i, fmt.Errorf("bytes from %d came back changed", s.at+i)
		}
		i += n
	}
	s.at += len(p)
	return len(p), nil
}

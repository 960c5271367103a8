package survival

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"syscall"
	"time"
)

// sources is how many addresses the peers come from, 127.0.0.2 and up: ports of closed
// connections stay taken for a minute, and one address has fewer than a large churn needs.
const sources = 200

// Dial opens a connection that fails when the trial's time is up.
func (t *Trial) Dial() (*net.TCPConn, error) { return t.dial(nil) }

// dialNarrow opens a connection with a small receive buffer, of a peer that will not read: the
// server, and not this kernel, shall hold what is owed.
func (t *Trial) dialNarrow() (*net.TCPConn, error) {
	return t.dial(func(_, _ string, raw syscall.RawConn) error {
		var err error
		ctlErr := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		})
		return errors.Join(ctlErr, err)
	})
}

// rawControl sets options of a socket before it is connected.
type rawControl = func(network, address string, raw syscall.RawConn) error

func (t *Trial) dial(control rawControl) (*net.TCPConn, error) { return t.dialTo(t.Addr, control) }

func (t *Trial) dialTo(addr string, control rawControl) (*net.TCPConn, error) {
	t.mu.Lock()
	from := net.IPv4(127, 0, 0, byte(2+t.nextFrom%sources))
	t.nextFrom++
	t.mu.Unlock()
	d := net.Dialer{Deadline: t.ends, KeepAlive: -1, LocalAddr: &net.TCPAddr{IP: from}, Control: control}
	c, err := d.DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return c.(*net.TCPConn), c.SetDeadline(t.ends)
}

// DialAll opens n connections; release closes them all.
func (t *Trial) DialAll(n int, dial func() (*net.TCPConn, error)) (conns []*net.TCPConn, release func(), err error) {
	release = func() {
		for _, c := range conns {
			c.Close()
		}
	}
	for range n {
		c, err := dial()
		if err != nil {
			release()
			return nil, nil, fmt.Errorf("connection %d of %d: %w", len(conns)+1, n, err)
		}
		conns = append(conns, c)
	}
	return conns, release, nil
}

// Served makes a connection, has one exchange on it, and closes it.
func (t *Trial) Served() error {
	c, err := t.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return t.Exchange(c)
}

const hello = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// Exchange asks for something small and checks the answer.
func (t *Trial) Exchange(c net.Conn) error {
	switch t.Proto {
	case "http":
		return ask(c, hello, http.StatusOK)
	case "frame":
		return echo(c, framed(random(60)))
	}
	return echo(c, random(64))
}

// ask sends a request and wants a status, with a whole answer.
func ask(c net.Conn, request string, status int) error {
	if _, err := io.WriteString(c, request); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return answered(bufio.NewReader(c), status)
}

func answered(r *bufio.Reader, status int) error {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	switch {
	case err != nil:
		return fmt.Errorf("answer, after %d of %d bytes: %w", n, resp.ContentLength, err)
	case resp.StatusCode != status:
		return fmt.Errorf("answer is %d; want %d", resp.StatusCode, status)
	}
	return nil
}

// random returns bytes of which no other connection has the same.
func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// framed returns payload as a frame.
func framed(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

// echo sends bytes and wants them back.
func echo(c net.Conn, sent []byte) error {
	if _, err := c.Write(sent); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	got := make([]byte, len(sent))
	if n, err := io.ReadFull(c, got); err != nil {
		return fmt.Errorf("echo, after %d of %d bytes: %w", n, len(sent), err)
	}
	if !bytes.Equal(sent, got) {
		return errors.New("echo: other bytes came back")
	}
	return nil
}

// ended reads until the server has closed, by FIN or by RST.
func ended(c net.Conn) error {
	_, err := io.Copy(io.Discard, c)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("want the connection closed: %w", err)
	}
	return nil
}

// reset closes with RST instead of FIN.
func reset(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) }

// drip sends a byte every so often until the server ends the connection.
func drip(c net.Conn, b byte, every time.Duration) error {
	over := make(chan error, 1)
	go func() { over <- ended(c) }()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case err := <-over:
			return err
		case <-tick.C:
			_, _ = c.Write([]byte{b}) // the reader learns how it ends
		}
	}
}

// inOrder reads n answers, the first of 100 bytes, each of a byte more.
func inOrder(c net.Conn, n int) error {
	r := bufio.NewReader(c)
	for i := range n {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return fmt.Errorf("answer %d of %d: %w", i+1, n, err)
		}
		if body, err := io.Copy(io.Discard, resp.Body); err != nil || body != int64(100+i) {
			return fmt.Errorf("answer %d of %d has %d bytes (%v); want %d", i+1, n, body, err, 100+i)
		}
	}
	return nil
}

// teeConn keeps what is read.
type teeConn struct {
	net.Conn
	keep io.Writer
}

func (t teeConn) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	_, _ = t.keep.Write(p[:n]) // a buffer does not fail
	return n, err
}

package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"iomodels/servers"
)

// connCases are about many connections, and about those that end badly.
func connCases() []Case {
	return []Case{
		{
			Name: "many-connections", Run: manyConnections,
			Explanation: "hundreds of connections are open at once, and all are served, in turn and together",
		},
		{
			Name: "churn", Run: churn,
			Explanation: "connections that come and go, with and without a word, leave nothing behind",
		},
		{
			Name: "reset-mid-stream", Run: resetMidStream,
			Explanation: "peers that reset in the middle of a request or an answer do not disturb the others",
		},
		{
			Name: "max-conns", Run: maxConns,
			Config:      func(c *servers.Config) { c.MaxConns = maxConnsBound },
			Explanation: "connections beyond MaxConns are told so and closed; when one leaves, one is let in",
		},
		{
			Name: "descriptors", Run: descriptors,
			Explanation: "out of descriptors: the server lives, does not spin, and accepts again when there is room",
		},
		{
			Name: "socket-options", Run: socketOptions,
			Explanation: "accepted sockets have the options of sock.Tune, and no others",
		},
	}
}

func manyConnections(e *Env) error {
	conns, err := e.dialN(e.size(300, 50))
	if err != nil {
		return err
	}
	// All ask before anybody's answer is read, so all are in the server at one time.
	wants := make([]func(io.Reader) error, len(conns))
	for i, c := range conns {
		var ask []byte
		ask, wants[i] = e.smallTalk()
		if _, err := c.Write(ask); err != nil {
			return fmt.Errorf("connection %d: write: %w", i+1, err)
		}
	}
	for i, want := range wants {
		if err := want(conns[i]); err != nil {
			return fmt.Errorf("connection %d of %d: %w", i+1, len(conns), err)
		}
	}
	return each(len(conns), func(i int) error {
		for range 5 {
			if err := e.exchange(conns[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func churn(e *Env) error {
	return each(8, func(peer int) error {
		for i := range e.size(40, 10) {
			c, err := e.dial()
			if err != nil {
				return err
			}
			switch i % 4 {
			case 0: // leaves without a word
			case 1: // leaves without waiting for the answer
				ask, _ := e.smallTalk()
				_, err = c.Write(ask)
			case 2: // leaves rudely
				err = errors.Join(e.exchange(c), c.SetLinger(0))
			default:
				err = e.exchange(c)
			}
			c.Close()
			if err != nil {
				return fmt.Errorf("connection %d: %w", i+1, err)
			}
		}
		return e.served()
	})
}

// rudePiece returns what a peer sends before it resets: part of a request, a request whose
// answer is longer than the peer will read, or bytes to echo.
func (e *Env) rudePiece(i int) []byte {
	if e.Protocol.Name != "http" {
		return randomBytes(uint64(i), 1+i*10_000)
	}
	upload := "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
	return [][]byte{
		[]byte("GET / HTTP/1.1\r\nHo"),
		append([]byte(upload), randomBytes(uint64(i), 50_000)...),
		[]byte("GET /bytes/4000000 HTTP/1.1\r\nHost: x\r\n\r\n"),
		[]byte("GET /delay/50 HTTP/1.1\r\nHost: x\r\n\r\n"),
	}[i%4]
}

func resetMidStream(e *Env) error {
	neighbours, err := e.dialN(4)
	if err != nil {
		return err
	}
	rude := make(chan error, 1)
	go func() {
		rude <- each(e.size(40, 8), func(i int) error {
			c, err := e.dial()
			if err != nil {
				return err
			}
			piece := e.rudePiece(i)
			if _, err := c.Write(piece); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			if i%2 == 0 && len(piece) > 1 { // some after a part of the answer
				c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				c.Read(make([]byte, 100))
			}
			return errors.Join(c.SetLinger(0), c.Close())
		})
	}()
	err = each(len(neighbours), func(i int) error {
		for range 50 {
			if err := e.exchange(neighbours[i]); err != nil {
				return fmt.Errorf("a neighbour of resetting peers: %w", err)
			}
		}
		return nil
	})
	return errors.Join(err, <-rude, e.served())
}

const maxConnsBound = 3

func maxConns(e *Env) error {
	conns, err := e.dialN(maxConnsBound)
	if err != nil {
		return err
	}
	for _, c := range conns {
		if err := e.exchange(c); err != nil {
			return fmt.Errorf("within the bound: %w", err)
		}
	}
	extra, err := e.dial()
	if err != nil {
		return err
	}
	told, err := io.ReadAll(extra)
	if err != nil && !isReset(err) {
		return fmt.Errorf("connection %d of %d: want it closed: %w", maxConnsBound+1, maxConnsBound, err)
	}
	if e.Protocol.Name == "http" && !bytes.HasPrefix(told, []byte("HTTP/1.1 503 ")) {
		return fmt.Errorf("connection %d of %d was told %q; want a 503", maxConnsBound+1, maxConnsBound, told)
	}
	for _, c := range conns {
		if err := e.exchange(c); err != nil {
			return fmt.Errorf("after a refusal, within the bound: %w", err)
		}
	}
	conns[0].Close()
	if err := e.until(e.served); err != nil {
		return fmt.Errorf("after one of %d left, a new connection: %w", maxConnsBound, err)
	}
	return nil
}

func socketOptions(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	if err := e.exchange(c); err != nil {
		return err
	}
	fd, err := serverSide(c)
	if err != nil {
		return err
	}
	got, err := readOptions(fd)
	if err != nil {
		return err
	}
	want, err := tunedOptions()
	if err != nil {
		return fmt.Errorf("reference socket: %w", err)
	}
	return e.compareOptions(got, want)
}

// wantClosed reads until the server has closed, by FIN or by RST, and ignores what comes before.
func wantClosed(c net.Conn) error {
	if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
		return fmt.Errorf("want the connection closed: %w", err)
	}
	return nil
}

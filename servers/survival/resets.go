package survival

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// resetFaults are about peers that leave at the wrong moment.
func resetFaults() []Fault {
	stage := func(name, when string, protos []string, send string, read int64) Fault {
		return Fault{
			Name: name, Protos: protos, Says: "RST " + when + "; the next client is served",
			Run: func(t *Trial) error { return t.resets(send, read) },
		}
	}
	web := []string{"http"}
	return []Fault{
		stage("reset-before-request", "before a word is said", nil, "", 0),
		stage("reset-in-head", "in the middle of a request head", web, "GET / HTTP/1.1\r\nHo", 0),
		stage("reset-in-body", "in the middle of a body",
			web, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n"+strings.Repeat("b", 40_000), 0),
		stage("reset-in-chunk", "in the middle of a chunk",
			web, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nabc", 0),
		stage("reset-in-handler", "while the handler works", web, "GET /delay/20 HTTP/1.1\r\nHost: x\r\n\r\n", 0),
		stage("reset-in-response", "in the middle of an answer",
			web, "GET /bytes/4000000 HTTP/1.1\r\nHost: x\r\n\r\n", 1000),
		stage("reset-in-echo", "in the middle of an echo", []string{"echo"}, strings.Repeat("e", 100_000), 100),
		{
			Name: "half-close", Cases: []string{"half-close-request", "half-close"},
			Says: "a request of one packet, then FIN; the answer comes whole, then FIN",
			Run:  (*Trial).halfCloses,
		},
		{
			Name: "half-close-large", Cases: []string{"half-close", "half-close-slow-reader"}, Protos: []string{"echo"},
			Says: "1 MiB to echo, then FIN; it comes back whole, then FIN",
			Run:  (*Trial).largeHalfCloses,
		},
	}
}

func (t *Trial) resets(send string, read int64) error {
	return t.Crowd(t.N(500, 24), func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		// A server may refuse to take it all before somebody reads; then what has gone will do.
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.WriteString(c, send)
		}()
		if _, err := io.CopyN(io.Discard, c, read); err != nil {
			return fmt.Errorf("the first %d bytes of the answer: %w", read, err)
		}
		if read == 0 {
			<-sent
		}
		err = reset(c)
		<-sent
		return errors.Join(err, t.Served())
	})
}

func (t *Trial) halfCloses() error {
	return t.Crowd(t.N(500, 24), func(int) error {
		return t.halfClose("GET /bytes/1000 HTTP/1.1\r\nHost: x\r\n\r\n", strings.Repeat("h", 1000))
	})
}

func (t *Trial) largeHalfCloses() error {
	return t.Crowd(t.N(32, 4), func(int) error { return t.halfClose("", strings.Repeat("l", 1<<20)) })
}

// halfClose sends, shuts down its sending side, and wants the answer and the server's FIN.
func (t *Trial) halfClose(request, message string) error {
	c, err := t.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if t.Proto == "http" {
		if err := sendAndShut(c, request); err != nil {
			return err
		}
		r := bufio.NewReader(c)
		if err := answered(r, http.StatusOK); err != nil {
			return err
		}
		return wantFIN(r)
	}
	shut := make(chan error, 1)
	go func() { shut <- sendAndShut(c, message) }()
	got, err := io.ReadAll(c)
	switch sendErr := <-shut; {
	case err != nil || sendErr != nil:
		return fmt.Errorf("echo, after %d of %d bytes: %w", len(got), len(message), errors.Join(err, sendErr))
	case string(got) != message:
		return fmt.Errorf("%d of %d bytes came back", len(got), len(message))
	}
	return nil
}

func sendAndShut(c *net.TCPConn, what string) error {
	if _, err := io.WriteString(c, what); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return c.CloseWrite()
}

// wantFIN wants the end of the stream in good order: no byte, and no RST.
func wantFIN(r io.Reader) error {
	if more, err := io.ReadAll(r); err != nil || len(more) > 0 {
		return fmt.Errorf("after the answer: %d bytes, %v; want FIN", len(more), err)
	}
	return nil
}

package servertest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// bodyCases are about bodies: small in pieces, large in both directions.
func bodyCases() []Case {
	return []Case{
		{
			Name: "chunked", Proto: "http", Run: httpChunked,
			Explanation: "a chunked body, with extension and trailer, arrives whole even byte by byte",
		},
		{
			Name: "expect-continue", Proto: "http", Run: httpExpect,
			Explanation: "a client that waits for 100 Continue gets it before it sends the body",
		},
		{
			Name: "large-body", Proto: "http", Run: httpLargeBody,
			Explanation: "a body of hundreds of KiB, sent in random cuts, comes back unchanged",
		},
		{
			Name: "large-response", Proto: "http", Run: httpLargeResponse,
			Explanation: "16 MiB arrive whole, also at a peer that starts to read late, while others are served",
		},
		{
			Name: "back-pressure", Proto: "http", Run: httpBackPressure,
			Explanation: "a peer that pipelines and never reads is soon not read from; nothing is lost",
		},
	}
}

func httpChunked(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	request := "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"5\r\nHello\r\n" + "2;note=x\r\n, \r\n" + "6\r\nWorld!\r\n" + "0\r\nX-Trailer: 1\r\n\r\n"
	if err := askAndCheck(c, request, 200, "Hello, World!"); err != nil {
		return fmt.Errorf("in one piece: %w", err)
	}
	for i := range len(request) {
		if _, err := c.Write([]byte{request[i]}); err != nil {
			return fmt.Errorf("write byte %d: %w", i, err)
		}
	}
	if err := checkResponse(c, "POST", 200, "Hello, World!"); err != nil {
		return fmt.Errorf("byte by byte: %w", err)
	}
	return nil
}

func httpExpect(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	head := "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	if _, err := io.WriteString(c, head); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		return fmt.Errorf("want an interim 100 before the body is sent, got %q, %w", line, orNilError(err))
	}
	for line != "\r\n" {
		if line, err = r.ReadString('\n'); err != nil {
			return fmt.Errorf("end of the interim response: %w", err)
		}
	}
	if _, err := io.WriteString(c, "12345"); err != nil {
		return err
	}
	if err := checkNext(r, "POST", 200, "12345"); err != nil {
		return fmt.Errorf("the final response: %w", err)
	}
	return e.exchange(c)
}

func httpLargeBody(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	body := randomBytes(4, 500_000)
	head := fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(body))
	sent := make(chan error, 1)
	go func() { sent <- sendCut(c, append([]byte(head), body...), 4) }()
	resp, got, err := response(bufio.NewReader(c), "POST")
	if err != nil {
		c.Close()
		return errors.Join(err, <-sent)
	}
	if resp.StatusCode != 200 || !bytes.Equal(got, body) {
		return fmt.Errorf("%s with %d bytes; want 200 and the %d bytes sent", resp.Status, len(got), len(body))
	}
	return <-sent
}

// largeResponse is how much one response of httpLargeResponse carries.
const largeResponse = 16 << 20

func httpLargeResponse(e *Env) error {
	request := fmt.Sprintf("GET /bytes/%d HTTP/1.1\r\nHost: x\r\n\r\n", largeResponse)
	for _, late := range []bool{false, true} {
		c, err := e.dial()
		if err != nil {
			return err
		}
		if err := c.SetReadBuffer(64 << 10); late && err != nil {
			return err
		}
		if _, err := io.WriteString(c, request); err != nil {
			return err
		}
		if late { // until then the server must hold the answer back, and serve others
			for range 3 {
				if err := e.served(); err != nil {
					return fmt.Errorf("another connection, while a peer does not read: %w", err)
				}
			}
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || n != largeResponse {
			return fmt.Errorf("read late: %v: %d of %d bytes, %w", late, n, largeResponse, orNilError(err))
		}
		if err := e.exchange(c); err != nil {
			return fmt.Errorf("the next request: %w", err)
		}
	}
	return nil
}

// paddedSize is the length of each of paddedRequests, and of the body each asks for.
const paddedSize = 4096

// paddedRequests returns requests that cost as much to send as their answers do, so that a
// peer that does not read fills both directions at the same pace.
func paddedRequests() []byte {
	head := fmt.Sprintf("GET /bytes/%d HTTP/1.1\r\nHost: x\r\nX-Padding: ", paddedSize)
	one := head + strings.Repeat("x", paddedSize-len(head)-4) + "\r\n\r\n"
	return []byte(strings.Repeat(one, 256))
}

func httpBackPressure(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	piece := paddedRequests()
	sent, err := e.fill(c, piece)
	if err != nil {
		return err
	}
	for range 3 {
		if err := e.served(); err != nil {
			return fmt.Errorf("another connection, while a peer does not read: %w", err)
		}
	}
	rest := make(chan error, 1)
	go func() { // the rest of the request that was cut, and not before the peer reads
		_, err := c.Write(piece[sent%len(piece) : (sent/paddedSize+1)*paddedSize-sent/len(piece)*len(piece)])
		rest <- err
	}()
	r := bufio.NewReaderSize(c, 64<<10)
	for i := range sent/paddedSize + 1 {
		resp, body, err := response(r, "GET")
		if err != nil || resp.StatusCode != 200 || len(body) != paddedSize {
			c.Close()
			return errors.Join(fmt.Errorf("response %d of %d pipelined: %v", i+1, sent/paddedSize+1, err), <-rest)
		}
	}
	return <-rest
}

func httpMalformed(e *Env) error {
	neighbour, err := e.dial()
	if err != nil {
		return err
	}
	for _, bad := range []string{
		"this is not HTTP\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", // no Host
	} {
		c, err := e.dial()
		if err != nil {
			return err
		}
		if err := askAndCheck(c, bad, http.StatusBadRequest, ""); err != nil {
			return fmt.Errorf("%q: %w", bad, err)
		}
		if err := wantClosed(c); err != nil {
			return fmt.Errorf("%q: %w", bad, err)
		}
		if err := e.exchange(neighbour); err != nil {
			return fmt.Errorf("another connection, after %q: %w", bad, err)
		}
	}
	return nil
}

// httpMalformedLinger sends far more than the refused head before it reads. A server that
// closes with bytes unread makes the kernel send RST instead of FIN, and with some kernels
// that takes the 400 away from a peer that has not read it yet.
func httpMalformedLinger(e *Env) error {
	for range 5 {
		c, err := e.dial()
		if err != nil {
			return err
		}
		bad := append([]byte("GET / HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n"), make([]byte, 256<<10)...)
		if _, err := c.Write(bad); err != nil {
			return fmt.Errorf("the peer's further bytes: %w", err)
		}
		r := bufio.NewReader(c)
		if err := checkNext(r, "GET", http.StatusBadRequest, ""); err != nil {
			return err
		}
		if err := wantEOF(r); err != nil {
			return err
		}
	}
	return nil
}

func httpHalfClose(e *Env) error {
	for _, n := range []int{1, 3} {
		c, err := e.dial()
		if err != nil {
			return err
		}
		if _, err := io.WriteString(c, strings.Repeat(helloRequest, n)); err != nil {
			return err
		}
		if err := c.CloseWrite(); err != nil {
			return err
		}
		r := bufio.NewReader(c)
		for i := range n {
			if err := checkNext(r, "GET", 200, "Hello, World!"); err != nil {
				return fmt.Errorf("response %d of %d before FIN: %w", i+1, n, err)
			}
		}
		if err := wantEOF(r); err != nil {
			return err
		}
	}
	return nil
}

func httpHeadTimeout(e *Env) error {
	patient, err := e.dial()
	if err != nil {
		return err
	}
	if err := e.exchange(patient); err != nil {
		return err
	}
	c, err := e.dial()
	if err != nil {
		return err
	}
	closed := make(chan error, 1)
	go func() { closed <- wantClosed(c) }()
	for _, b := range []byte("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: " + strings.Repeat("x", 400)) {
		if _, err := c.Write([]byte{b}); err != nil {
			break // closed; the reader says how
		}
		select {
		case err := <-closed:
			if err != nil {
				return err
			}
			// The other connection has been silent for longer than the head time-out.
			if err := e.exchange(patient); err != nil {
				return fmt.Errorf("a connection between two requests: %w", err)
			}
			return nil
		case <-time.After(shortTime / 10):
		}
	}
	if err := <-closed; err != nil {
		return err
	}
	return e.exchange(patient)
}

func httpOffload(e *Env) error {
	slow, err := e.dial()
	if err != nil {
		return err
	}
	if err := e.exchange(slow); err != nil {
		return err
	}
	if _, err := io.WriteString(slow, "GET /delay/1000 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return err
	}
	if err := e.awaitConsumed(slow); err != nil {
		return err
	}
	if err := e.served(); err != nil {
		return fmt.Errorf("another connection, while a handler blocks: %w", err)
	}
	if err := silent(slow, time.Millisecond, e.Deadline); err != nil {
		return fmt.Errorf("the slow request was answered before the quick one: %w", err)
	}
	return checkResponse(slow, "GET", 200, "")
}

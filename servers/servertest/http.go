package servertest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"iomodels/servers"
)

// httpCases are the promises of HTTP/1.1 that hang on the I/O as much as on the parser. The
// fine print of the RFC is not here: package proto proves it without sockets.
func httpCases() []Case {
	return []Case{
		{
			Name: "endpoints", Proto: "http", Run: httpEndpoints,
			Explanation: "every endpoint answers as described, with a right Content-Length and a Date",
		},
		{
			Name: "head", Proto: "http", Run: httpHead,
			Explanation: "HEAD gets the head of GET and no body, so the next response starts right after it",
		},
		{
			Name: "keep-alive", Proto: "http", Run: httpKeepAlive,
			Explanation: "one connection serves request after request; Connection: close and HTTP/1.0 end it",
		},
		{
			Name: "pipelining", Proto: "http", Run: httpPipelining,
			Explanation: "100 requests sent at once, in random cuts, are answered in order",
		},
		{
			Name: "pipelining-offload", Proto: "http", Run: httpPipelining,
			Config:      func(c *servers.Config) { c.Offload = 2 },
			Explanation: "the same with handlers on a worker pool, which must not overtake each other",
		},
		{
			Name: "malformed", Proto: "http", Run: httpMalformed,
			Explanation: "what is not HTTP gets a 400 and the connection is closed; others do not notice",
		},
		{
			Name: "malformed-linger", Proto: "http", Run: httpMalformedLinger,
			Explanation: "the 400 can be read although the peer goes on sending: no RST destroys it",
		},
		{
			Name: "half-close-request", Proto: "http", Run: httpHalfClose,
			Explanation: "requests followed by FIN are answered, then the server closes",
		},
		{
			Name: "head-timeout", Proto: "http", Run: httpHeadTimeout,
			Config:      func(c *servers.Config) { c.Timeouts.Head = shortTime },
			Explanation: "a head that dribbles in is given up in total time; waiting between requests is not a head",
		},
		{
			Name: "offload", Proto: "http", Run: httpOffload,
			Config:      func(c *servers.Config) { c.Loops, c.Offload = 1, 2 },
			Explanation: "a handler that blocks on a worker does not hold up another connection of its loop",
		},
	}
}

func httpEndpoints(e *Env) error {
	tests := []struct {
		method, target, body string
		status               int
		want                 string
		length               int // of the answer's body; -1: any
	}{
		{"GET", "/", "", 200, "Hello, World!", 13},
		{"POST", "/echo", "some body", 200, "some body", 9},
		{"POST", "/echo", "", 200, "", 0},
		{"GET", "/bytes/0", "", 200, "", 0},
		{"GET", "/bytes/1", "", 200, "", 1},
		{"GET", "/bytes/100000", "", 200, "", 100_000},
		{"GET", "/delay/1", "", 200, "", -1},
		{"GET", "/burn/100", "", 200, "", -1},
		{"GET", "/nowhere", "", 404, "", -1},
		{"GET", "/bytesandmore", "", 404, "", -1},
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: time.Until(e.Deadline)}
	for _, tt := range tests {
		req, err := http.NewRequest(tt.method, "http://"+e.Addr+tt.target, strings.NewReader(tt.body))
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		name := tt.method + " " + tt.target
		switch {
		case err != nil:
			return fmt.Errorf("%s: body: %w", name, err)
		case resp.StatusCode != tt.status:
			return fmt.Errorf("%s: status %d; want %d", name, resp.StatusCode, tt.status)
		case tt.want != "" && string(body) != tt.want:
			return fmt.Errorf("%s: body %q; want %q", name, body, tt.want)
		case tt.length >= 0 && len(body) != tt.length:
			return fmt.Errorf("%s: %d bytes of body; want %d", name, len(body), tt.length)
		case resp.ContentLength != int64(len(body)):
			return fmt.Errorf("%s: Content-Length %d with %d bytes of body", name, resp.ContentLength, len(body))
		}
		if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil {
			return fmt.Errorf("%s: Date header: %w", name, err)
		}
		if ct := resp.Header.Get("Content-Type"); tt.target == "/" && !strings.HasPrefix(ct, "text/plain") {
			return fmt.Errorf("%s: Content-Type %q; want text/plain", name, ct)
		}
	}
	return nil
}

// response reads one response from r and its whole body.
func response(r *bufio.Reader, method string) (*http.Response, []byte, error) {
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return nil, nil, fmt.Errorf("read response: %w", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("read body of a %s: %w", resp.Status, err)
	}
	return resp, body, nil
}

// checkResponse reads the one response that c now holds; body "" stands for any body.
func checkResponse(c io.Reader, method string, status int, body string) error {
	return checkNext(bufio.NewReader(c), method, status, body)
}

// checkNext reads the next of several responses.
func checkNext(r *bufio.Reader, method string, status int, body string) error {
	resp, got, err := response(r, method)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != status:
		return fmt.Errorf("status %s; want %d", resp.Status, status)
	case body != "" && string(got) != body:
		return fmt.Errorf("body %q; want %q", got, body)
	}
	return nil
}

func wantHello(r io.Reader) error { return checkResponse(r, "GET", 200, "Hello, World!") }

// askAndCheck sends request and reads its response.
func askAndCheck(c net.Conn, request string, status int, body string) error {
	if _, err := io.WriteString(c, request); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return checkResponse(c, "GET", status, body)
}

const helloRequest = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func httpHead(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(c, "HEAD /bytes/1000 HTTP/1.1\r\nHost: x\r\n\r\n"+helloRequest); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	resp, _, err := response(r, "HEAD")
	if err != nil {
		return err
	}
	if resp.StatusCode != 200 || resp.ContentLength != 1000 {
		return fmt.Errorf("HEAD: %s, Content-Length %d; want 200 and 1000", resp.Status, resp.ContentLength)
	}
	if err := checkNext(r, "GET", 200, "Hello, World!"); err != nil {
		return fmt.Errorf("the response after that of a HEAD: %w", err)
	}
	return nil
}

func httpKeepAlive(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	for i := range 50 {
		if err := askAndCheck(c, helloRequest, 200, "Hello, World!"); err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
	}
	for _, last := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
	} {
		c, err := e.dial()
		if err != nil {
			return err
		}
		if err := askAndCheck(c, last, 200, "Hello, World!"); err != nil {
			return fmt.Errorf("%q: %w", last, err)
		}
		if err := wantEOF(c); err != nil {
			return fmt.Errorf("%q: %w", last, err)
		}
	}
	return nil
}

func httpPipelining(e *Env) error {
	return each(3, func(peer int) error {
		c, err := e.dial()
		if err != nil {
			return err
		}
		var asked bytes.Buffer
		for i := range 100 {
			body := fmt.Sprintf("peer %d request %d", peer, i)
			fmt.Fprintf(&asked, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
		sent := make(chan error, 1)
		go func() {
			if peer == 0 { // one peer's requests arrive in as few reads as can be
				_, err := c.Write(asked.Bytes())
				sent <- err
				return
			}
			sent <- sendCut(c, asked.Bytes(), uint64(peer))
		}()
		r := bufio.NewReader(c)
		for i := range 100 {
			if err := checkNext(r, "POST", 200, fmt.Sprintf("peer %d request %d", peer, i)); err != nil {
				c.Close()
				return errors.Join(fmt.Errorf("response %d of 100: %w", i+1, err), <-sent)
			}
		}
		return <-sent
	})
}

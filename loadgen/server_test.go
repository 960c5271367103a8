package loadgen

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// server is a small server for tests: every connection runs handle, which may misbehave.
type server struct {
	t        *testing.T
	listener *net.TCPListener
	handle   func(s *server, c *net.TCPConn)
	wait     sync.WaitGroup
	mutex    sync.Mutex
	conns    map[*net.TCPConn]bool

	accepted atomic.Int64
	served   atomic.Int64 // requests answered, or dealt with
}

func serve(t *testing.T, handle func(s *server, c *net.TCPConn)) *server {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, listener: l, handle: handle, conns: map[*net.TCPConn]bool{}}
	s.wait.Go(s.accept)
	t.Cleanup(s.die)
	return s
}

func (s *server) addr() string { return s.listener.Addr().String() }

func (s *server) accept() {
	for {
		c, err := s.listener.AcceptTCP()
		if err != nil {
			return
		}
		s.accepted.Add(1)
		s.mutex.Lock()
		s.conns[c] = true
		s.mutex.Unlock()
		s.wait.Go(func() {
			s.handle(s, c)
			c.Close()
			s.mutex.Lock()
			delete(s.conns, c)
			s.mutex.Unlock()
		})
	}
}

// die closes the listener and every connection, as a killed process would.
func (s *server) die() {
	s.listener.Close()
	s.mutex.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mutex.Unlock()
	s.wait.Wait()
}

// echoes answers as it should.
func echoes(s *server, c *net.TCPConn) {
	b := make([]byte, 64<<10)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		s.served.Add(1)
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

// reset closes with RST instead of FIN.
func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// rule deals with request i of a server in its own way; false ends the connection.
type rule func(c *net.TCPConn, i int64, request []byte) bool

// echoRule answers messages of the given size by a rule.
func echoRule(size int, r rule) func(*server, *net.TCPConn) {
	return func(s *server, c *net.TCPConn) {
		b := make([]byte, size)
		for {
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			if !r(c, s.served.Add(1)-1, b) {
				return
			}
		}
	}
}

// httpRule answers HTTP requests by a rule.
func httpRule(r rule) func(*server, *net.TCPConn) {
	return func(s *server, c *net.TCPConn) {
		in := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			if !r(c, s.served.Add(1)-1, body) {
				return
			}
		}
	}
}

func says(reply string) rule {
	return func(c *net.TCPConn, _ int64, _ []byte) bool {
		_, err := io.WriteString(c, reply)
		return err == nil
	}
}

// thenCloses says something and ends the connection.
func thenCloses(reply string) rule {
	return func(c *net.TCPConn, _ int64, _ []byte) bool {
		io.WriteString(c, reply)
		return false
	}
}

func resets(c *net.TCPConn, _ int64, _ []byte) bool {
	reset(c)
	return false
}

// silent never answers.
func silent(*net.TCPConn, int64, []byte) bool { return true }

func returns(c *net.TCPConn, _ int64, request []byte) bool {
	_, err := c.Write(request)
	return err == nil
}

const helloReply = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!"

package servertest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"iomodels/servers"
)

// shortTime is the time-out given to the server where a case waits for it to strike.
const shortTime = 400 * time.Millisecond

// timeoutCases are about peers that hold a connection and do nothing with it.
func timeoutCases() []Case {
	return []Case{
		{
			Name: "idle-timeout", Run: idleTimeout,
			Config:      func(c *servers.Config) { c.Timeouts.Idle = shortTime },
			Explanation: "silence is ended after the idle time-out, not before; who is owed an answer is not idle",
		},
		{
			Name: "write-timeout", Run: writeTimeout,
			Config:      func(c *servers.Config) { c.Timeouts.Write = shortTime },
			Explanation: "a peer that reads nothing of what it is owed is given up after the write time-out",
		},
	}
}

func idleTimeout(e *Env) error {
	fresh, err := e.dial() // never says a word
	if err != nil {
		return err
	}
	c, err := e.dial()
	if err != nil {
		return err
	}
	if e.Protocol.Name == "http" { // being owed an answer is not being idle
		if err := askAndCheck(c, "GET /delay/900 HTTP/1.1\r\nHost: x\r\n\r\n", 200, ""); err != nil {
			return fmt.Errorf("an answer that takes longer than the idle time-out: %w", err)
		}
	}
	start := time.Now()
	if err := e.exchange(c); err != nil {
		return err
	}
	if err := wantClosed(c); err != nil {
		return fmt.Errorf("after silence: %w", err)
	}
	// A server may be late, on a busy machine by any time, but it must not be early.
	if held := time.Since(start); held < shortTime*3/4 {
		return fmt.Errorf("closed after %v; the idle time-out is %v", held, shortTime)
	}
	if err := wantClosed(fresh); err != nil {
		return fmt.Errorf("a connection that never said a word: %w", err)
	}
	return e.served()
}

func writeTimeout(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	if err := shrink(c); err != nil {
		return err
	}
	if err := e.exchange(c); err != nil { // it is accepted: awaitGone may look for it
		return err
	}
	start := time.Now()
	// It sends as long as the connection lives: the kernel's buffers grow, so a server that was
	// blocked may find room once more, and read and write on.
	sender := make(chan error, 1)
	go func() {
		piece, err := e.hungryPiece(), error(nil)
		for sent := 0; sent < tooMuch && err == nil; sent += len(piece) {
			_, err = c.Write(piece)
		}
		sender <- err
	}()
	gone := e.awaitGone(c)
	c.Close()
	if err := <-sender; err == nil {
		return fmt.Errorf("took %d MiB from a peer that reads nothing", tooMuch>>20)
	}
	if gone != nil {
		return gone
	}
	if held := time.Since(start); held < shortTime*3/4 {
		return fmt.Errorf("gave up after %v; the write time-out is %v", held, shortTime)
	}
	return e.served()
}

// hungryPiece is what a peer repeats that wants to be owed as much as it sends.
func (e *Env) hungryPiece() []byte {
	if e.Protocol.Name == "http" {
		return paddedRequests()
	}
	return randomBytes(9, 1<<20)
}

// stopCases are about the end of Serve.
func stopCases() []Case {
	return []Case{
		{
			Name: "stop-idle", Run: stopIdle,
			Explanation: "at stop idle connections are closed in good order and new ones are refused",
		},
		{
			Name: "stop-stuck-peer", Run: stopStuckPeer,
			Config:      func(c *servers.Config) { c.Grace = 300 * time.Millisecond },
			Explanation: "a peer that does not read what it is owed holds up the stop for no longer than the grace",
		},
		{
			Name: "stop-in-flight", Proto: "http", Run: stopInFlight,
			Config:      func(c *servers.Config) { c.Grace = 10 * time.Second },
			Explanation: "a request that is being handled at stop is still answered",
		},
		{
			Name: "stop-mid-request", Proto: "http", Run: stopMidRequest,
			Config:      func(c *servers.Config) { c.Grace = 10 * time.Second },
			Explanation: "a request whose body is arriving at stop may finish, and is answered",
		},
		{
			Name: "stop-in-flight-offload", Proto: "http", Run: stopInFlight,
			Config:      func(c *servers.Config) { c.Grace, c.Offload = 10*time.Second, 2 },
			Explanation: "the same with the handler on a worker pool",
		},
	}
}

func stopIdle(e *Env) error {
	conns, err := e.dialN(10)
	if err != nil {
		return err
	}
	for _, c := range conns {
		if err := e.exchange(c); err != nil {
			return err
		}
	}
	mute, err := e.dial()
	if err != nil {
		return err
	}
	e.stop()
	for i, c := range conns {
		if err := wantEOF(c); err != nil {
			return fmt.Errorf("idle connection %d: %w", i+1, err)
		}
	}
	if err := wantClosed(mute); err != nil {
		return fmt.Errorf("a connection that never said a word: %w", err)
	}
	if err := e.awaitStop(); err != nil {
		return err
	}
	return e.refuses()
}

func stopStuckPeer(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	if err := shrink(c); err != nil {
		return err
	}
	if _, err := e.writeUntilBlocked(c, e.hungryPiece(), tooMuch); err != nil {
		return err
	}
	return e.awaitStop()
}

func stopInFlight(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	// The first exchange tells that the connection is accepted; the second that the slow
	// request has left the socket, so it is in the handler or on its way there.
	if err := e.exchange(c); err != nil {
		return err
	}
	if _, err := c.Write([]byte("GET /delay/700 HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		return err
	}
	if err := e.awaitConsumed(c); err != nil {
		return err
	}
	e.stop()
	if err := checkResponse(c, "GET", 200, ""); err != nil {
		return fmt.Errorf("the request in flight: %w", err)
	}
	if err := wantClosed(c); err != nil {
		return err
	}
	return e.awaitStop()
}

func stopMidRequest(e *Env) error {
	conns, err := e.dialN(2)
	if err != nil {
		return err
	}
	busy, idle := conns[0], conns[1]
	if err := errors.Join(e.exchange(busy), e.exchange(idle)); err != nil {
		return err
	}
	half := "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345"
	if _, err := io.WriteString(busy, half); err != nil {
		return err
	}
	if err := e.awaitConsumed(busy); err != nil {
		return err
	}
	e.stop()
	if err := wantClosed(idle); err != nil { // the stop has reached the connections
		return fmt.Errorf("an idle connection: %w", err)
	}
	if err := askAndCheck(busy, "67890", 200, "1234567890"); err != nil {
		return fmt.Errorf("the rest of a request, after stop: %w", err)
	}
	return e.awaitStop()
}

// refuses returns an error as long as the server lets connections in.
func (e *Env) refuses() error {
	c, err := net.Dial("tcp", e.Addr)
	if err != nil {
		return nil
	}
	c.Close()
	return fmt.Errorf("%s still accepts", e.Addr)
}

package servertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"iomodels/servers"
	"iomodels/servers/proto"
)

// Env is one case's view: a running server, and a client that cannot hang.
type Env struct {
	Model    servers.Model
	Config   servers.Config // as the server got it
	Protocol proto.Protocol
	Addr     string
	Short    bool      // go test -short: smaller sizes, fewer peers
	Deadline time.Time // of everything the case does
	Logf     func(format string, args ...any)

	testName string
	cancel   context.CancelFunc // stops the server
	release  context.CancelFunc // ends the protocol's background work, after the server
	result   chan error         // what Serve returned

	mu    sync.Mutex
	conns []net.Conn // closed when the case ends
}

// newEnv starts the model and returns when it accepts.
func newEnv(t *testing.T, m servers.Model, c Case, protoName string) (*Env, error) {
	protoCtx, release := context.WithCancel(context.Background())
	p, err := proto.Named(protoCtx, protoName, proto.Limits{})
	if err != nil {
		release()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &Env{
		Model: m, Protocol: p, Short: testing.Short(), Deadline: time.Now().Add(caseTime), Logf: t.Logf,
		testName: t.Name(), cancel: cancel, release: release, result: make(chan error, 1),
	}
	ready := make(chan net.Addr, 1)
	e.Config = servers.Config{
		Addr: "127.0.0.1:0", Protocol: p, Loops: 2,
		Ready: func(a net.Addr) { ready <- a },
	}
	if c.Config != nil {
		c.Config(&e.Config)
	}
	go func() { e.result <- m.Serve(ctx, e.Config) }()
	select {
	case a := <-ready:
		e.Addr = a.String()
		return e, nil
	case err := <-e.result:
		err = fmt.Errorf("it returned from Serve before it was ready: %w", orNilError(err))
		cancel()
		release()
		return nil, err
	case <-time.After(caseTime):
		cancel()
		release()
		return nil, errors.New("cfg.Ready was not called")
	}
}

func orNilError(err error) error {
	if err == nil {
		return errors.New("nil")
	}
	return err
}

// stop asks the server to stop, as SIGTERM does, and does not wait.
func (e *Env) stop() { e.cancel() }

// close closes every connection of the case.
func (e *Env) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.conns {
		c.Close()
	}
	e.conns = nil
}

// stopSlack is how far beyond its grace period a stopping server may go on a busy machine.
const stopSlack = 5 * time.Second

// awaitStop stops the server, if nobody did, and waits until Serve has returned.
func (e *Env) awaitStop() error {
	e.cancel()
	defer e.release()
	grace := e.Config.Grace
	if grace == 0 {
		grace = 2 * time.Second
	}
	select {
	case err := <-e.result:
		e.result <- err // it may be asked for again
		if err != nil {
			return fmt.Errorf("it returned %w from Serve; want nil after ctx is done", err)
		}
		return nil
	case <-time.After(grace + stopSlack):
		return fmt.Errorf("it has not returned from Serve %v after ctx was done, with a grace of %v\n%s",
			grace+stopSlack, grace, stacks())
	}
}

// stacks shows where everybody waits: a server that does not stop is otherwise a riddle.
func stacks() []byte {
	buf := make([]byte, 64<<10)
	return buf[:runtime.Stack(buf, true)]
}

// dial opens a connection that fails at the case's deadline and is closed at its end.
func (e *Env) dial() (*net.TCPConn, error) {
	d := net.Dialer{Deadline: e.Deadline, KeepAlive: -1}
	c, err := d.Dial("tcp", e.Addr)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	tc := c.(*net.TCPConn)
	if err := tc.SetDeadline(e.Deadline); err != nil {
		return nil, err
	}
	e.mu.Lock()
	e.conns = append(e.conns, tc)
	e.mu.Unlock()
	return tc, nil
}

// dialN opens n connections.
func (e *Env) dialN(n int) ([]*net.TCPConn, error) {
	conns := make([]*net.TCPConn, n)
	for i := range conns {
		c, err := e.dial()
		if err != nil {
			return nil, fmt.Errorf("connection %d of %d: %w", i+1, n, err)
		}
		conns[i] = c
	}
	return conns, nil
}

// served makes a new connection, has one exchange on it, and closes it.
func (e *Env) served() error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return e.exchange(c)
}

// exchange asks for something small on c, in the case's protocol, and checks the answer.
func (e *Env) exchange(c net.Conn) error {
	ask, want := e.smallTalk()
	if _, err := c.Write(ask); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return want(c)
}

// smallTalk returns a small request and a function that reads and checks the answer.
func (e *Env) smallTalk() (ask []byte, want func(io.Reader) error) {
	if e.Protocol.Name == "http" {
		return []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), wantHello
	}
	msg := randomBytes(rand.Uint64(), 64)
	if e.Protocol.Name == "frame" {
		msg = frame(msg)
	}
	return msg, func(r io.Reader) error { return wantBytes(r, msg) }
}

// size picks the full or the -short value of a number.
func (e *Env) size(full, short int) int {
	if e.Short {
		return short
	}
	return full
}

// until polls cond until it is nil or the case's time is up, and returns its last error.
func (e *Env) until(cond func() error) error { return poll(e.Deadline, cond) }

func poll(end time.Time, cond func() error) error {
	for ; ; time.Sleep(2 * time.Millisecond) {
		err := cond()
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

// each runs f for 0..n-1 at once and returns the first error, with its index.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("peer %d of %d: %w", i+1, n, err)
		}
	}
	return nil
}

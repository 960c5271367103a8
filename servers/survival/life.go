package survival

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// lifeFaults are about the process: signals, stops, few processors.
func lifeFaults() []Fault {
	return []Fault{
		{
			Name: "signals", Run: (*Trial).signals,
			Says: "a storm of SIGURG, SIGWINCH, SIGCHLD and SIGPROF during exchanges costs none of them",
		},
		{
			Name: "one-processor", Env: []string{"GOMAXPROCS=1"}, Run: (*Trial).exchanges,
			Says: "GOMAXPROCS=1: nobody who waits keeps the processor from those who have work",
		},
		{
			Name: "stalled", Run: (*Trial).stalled,
			Says: "the process is stopped (SIGSTOP) for a while with requests under way; all are answered",
		},
		{
			Name: "sigterm", Run: (*Trial).sigterm, Ends: true,
			Says: "SIGTERM with idle, half-asked, unread and working connections: exit 0 in 5 s, the port is free",
		},
		{
			Name: "killed", Run: (*Trial).killed, Ends: true,
			Says: "kill -9 with open connections; the next server gets the same port at once",
		},
	}
}

// exchanges lets peers ask many times each, all at once.
func (t *Trial) exchanges() error {
	return t.Together(t.N(100, 20), func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		for range t.N(200, 20) {
			if err := t.Exchange(c); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *Trial) signals() error {
	stop := make(chan struct{})
	var gun sync.WaitGroup
	var shots int
	gun.Go(func() {
		for ; ; shots++ {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
			}
			for _, s := range []syscall.Signal{syscall.SIGURG, syscall.SIGWINCH, syscall.SIGCHLD, syscall.SIGPROF} {
				_ = t.Signal(s) // if it has ended, the exchanges tell
			}
		}
	})
	err := t.exchanges()
	close(stop)
	gun.Wait()
	if err != nil {
		return fmt.Errorf("under %d signals: %w", 4*shots, err)
	}
	return nil
}

func (t *Trial) stalled() error {
	conns, release, err := t.DialAll(t.N(200, 20), t.Dial)
	if err != nil {
		return err
	}
	defer release()
	if err := t.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("SIGSTOP: %w", err)
	}
	go func() {
		time.Sleep(time.Duration(t.N(2000, 100)) * time.Millisecond)
		_ = t.Signal(syscall.SIGCONT) // if that fails the exchanges do, too
	}()
	return t.Together(len(conns), func(i int) error { return t.Exchange(conns[i]) })
}

// sigterm stops the server while its connections are in every state there is.
func (t *Trial) sigterm() error {
	n := t.N(200, 5)
	idle, release, err := t.DialAll(n, t.Dial)
	if err != nil {
		return err
	}
	defer release()
	working, release, err := t.DialAll(n, t.Dial)
	if err != nil {
		return err
	}
	defer release()
	stuck, release, err := t.DialAll(n, t.dialNarrow)
	if err != nil {
		return err
	}
	defer release()
	for _, c := range append(idle, working...) {
		if err := t.Exchange(c); err != nil {
			return err
		}
	}
	if err := t.occupy(idle[:n/2], working, stuck); err != nil {
		return err
	}
	start := time.Now()
	if err := t.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("SIGTERM: %w", err)
	}
	err = t.Together(len(idle)+len(working), func(i int) error {
		if i < len(idle) {
			return ended(idle[i])
		}
		return t.finish(working[i-len(idle)])
	})
	err = errors.Join(err, t.awaitExit())
	t.Record(FigureExit, time.Since(start).Seconds())
	return errors.Join(err, portIsFree(t.Addr))
}

// occupy puts connections in the middle of a head, of a request, and of an unread answer.
func (t *Trial) occupy(asking, working, stuck []*net.TCPConn) error {
	for _, c := range stuck {
		go t.wantAndIgnore(c)
	}
	if t.Proto == "echo" {
		return nil
	}
	for _, c := range asking {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHo"); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	const (
		upload = "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
		goOn   = "HTTP/1.1 100 Continue\r\n\r\n"
	)
	for _, c := range working { // the interim answer tells that the request has begun
		if _, err := io.WriteString(c, upload); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if _, err := io.CopyN(io.Discard, c, int64(len(goOn))); err != nil {
			return fmt.Errorf("100 Continue: %w", err)
		}
	}
	return nil
}

// finish ends a request that has begun before the stop: it may finish, and is answered.
func (t *Trial) finish(c net.Conn) error {
	if t.Proto == "http" {
		if err := ask(c, "1234567890", http.StatusOK); err != nil {
			return fmt.Errorf("a request that had begun: %w", err)
		}
	}
	return ended(c)
}

func portIsFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("its port is not free: %w", err)
	}
	return l.Close()
}

func (t *Trial) killed() error {
	conns, release, err := t.DialAll(t.N(200, 20), t.Dial)
	if err != nil {
		return err
	}
	defer release()
	for _, c := range conns {
		if err := t.Exchange(c); err != nil {
			return err
		}
	}
	t.Kill()
	f := t.fault
	f.Flags = []string{"--addr", t.Addr}
	next, err := t.Start(t.Model, t.Proto, f)
	if err != nil {
		return fmt.Errorf("start again on the same port: %w", err)
	}
	defer next.Kill()
	err = t.Together(len(conns), func(i int) error {
		return errors.Join(ended(conns[i]), t.Served())
	})
	return errors.Join(err, next.Stop())
}

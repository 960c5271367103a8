package survival

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
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
			Name: "loopback", Flags: []string{"--addr", ":0"}, Run: (*Trial).loopback,
			Says: "told a port and no address, it listens on loopback and on no other address of this machine",
		},
		{
			Name: "sigterm", Run: (*Trial).sigterm, Ends: true,
			Says: "SIGTERM with idle, half-asked, unread and working connections: exit 0 in 5 s, the port is free",
		},
		{
			Name: "killed", Run: (*Trial).killed, Ends: true,
			Says: "kill -9 with open connections; the next server gets the same port",
		},
		{
			Name: "worker-killed", Flags: []string{"--procs", "2"}, Run: (*Trial).workerKilled,
			Says: "with --procs 2 one worker is killed: connections are served or end, new ones are served, " +
				"the worker is replaced",
		},
	}
}

// exchanges lets peers ask many times each, all at once.
func (t *Trial) exchanges() error {
	return t.Together(t.N(50, 8), func(int) error {
		c, err := t.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		for range t.N(100, 12) {
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

func (t *Trial) loopback() error {
	host, port, err := net.SplitHostPort(t.Addr)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		err = errors.Join(err, fmt.Errorf("it listens on %s", t.Addr))
	}
	t.Count(1, err == nil)
	addresses, addrErr := net.InterfaceAddrs()
	if err = errors.Join(err, addrErr); err != nil {
		return err
	}
	for _, a := range addresses {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() || n.IP.IsLinkLocalUnicast() {
			continue
		}
		c, dialErr := net.DialTimeout("tcp", net.JoinHostPort(n.IP.String(), port), time.Second)
		if dialErr == nil {
			c.Close()
			err = errors.Join(err, fmt.Errorf("it accepts on %s, too", n.IP))
		}
	}
	return err
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
	if err := t.Terminate(); err != nil {
		return err
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
	var next *Server
	if err := t.until(func() (err error) { // workers need a moment to see that they are alone
		next, err = t.Start(t.Model, t.Proto, f)
		return err
	}); err != nil {
		return fmt.Errorf("start again on the same port: %w", err)
	}
	defer next.Kill()
	err = t.Together(len(conns), func(i int) error {
		return errors.Join(ended(conns[i]), t.Served())
	})
	return errors.Join(err, next.Stop())
}

func (t *Trial) workerKilled() error {
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
	before, err := t.pids()
	if err != nil || len(before) != 3 {
		return fmt.Errorf("it has the processes %v (%v); want one and two workers", before, err)
	}
	if err := syscall.Kill(before[1], syscall.SIGKILL); err != nil {
		return os.NewSyscallError("kill", err)
	}
	err = t.Together(len(conns), func(i int) error {
		if err := t.Exchange(conns[i]); timedOut(err) {
			return fmt.Errorf("neither served nor ended: %w", err)
		}
		return t.until(t.Served) // one that was in a dead worker's queue is lost, the next is not
	})
	return errors.Join(err, t.until(func() error {
		now, err := t.pids()
		if err == nil && (len(now) != 3 || slices.Contains(now, before[1])) {
			err = fmt.Errorf("its processes are %v; they were %v", now, before)
		}
		return err
	}), t.until(t.Served))
}

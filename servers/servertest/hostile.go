package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/proto"
)

// hostileCases are about surroundings: greedy peers, broken handlers, signals, few processors.
func hostileCases() []Case {
	return []Case{
		{
			Name: "firehose", Proto: "echo", Run: firehose,
			Explanation: "a peer that sends and reads without a pause does not keep others of its loop waiting",
			Config:      func(c *servers.Config) { c.Loops = 1 },
		},
		{
			Name: "handler-panic", Proto: "echo", Run: handlerPanic,
			Explanation: "a handler that panics loses its own connection; the others are served on",
			Config:      func(c *servers.Config) { c.Protocol.New = panicky(c.Protocol.New) },
		},
		{
			Name: "handler-panic-offload", Proto: "echo", Run: handlerPanic,
			Explanation: "the same on a worker, of which there must be as many afterwards",
			Config:      func(c *servers.Config) { c.Protocol.New, c.Offload = panicky(c.Protocol.New), 1 },
		},
		{
			Name: "signals", Run: signals,
			Explanation: "signals that interrupt system calls (EINTR) cost no byte and no wake-up",
		},
		{
			Name: "one-processor", Run: oneProcessor,
			Explanation: "with GOMAXPROCS=1 nobody who waits keeps the processor from those who have work",
		},
	}
}

func firehose(e *Env) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	other, err := e.dial()
	if err != nil {
		return err
	}
	var stop atomic.Bool
	var hose sync.WaitGroup
	hose.Go(func() {
		for piece := randomBytes(5, 256<<10); !stop.Load(); {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
		c.CloseWrite()
	})
	hose.Go(func() { io.Copy(io.Discard, c) })
	for i := range e.size(100, 20) {
		if err = e.exchange(other); err != nil {
			err = fmt.Errorf("exchange %d beside a firehose: %w", i+1, err)
			break
		}
	}
	stop.Store(true)
	if err != nil {
		c.Close()
	}
	hose.Wait()
	return err
}

// fatalByte makes panicky sessions panic.
const fatalByte = 0xdb

// panicky wraps sessions so that they panic when a message begins with fatalByte.
func panicky(good func() proto.Session) func() proto.Session {
	return func() proto.Session { return panickySession{good()} }
}

type panickySession struct{ proto.Session }

func (s panickySession) Feed(out, in []byte) ([]byte, proto.Verdict) {
	if bytes.HasPrefix(in, []byte{fatalByte}) {
		panic("servertest: a handler is broken")
	}
	return s.Session.Feed(out, in)
}

func handlerPanic(e *Env) error {
	neighbour, err := e.dial()
	if err != nil {
		return err
	}
	for i := range 5 {
		c, err := e.dial()
		if err != nil {
			return err
		}
		if _, err := c.Write([]byte{fatalByte}); err != nil {
			return err
		}
		if err := wantClosed(c); err != nil {
			return fmt.Errorf("panic %d: %w", i+1, err)
		}
		// Small talk is random; a message that the session panics on would prove nothing.
		if err := echoed(neighbour, []byte("calm"), 1); err != nil {
			return fmt.Errorf("another connection, after panic %d: %w", i+1, err)
		}
	}
	return nil
}

// signals bombards the process with SIGURG, for which the Go runtime has a handler: without
// one a signal would interrupt nothing.
func signals(e *Env) error {
	var stop atomic.Bool
	var gun sync.WaitGroup
	var shots int
	gun.Go(func() {
		for ; !stop.Load(); shots++ {
			unix.Kill(os.Getpid(), unix.SIGURG)
			time.Sleep(50 * time.Microsecond)
		}
	})
	err := each(8, func(int) error {
		c, err := e.dial()
		if err != nil {
			return err
		}
		for range e.size(100, 20) {
			if err := e.exchange(c); err != nil {
				return err
			}
		}
		return nil
	})
	err = errors.Join(err, e.served())
	stop.Store(true)
	gun.Wait()
	if err != nil {
		return fmt.Errorf("under %d signals: %w", shots, err)
	}
	return nil
}

func oneProcessor(e *Env) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	conns, err := e.dialN(10)
	if err != nil {
		return err
	}
	return each(len(conns), func(i int) error {
		for range e.size(30, 10) {
			if err := e.exchange(conns[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

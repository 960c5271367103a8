// Package engine runs gnet's engine from start to stop, for its event handler in package libgnet.
//
//	Serve ──▶ hold the address ──▶ gnet.Run ──▶ OnBoot: give the address up; OnTick: all loops run
//	ctx done ──▶ Stopping ──▶ Sweep again and again, until nobody is there ──▶ Engine.Stop
//
// gnet's own start and stop leave gaps, which are closed here: it does not tell which port it was
// given, ends for want of one descriptor, drops what is in flight when it is told to stop, and must
// not be handed anything while it does.
package engine

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/guard"
	"iomodels/servers/loops"
	"iomodels/servers/offload"
	"iomodels/servers/sock"
)

// Engine is what an event handler embeds. It has the handler's methods about the engine itself.
type Engine struct {
	gnet.BuiltinEventEngine
	*loops.House
	Messages guard.Log           // gnet's, which would go to standard output
	Tune     func(*gnet.Options) // changes the settings; nil: nothing

	begin    time.Time
	sweep    func()
	release  func() // gives up the held address
	ready    func() // says that all loops run, to Config.Ready and by closing running
	running  chan struct{}
	engine   gnet.Engine
	fdMax    int // a connection with this descriptor or a higher one is turned away
	stopping atomic.Bool

	mu    sync.RWMutex
	ended bool // the loops are about to end
}

// Serve implements servers.Model.Serve by the handler that embeds e. sweep has every loop close the
// connections that are overdue or, while Stopping, owe nothing; it is called now and then.
func (e *Engine) Serve(
	ctx context.Context, cfg servers.Config, handler gnet.EventHandler, sweep func(),
) (err error) {
	if e.House, err = loops.New(cfg); err != nil {
		return err
	}
	e.Messages.To, e.Messages.Name = e.Log, "gnet"
	e.begin, e.sweep, e.running = time.Now(), sweep, make(chan struct{})
	addr, err := e.hold()
	if err != nil {
		return err
	}
	defer e.release()
	if cfg.Offload > 0 {
		e.Pool = offload.New(cfg.Offload)
		defer e.Pool.Close()
	}
	e.ready = sync.OnceFunc(func() { e.Ready(addr); close(e.running) })
	options := gnet.Options{
		NumEventLoop: e.Loops, ReusePort: true, ReuseAddr: true, TCPNoDelay: gnet.TCPNoDelay,
		ReadBufferCap: e.ReadSize, Ticker: true, Logger: &e.Messages,
	}
	if e.Tune != nil {
		e.Tune(&options)
	}
	ended := make(chan error, 1)
	// Run returns when the engine has ended, asked to or not.
	go func() { ended <- gnet.Run(handler, "tcp://"+addr.String(), gnet.WithOptions(options)) }()
	for _, next := range []<-chan struct{}{e.running, ctx.Done()} {
		select {
		case err := <-ended: // nil if accept failed: then only the log knows why
			return fmt.Errorf("gnet on %s ended by itself: %w, last error: %s", addr, err, e.Messages.LastError())
		case <-next:
		}
	}
	e.drain()
	// Stop looks twice a second whether the engine has ended; Run returns at once. So Stop is only
	// told to begin: its error is that it was not given time to wait.
	begin, cancel := context.WithCancel(context.Background())
	cancel()
	_ = e.engine.Stop(begin)
	if err := <-ended; err != nil {
		return fmt.Errorf("gnet: run: %w", err)
	}
	return nil
}

// hold takes the address, and keeps it until gnet has it: gnet does not tell which port it was
// given, and with port 0 each of its listeners would get its own. A given port is first opened
// alone, because with SO_REUSEPORT it would be shared with any server of ours that has it.
func (e *Engine) hold() (net.Addr, error) {
	if _, port, err := net.SplitHostPort(e.Addr); err == nil && port != "0" && !e.ReusePort {
		alone, _, err := sock.Listen(e.Addr, false, true)
		if err != nil {
			return nil, err
		}
		unix.Close(alone)
	}
	held, addr, err := sock.Listen(e.Addr, true, true)
	e.release = sync.OnceFunc(func() { unix.Close(held) })
	return addr, err
}

// OnBoot is called when the first listener is open.
func (e *Engine) OnBoot(engine gnet.Engine) gnet.Action {
	e.engine = engine
	e.release()
	limit := unix.Rlimit{Cur: unix.RLIM_INFINITY}
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) // cannot fail for these arguments
	e.fdMax = int(min(limit.Cur, 1<<30)) - 2*e.Loops - 8
	return gnet.None
}

// OnTick is called on a goroutine of its own, for the first time when all loops run.
func (e *Engine) OnTick() (time.Duration, gnet.Action) {
	e.ready()
	e.sweep()
	return 2 * guard.LookEvery, gnet.None
}

// OnShutdown is called before the loops are told to end.
func (e *Engine) OnShutdown(gnet.Engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
}

// Full reports whether c must be turned away. gnet cannot stop accepting without ending; and its
// engine ends, with every connection, when accept fails for want of a descriptor. The kernel
// hands out the lowest free number, so a high one means that few are left.
func (e *Engine) Full(c gnet.Conn) bool { return e.Stopping() || c.Fd() >= e.fdMax }

// Stopping reports whether the engine is at its end; it stands for that of the House, whose Serve
// is not used.
func (e *Engine) Stopping() bool { return e.stopping.Load() }

// Now is the time since the engine was started.
func (e *Engine) Now() time.Duration { return time.Since(e.begin) }

// HandOver passes something to a loop from outside, unless the loops are about to end: gnet would
// then write to the number of an eventfd that is closed and may long be something else.
func (e *Engine) HandOver(pass func() error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.ended {
		return
	}
	if err := pass(); err != nil {
		e.Messages.Errorf("hand work to a loop: %v", err)
	}
}

// drain lets the connections finish what is in flight, for at most the grace period.
func (e *Engine) drain() {
	e.stopping.Store(true)
	for over := time.Now().Add(e.Grace); e.anybody() && time.Now().Before(over); {
		e.sweep()
		time.Sleep(5 * time.Millisecond)
	}
}

func (e *Engine) anybody() bool { return e.Taken(loops.Inside)+e.Taken(loops.Doorstep) > 0 }

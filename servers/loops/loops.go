// Package loops is what the models with event loops share: the house around the loops. It opens
// one listener for each, decides who is let in, owns the pool of handlers, and ends it all.
// What a loop does with its connections, and how it waits, is the model's own.
//
//	Serve ──▶ ListenLoops ───▶ for each listener a goroutine: open, Run, Close
//	      ──▶ Ready
//	ctx done ──▶ Stopping() is true, every loop is woken ──▶ each Run returns when it is finished
//
// On the hot path loops share nothing. They meet here when a connection comes or goes, and at
// the end.
package loops

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/sock"
	"iomodels/servers/watchdog"
)

// Loop is one event loop of a model. The goroutine that opened it makes every call but Wake.
type Loop interface {
	// Run serves until House.Stopping and until what is in flight is finished, at most for the
	// grace. It looks at Stopping after every Wake.
	Run() error
	// Wake makes a Run that waits look around. Any goroutine may call it, also after Close.
	Wake()
	// Close closes everything that is still open, the listener included.
	Close() error
}

// House is what the loops of one server share. Any of them may use it at any time.
type House struct {
	servers.Config               // with its defaults filled in
	Pool           *offload.Pool // nil: handlers run on their loop
	Dog            *watchdog.Dog // notices when they hold it up

	limit      int64 // of Inside
	seats      [2]atomic.Int64
	stopping   atomic.Bool
	complained atomic.Int64 // when, in seconds
}

// New returns a house without loops.
func New(cfg servers.Config) (*House, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	h := &House{Config: cfg, limit: int64(cfg.MaxConns), Dog: watchdog.New(cfg.Log)}
	if h.limit == 0 {
		h.limit = math.MaxInt64
	}
	return h, nil
}

// Serve implements servers.Model.Serve. open makes a loop that owns the listener; when it fails
// the listener is closed for it. A loop that must stay on its thread is locked to it by open.
func Serve(ctx context.Context, cfg servers.Config, nonblock bool, open func(*House, int) (Loop, error)) error {
	h, err := New(cfg)
	if err != nil {
		return err
	}
	listeners, addr, err := sock.ListenLoops(h.Addr, h.Loops, h.ReusePort, nonblock)
	if err != nil {
		return err
	}
	if h.Offload > 0 {
		h.Pool = offload.New(h.Offload)
		defer func() { h.Pool.Close(); h.Log.Info("handler pool", "queue", h.Pool.Stats()) }()
	}
	defer h.Dog.Start()()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs, opened := make([]error, len(listeners)), make(chan Loop)
	var all sync.WaitGroup
	for i, fd := range listeners {
		all.Go(func() {
			if errs[i] = h.live(fd, open, opened); errs[i] != nil {
				cancel() // the others must not go on alone
			}
		})
	}
	var running []Loop
	for range listeners {
		if l := <-opened; l != nil {
			running = append(running, l)
		}
	}
	if len(running) == len(listeners) {
		h.Ready(addr)
	}
	all.Go(func() {
		<-ctx.Done()
		h.stopping.Store(true)
		for _, l := range running {
			l.Wake()
		}
	})
	all.Wait()
	return errors.Join(errs...)
}

// live is the life of one loop.
func (h *House) live(listener int, open func(*House, int) (Loop, error), opened chan<- Loop) error {
	l, err := open(h, listener)
	if err != nil {
		unix.Close(listener)
		opened <- nil
		return err
	}
	opened <- l
	return errors.Join(l.Run(), l.Close())
}

// Stopping reports whether the server is at its end: no more connections.
func (h *House) Stopping() bool { return h.stopping.Load() }

// MayHoldProcessor reports whether a loop may wait without telling the Go scheduler. It must not
// when somebody else could use its processor: a handler, or another loop.
func (h *House) MayHoldProcessor() bool {
	return h.Offload == 0 && h.Loops <= runtime.GOMAXPROCS(0)
}

// Seat says how far a connection was let in.
type Seat uint8

// The seats.
const (
	Inside   Seat = iota // it is served
	Doorstep             // beyond MaxConns: it is told so, and gone
)

// DoorstepMax is how many connections at a time may linger on the doorstep to hear why they are
// refused. Beyond the limit, descriptors are what a crowd takes away.
const DoorstepMax = 64

// Enter finds a seat for a new connection, which Leave gives back, and says how to go on with
// it: Continue inside. On the doorstep the model sends the Protocol's Refusal and then does as
// the verdict says: Linger, so that it is read, or Close, if too many linger already.
func (h *House) Enter() (Seat, proto.Verdict) {
	if h.seats[Inside].Add(1) <= h.limit {
		return Inside, proto.Continue
	}
	h.seats[Inside].Add(-1)
	if h.seats[Doorstep].Add(1) <= DoorstepMax {
		return Doorstep, proto.Linger
	}
	return Doorstep, proto.Close
}

// Leave gives a seat back.
func (h *House) Leave(s Seat) { h.seats[s].Add(-1) }

// Taken is how many connections have such a seat.
func (h *House) Taken(s Seat) int { return int(h.seats[s].Load()) }

// Complain logs that accept fails, at most once a second for all loops together.
func (h *House) Complain(err error) {
	now := time.Now().Unix()
	if last := h.complained.Load(); last != now && h.complained.CompareAndSwap(last, now) {
		h.Log.Warn("accept fails, will try again", "err", err, "connections", h.Taken(Inside))
	}
}

// Package demux is the synchronous event demultiplexer of the reactor: a source of events, which
// is epoll, with a handler for each descriptor. It knows nothing of connections.
//
//	loop              Demux                     Source: the kernel
//	 │ Register(fd) ──▶ table[fd], Control ─────▶ interest
//	 │ Dispatch ──────▶ Fetch ──────────────────▶ sleeps until something is ready
//	 │                  batch of events ◀────────
//	 │ ◀─ HandleReady ─ table[fd], if it is still the one that was meant
//	 │ ◀─ HandleReady ─ ...
//
// What can be done is told; nothing is done here. Package reactor has the handlers, and package
// emulated builds a proactor on the same ground. Other sources show what epoll is worth: packages
// poll and spin.
package demux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/probe"
	"iomodels/servers/reactor/table"
	"iomodels/servers/watchdog"
)

// Readiness is a set of epoll bits: what a handler waits for, or what it is told.
type Readiness uint32

// The bits. Failure and Gone are always reported, asked for or not.
const (
	Readable Readiness = unix.EPOLLIN      // a read returns something: bytes, end of stream, or an error
	Writable Readiness = unix.EPOLLOUT     // a write takes at least one byte
	Hangup   Readiness = unix.EPOLLRDHUP   // the peer has sent its FIN: read on until the end of stream
	Failure  Readiness = unix.EPOLLERR     // the socket has an error; the next call returns it
	Gone     Readiness = unix.EPOLLHUP     // both directions are closed
	Edge     Readiness = unix.EPOLLET      // report changes, not levels
	Once     Readiness = unix.EPOLLONESHOT // report one event, then none until Rearm
)

// EventHandler reacts to readiness: it is told that something CAN be done, and does it.
// It runs on the loop's goroutine and must not wait: every other connection waits with it.
type EventHandler interface {
	HandleReady(r Readiness)
}

// batchMax is how many events one call fetches. A batch costs one system call, so a large one
// is cheap per event; but the last handler waits for all before it, and new arrivals for all.
const batchMax = 256

// Event is what a source reports: Events is a Readiness, Fd the descriptor, and Pad the generation
// that was registered with it.
type Event = unix.EpollEvent

// Source is a way to learn what is ready. The Demux makes every call, on one goroutine.
type Source interface {
	// Control begins, changes or ends the interest in fd. With Edge and Once a source may not be
	// able to help. Interest 0 stays registered and is told nothing, but perhaps failure.
	Control(op Control, fd int, interest Readiness, generation uint32) error
	// Forget ends the interest in a descriptor that is closed right afterwards.
	Forget(fd int)
	// Fetch waits until something is ready, for at most ms milliseconds (negative: without end),
	// and fills the batch. A raw wait does not tell the Go scheduler; see Demux.RawWait.
	Fetch(batch []Event, ms int, raw bool) (n int, errno unix.Errno)
	// Close frees the source, not the descriptors.
	Close() error
}

// Control says what happens to an interest.
type Control int

// The controls.
const (
	Add    Control = unix.EPOLL_CTL_ADD
	Modify Control = unix.EPOLL_CTL_MOD
	Delete Control = unix.EPOLL_CTL_DEL
)

// RawWaitMax is how long Dispatch may wait while it holds on to its processor; see Demux.RawWait. It
// is what the Go scheduler gives any goroutine at a time. And it is beyond the kernel's next tick:
// a nearer end would be the next timer due, and each wait would have to program the clock anew.
const RawWaitMax = 10 * time.Millisecond

// Demux is the synchronous event demultiplexer: a source, a table of handlers, and a bell (an
// eventfd). One goroutine owns it and makes every call; only Wake may come from any other.
type Demux struct {
	// RawWait is how long Dispatch waits without telling the Go scheduler. New and Over set
	// RawWaitMax; set it to 0, before the first Dispatch, when other goroutines of the process
	// have work (a handler pool, say).
	//
	// Why wait behind the scheduler's back: a thread that blocks for more than 20 µs in an
	// ordinary system call has its processor (P) taken away by the runtime's monitor thread,
	// and must get one back when it wakes. At moderate rates that happens at every request
	// and costs about as much as the request. A raw system call keeps the P. The price: no
	// other goroutine runs on this P meanwhile. So the raw wait is bounded, it is tried once
	// after a batch of events, and then Dispatch waits the ordinary way: silence is free. A
	// stop-the-world (GC) is delayed less than that: its preemption signal ends the wait.
	RawWait time.Duration

	// Watch is told when Dispatch waits, and when handlers run; nil: nobody is.
	Watch *watchdog.Loop

	source Source
	table  table.Table[registration] // by descriptor
	bell   int                       // eventfd: its readiness ends a wait. In one cache line with the table
	batch  [batchMax]Event
	fresh  bool // the last Dispatch brought events: more are likely soon

	start   time.Time
	clock   time.Duration // since start, as of the last look
	excused time.Duration // how much of it handlers have held up the loop

	rung   atomic.Bool // the bell has been rung and not yet been heard
	heard  [8]byte     // what reading the bell returns
	mu     sync.Mutex  // keeps Close from closing the bell under a ringing Wake
	one    [8]byte     // what ringing writes; guarded by mu
	closed bool        // guarded by mu
}

// registration is the state of one descriptor. A source hands back descriptor AND generation: a
// handler may close a descriptor and accept a new connection under the same number while an
// event of the old one is still to come in the same batch. The generation tells them apart.
type registration struct {
	handler    EventHandler // nil: not registered
	interest   Readiness
	generation uint32
}

// New opens a demultiplexer over epoll.
func New() (*Demux, error) {
	source, err := newEpoll()
	if err != nil {
		return nil, err
	}
	return Over(source)
}

// Over opens a demultiplexer over a source, which Close, or an error, closes.
func Over(source Source) (*Demux, error) {
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), source.Close())
	}
	d := &Demux{RawWait: RawWaitMax, source: source, bell: bell, start: time.Now()}
	if err := d.Register(bell, Readable, bellHandler{d}); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Register has h told of interest on fd. The descriptor stays the caller's.
func (d *Demux) Register(fd int, interest Readiness, h EventHandler) error {
	d.table.Grow(fd)
	reg := d.table.At(fd)
	if reg.handler != nil {
		return fmt.Errorf("register descriptor %d: already registered", fd)
	}
	if err := d.source.Control(Add, fd, interest, reg.generation); err != nil {
		return err
	}
	reg.handler, reg.interest = h, interest
	if probe.On {
		probe.Note(probe.Register, fd, int(interest), "")
	}
	return nil
}

// Rearm replaces the interest of fd. Asking for the level-triggered interest it already has
// costs no system call; with Edge or Once the call is made, since it arms the event anew.
func (d *Demux) Rearm(fd int, interest Readiness) error {
	if !d.has(fd) {
		return fmt.Errorf("rearm descriptor %d: not registered", fd)
	}
	reg := d.table.At(fd)
	if reg.interest == interest && interest&(Edge|Once) == 0 {
		return nil
	}
	reg.interest = interest
	return d.source.Control(Modify, fd, interest, reg.generation)
}

// Unregister ends the events of fd, those already fetched included. Call it before close.
func (d *Demux) Unregister(fd int) error {
	if !d.has(fd) {
		return fmt.Errorf("unregister descriptor %d: not registered", fd)
	}
	d.table.At(fd).end()
	return d.source.Control(Delete, fd, 0, 0)
}

// Forget is Unregister for a descriptor that is closed right afterwards and was never
// duplicated: the kernel drops it from epoll with its last reference, and a system call per
// connection is saved.
func (d *Demux) Forget(fd int) {
	d.table.At(fd).end()
	d.source.Forget(fd)
}

func (d *Demux) has(fd int) bool { return fd < d.table.Len() && d.table.At(fd).handler != nil }

func (r *registration) end() { *r = registration{generation: r.generation + 1} }

// HEART

// Dispatch waits until something is ready, for at most wait (negative: without end), runs the
// handlers of what is, and returns how many it ran. It also returns, with 0, when a signal or
// Wake ended the wait. Whatever was done before a Wake is visible when Dispatch returns.
func (d *Demux) Dispatch(wait time.Duration) (int, error) {
	n, err := d.fetch(wait)
	d.fresh = n > 0
	d.Watch.Busy()
	if err != nil {
		return 0, err
	}
	ran := 0
	for i := range n {
		ev := &d.batch[i]
		reg := d.table.At(int(ev.Fd))
		if reg.generation != uint32(ev.Pad) {
			continue // the connection it was meant for is gone
		}
		if int(ev.Fd) != d.bell {
			ran++
		}
		if probe.On {
			probe.Note(probe.Ready, int(ev.Fd), int(ev.Events), "")
		}
		reg.handler.HandleReady(Readiness(ev.Events))
	}
	return ran, nil
}

// HEART END

// heldUp is how long handlers may take together before it counts as holding up the loop.
const heldUp = 10 * time.Millisecond

// Now is the time since New, without the time that handlers have held up the loop: no peer
// can be blamed for a silence in which nobody listened. It is read once per Dispatch, before
// the handlers run.
func (d *Demux) Now() time.Duration { return d.clock - d.excused }

// look reads the clock. Since the last look the loop has run handlers, or it has slept.
func (d *Demux) look(slept bool) {
	now := time.Since(d.start)
	if took := now - d.clock; !slept && took > heldUp {
		d.excused += took
	}
	d.clock = now
}

// fetch fills the batch. After a batch of events more are likely soon: it first asks without a
// word to the scheduler, whose bookkeeping is a third of the cost of a call that does nothing
// (and see RawWait), and waits in the ordinary way only when that finds nothing. After silence
// it does so at once.
func (d *Demux) fetch(wait time.Duration) (n int, err error) {
	var errno unix.Errno
	raw := d.RawWait
	if wait >= 0 {
		raw = min(raw, wait)
	}
	if d.fresh {
		n, errno = d.source.Fetch(d.batch[:], milliseconds(raw), true)
	}
	d.look(false)
	if n == 0 && errno == 0 && (wait != raw || !d.fresh) {
		d.Watch.Waits()
		n, errno = d.source.Fetch(d.batch[:], milliseconds(wait), false)
		d.look(true)
	}
	if errno != 0 && errno != unix.EINTR { // a signal is no error, and no event
		return 0, os.NewSyscallError("wait for readiness", errno)
	}
	return n, nil
}

// milliseconds rounds up: a wait of half a millisecond must not spin.
func milliseconds(wait time.Duration) int {
	if wait < 0 {
		return -1
	}
	return int((wait + time.Millisecond - 1) / time.Millisecond)
}

// Wake makes the current or the next Dispatch return. Any goroutine may call it at any time,
// also after Close. Many calls cost one system call: the bell is rung once until it is heard.
func (d *Demux) Wake() {
	if d.rung.Swap(true) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		binary.NativeEndian.PutUint64(d.one[:], 1)
		unix.Write(d.bell, d.one[:]) // cannot fail: the counter is 0 or 1
	}
}

// bellHandler hears the bell.
type bellHandler struct{ d *Demux }

// HandleReady silences the bell and only then lets it be rung again. The other way round, a
// Wake in between would be silenced unheard while it keeps later ones from ringing.
func (b bellHandler) HandleReady(Readiness) {
	unix.Read(b.d.bell, b.d.heard[:])
	b.d.rung.Store(false)
}

// Close closes the source and the bell, not the registered descriptors.
func (d *Demux) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	return errors.Join(d.source.Close(), os.NewSyscallError("close eventfd", unix.Close(d.bell)))
}

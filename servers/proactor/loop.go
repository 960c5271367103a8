package proactor

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/deadline"
	"iomodels/servers/offload"
	"iomodels/servers/proto"
	"iomodels/servers/watchdog"
)

// loop is one proactor with its listener and its connections. One goroutine owns it and
// everything in it, but for what mu guards.
type loop struct {
	*server
	p        Proactor
	accept   Op  // the listener's
	enough   int // bytes set aside for a connection after which it is read no more
	slabs    []*[slabSize]connection
	unused   []uint32 // tags of free places in the slabs
	live     int      // connections that are not buried yet,
	working  int      // those of them with a worker,
	refused  int      // and those that are only told that the server is full
	spare    []*exchange
	spared   int // bytes held by spare
	timeouts *deadline.Table
	start    time.Time
	elapsed  time.Duration  // since start, as of the last look at the clock
	late     bool           // a wait came after that look
	watch    *watchdog.Loop // notices handlers that hold up the loop; nil: nobody does
	stopping bool
	killed   bool          // the grace is over
	silent   deadline.Tick // trouble with accept is not reported again before
	mu       sync.Mutex
	returned []*exchange // by workers

	onReceived, onSent CompletionHandler // received and sent: made once, for each mention allocates
}

const (
	slabSize   = 128     // connections allocated together
	spareMax   = 4 << 20 // bytes of idle exchanges kept for reuse
	refusedMax = 64      // connections at a time that are told "full"; more are just closed

	listenerSlot = 0 // of timeouts; connections have their tags, from 1
	acceptPause  = 50 * time.Millisecond
	lingerTime   = time.Second
	lingerReads  = 64 // or so many receives are dropped
)

func newLoop(s *server, p Proactor, listener int) *loop {
	l := &loop{server: s, p: p, enough: s.cfg.ReadSize / 2, start: time.Now()}
	l.timeouts = deadline.NewTable(deadline.Policy(s.cfg.Timeouts))
	l.accept = Op{FD: int32(listener), Done: l.accepted}
	l.onReceived, l.onSent = l.received, l.sent
	p.Submit(&l.accept, Accept)
	return l
}

// run takes turns until the server stops and the last connection is gone.
func (l *loop) run() error {
	for !l.stopping || l.accept.Pending || l.live > 0 && !(l.killed && l.live == l.working) {
		if err := l.turn(); err != nil {
			return err
		}
		if !l.stopping && l.server.stopping.Load() {
			if err := l.stop(); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn waits for completions, runs their handlers, then does what nothing completes for.
func (l *loop) turn() error {
	wait := l.timeouts.Wait(l.elapsed)
	l.late = true
	if err := l.p.Complete(wait); err != nil {
		return err
	}
	if l.workers != nil {
		l.takeReturned()
	}
	l.timeouts.Expire(l.now(), l.expired)
	return nil
}

// now reads the clock, at most once a turn.
func (l *loop) now() deadline.Tick {
	if l.late {
		l.elapsed, l.late = time.Since(l.start), false
	}
	return deadline.At(l.elapsed)
}

// accepted is the completion handler of the listener's accept: fd HAS been accepted. Out of
// descriptors or memory it would fail again at once, so it pauses.
func (l *loop) accepted(op *Op, fd int, err error) {
	switch {
	case err == nil && l.stopping:
		l.p.CloseFD(fd)
	case err == nil:
		l.admit(fd)
	}
	if op.Pending || l.stopping {
		return
	}
	if err == nil || err == unix.ECONNABORTED || err == unix.EINTR {
		l.p.Submit(op, Accept)
		return
	}
	if now := l.now(); now >= l.silent {
		l.silent = deadline.After(now, time.Second)
		l.cfg.Log.Warn("accept failed, will try again", "err", err)
	}
	l.timeouts.Set(listenerSlot, deadline.After(l.now(), acceptPause))
}

// admit takes a new connection in, or tells it that the server is full.
func (l *loop) admit(fd int) {
	if len(l.unused) == 0 {
		l.slabs = append(l.slabs, new([slabSize]connection))
		for tag := uint32(len(l.slabs) * slabSize); len(l.unused) < slabSize; tag-- {
			l.unused = append(l.unused, tag)
		}
	}
	tag := l.unused[len(l.unused)-1]
	l.unused = l.unused[:len(l.unused)-1]
	c := l.connection(tag)
	*c = connection{life: open, receive: Op{Done: l.onReceived, FD: int32(fd), Tag: tag}}
	l.live++
	if n := l.conns.Add(1); l.cfg.MaxConns > 0 && n > int64(l.cfg.MaxConns) {
		l.refuse(c)
		return
	}
	c.session = l.cfg.Protocol.New()
	l.touch(c, false)
	l.read(c)
}

func (l *loop) refuse(c *connection) {
	l.conns.Add(-1)
	l.refused++
	if l.refused > refusedMax || len(l.cfg.Protocol.Refusal) == 0 {
		l.close(c)
		return
	}
	x := l.exchange(c)
	x.job.Out, x.job.Verdict = append(x.job.Out, l.cfg.Protocol.Refusal...), proto.Linger
	l.answer(c)
}

// connection returns the connection with a tag.
func (l *loop) connection(tag uint32) *connection {
	return &l.slabs[(tag-1)/slabSize][(tag-1)%slabSize]
}

// exchange returns what c needs to owe something.
func (l *loop) exchange(c *connection) *exchange {
	x := c.owed
	if x != nil {
		return x
	}
	if n := len(l.spare); n > 0 {
		x, l.spare = l.spare[n-1], l.spare[:n-1]
		l.spared -= x.size()
	} else {
		x = new(exchange)
		x.job.Done = func(*offload.Job) { l.giveBack(x) }
	}
	x.send = Op{Done: l.onSent, FD: c.receive.FD, Tag: c.receive.Tag}
	x.job.Session = c.session
	c.owed = x
	return x
}

// dropExchange takes it away when nothing is owed any more.
func (l *loop) dropExchange(c *connection) {
	x := c.owed
	c.owed = nil
	if x == nil || l.spared+x.size() > spareMax {
		return
	}
	x.send.Buf, x.job.In, x.job.Session = nil, nil, nil
	x.job.Out, x.rest = x.job.Out[:0], x.rest[:0]
	l.spared += x.size()
	l.spare = append(l.spare, x)
}

func (x *exchange) size() int { return cap(x.job.Out) + cap(x.in) + cap(x.rest) }

// offload hands the job to a worker. Its input is copied: the buffer is lent for the duration
// of the handler only.
func (l *loop) offload(c *connection, x *exchange) {
	x.in = append(x.in[:0], x.job.In...)
	x.job.In, x.working = x.in, true
	l.working++
	x.paused = l.timeouts.Pause(int(c.receive.Tag))
	l.workers.Submit(&x.job)
}

// giveBack runs on a worker when a job is done.
func (l *loop) giveBack(x *exchange) {
	l.mu.Lock()
	l.returned = append(l.returned, x)
	l.mu.Unlock()
	l.p.Wake()
}

// takeReturned goes on with the connections whose jobs are done.
func (l *loop) takeReturned() {
	l.mu.Lock()
	returned := l.returned
	l.returned = nil
	l.mu.Unlock()
	for _, x := range returned {
		x.working = false
		l.working--
		if c := l.connection(x.send.Tag); c.life == dead {
			l.bury(c)
		} else {
			l.timeouts.Resume(int(x.send.Tag), x.paused)
			l.answer(c)
		}
	}
}

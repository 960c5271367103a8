package emulated

import (
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor"
	"iomodels/servers/reactor/demux"
	"iomodels/servers/sock"
)

// Proactor carries out operations itself when the reactor's demultiplexer says that they can
// be. The thread that opened it owns it; only Wake may come from others.
type Proactor struct {
	demux    *demux.Demux
	buf      []byte     // of whatever is being received: lent to one handler at a time
	stations []*station // by descriptor
	queue    []turn     // what waits for nothing but its turn
}

// station is what is pending at one descriptor. It is the reactor's event handler, so here the
// patterns meet: it is told that something CAN be done, does it, and tells that it HAS been.
type station struct {
	p          *Proactor
	fd         int
	in, out    *proactor.Op // Accept or Receive, and Send
	registered bool
	interest   demux.Readiness
}

// turn is a send to be tried or, with err, an operation that ends so.
type turn struct {
	op  *proactor.Op
	err error
}

// How many connections, or full buffers, one readiness may bring before others have their turn.
const (
	acceptBatch  = 64
	receiveBatch = 16
)

// New opens an emulated proactor.
func New(s proactor.Settings) (*Proactor, error) {
	d, err := demux.New()
	if err != nil {
		return nil, err
	}
	d.RawWait, d.Watch = s.RawWait, s.Watch
	return &Proactor{demux: d, buf: make([]byte, s.BufferSize)}, nil
}

// Submit only notes the operation. A send is tried when the handler that submits it has
// returned, for there is nearly always room; the others wait for readiness.
func (p *Proactor) Submit(op *proactor.Op, kind proactor.Kind) {
	op.Begin(kind)
	st := p.station(int(op.FD))
	at := st.at(op)
	if *at != nil {
		panic("emulated: two operations of one direction on one descriptor")
	}
	*at = op
	if kind >= proactor.Send {
		p.queue = append(p.queue, turn{op: op})
	} else {
		st.want(st.interest | demux.Readable)
	}
}

// Cancel takes a pending operation away from its descriptor.
func (p *Proactor) Cancel(op *proactor.Op) {
	if at := p.station(int(op.FD)).at(op); *at == op {
		*at = nil
		p.queue = append(p.queue, turn{op, unix.ECANCELED})
	}
}

// CloseFD cancels what is pending on fd and closes it.
func (p *Proactor) CloseFD(fd int) {
	st := p.station(fd)
	for _, op := range []*proactor.Op{st.in, st.out} {
		if op != nil {
			p.Cancel(op)
		}
	}
	if st.registered {
		p.demux.Forget(fd)
	}
	p.stations[fd] = nil
	unix.Close(fd)
}

// HEART

// Complete lets everything have its turn, and the demultiplexer tell the stations what can be
// done.
func (p *Proactor) Complete(wait time.Duration) error {
	if p.takeTurns() {
		wait = 0
	}
	_, err := p.demux.Dispatch(wait)
	p.takeTurns()
	return err
}

// HEART END

// Wake makes the demultiplexer return.
func (p *Proactor) Wake() { p.demux.Wake() }

// Close forgets what is pending.
func (p *Proactor) Close() error { return p.demux.Close() }

// takeTurns gives one to all that wait for it now, and reports whether anything did. What
// their handlers submit has to wait for the next round: no connection can keep the loop.
func (p *Proactor) takeTurns() bool {
	n := len(p.queue)
	for i := range n {
		switch t := p.queue[i]; { // a copy: handlers append to p.queue
		case t.err != nil:
			t.op.Complete(0, t.err, false)
		default:
			if st := p.stations[t.op.FD]; st != nil && st.out == t.op { // else it was cancelled
				st.send(t.op)
			}
		}
	}
	p.queue = p.queue[:copy(p.queue, p.queue[n:])]
	return n > 0
}

// station returns the station of a descriptor. One that did not come from accept may be
// blocking, as io_uring wants them; here nothing may ever wait but the demultiplexer.
func (p *Proactor) station(fd int) *station {
	if fd < len(p.stations) && p.stations[fd] != nil {
		return p.stations[fd]
	}
	unix.SetNonblock(fd, true)
	return p.newStation(fd)
}

func (p *Proactor) newStation(fd int) *station {
	if fd >= len(p.stations) {
		p.stations = append(p.stations, make([]*station, fd+1-len(p.stations))...)
	}
	st := &station{p: p, fd: fd}
	p.stations[fd] = st
	return st
}

// at returns where an operation of op's direction is pending.
func (st *station) at(op *proactor.Op) **proactor.Op {
	if op.Kind >= proactor.Send {
		return &st.out
	}
	return &st.in
}

// HandleReady does what can be done, and at once what its handlers then ask for. Interest that
// nobody has any more is taken back only now that it has brought an event in vain: mostly the
// next operation comes before the next event, and a system call is saved.
func (st *station) HandleReady(r demux.Readiness) {
	const broken = demux.Failure | demux.Gone // reported unasked; the next call tells why
	needed := demux.Readiness(0)
	if st.in != nil {
		needed |= demux.Readable
	}
	if st.out != nil {
		needed |= demux.Writable
	}
	if r&^(needed|broken) != 0 || needed == 0 {
		st.want(needed)
	}
	in, out, p, fd := st.in, st.out, st.p, st.fd
	if in != nil && r&(demux.Readable|broken) != 0 {
		if in.Kind == proactor.Accept {
			st.accept(in)
		} else {
			st.receive(in)
		}
	}
	if out != nil && r&(demux.Writable|broken) != 0 && p.stations[fd] == st && st.out == out {
		st.send(out)
	}
	p.takeTurns()
}

// want tells the demultiplexer what is of interest. Nothing at all must be said by leaving,
// for failure is reported to everyone who is registered, again and again.
func (st *station) want(interest demux.Readiness) {
	var err error
	switch d := st.p.demux; {
	case interest == 0 && st.registered:
		err, st.registered = d.Unregister(st.fd), false
	case interest == 0:
	case st.registered:
		err = d.Rearm(st.fd, interest)
	default:
		err = d.Register(st.fd, interest, st)
		st.registered = err == nil
	}
	if st.interest = interest; err == nil {
		return
	}
	for _, at := range []**proactor.Op{&st.in, &st.out} { // whoever waits here would wait for ever
		if op := *at; op != nil {
			*at = nil
			st.p.queue = append(st.p.queue, turn{op, err})
		}
	}
}

// accept brings connections until there are no more, or its handler has had enough.
func (st *station) accept(op *proactor.Op) {
	for range acceptBatch {
		fd, errno := sock.Accept(st.fd)
		switch errno {
		case 0:
			st.p.newStation(fd)
			op.Complete(fd, nil, true)
		case unix.EAGAIN:
			return
		default:
			st.in = nil
			op.Complete(0, errno, false)
		}
		if st.in != op {
			return
		}
	}
}

// HEART

// receive reads, and reads on while its buffer is filled and what is answered is sent at once:
// then more is likely there, and the memory is still in the cache.
func (st *station) receive(op *proactor.Op) {
	p, fd := st.p, st.fd
	for full, times := true, 0; full && times < receiveBatch; times++ {
		n, errno := sock.Recv(fd, p.buf)
		if errno == unix.EAGAIN {
			return
		}
		if n = max(n, 0); n == 0 {
			st.in = nil
		}
		op.Buf = p.buf[:n]
		op.Complete(n, asError(errno), n > 0)
		p.takeTurns()
		full = n == len(p.buf) && p.stations[fd] == st && st.in == op && st.out == nil
	}
}

// send writes once, and waits for room if there is none.
func (st *station) send(op *proactor.Op) {
	n, errno := sock.Send(st.fd, op.Buf)
	if errno == unix.EAGAIN {
		st.want(st.interest | demux.Writable)
		return
	}
	st.out = nil
	op.Complete(max(n, 0), asError(errno), false)
}

// HEART END

func asError(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

package offload

import "iomodels/servers/proto"

// Desk is a loop's side of offloading: it lends out work, and takes back what workers have done.
// One goroutine owns it. Without a pool work is done in place, and one Work serves the whole
// loop; with one, each connection has a Work while its job is out, and none otherwise.
type Desk struct {
	Pool *Pool  // nil: in place
	Wake func() // makes the loop call Returned; safe for any goroutine
	Size int    // bytes of a read buffer

	idle    []*Work
	returns Returns[*Work]
}

// Work is a read buffer, and the Feed of what is in it.
type Work struct {
	Job
	Buf []byte // read here, from the start
	For any    // whose work it is; the loop's own note
}

const (
	idleMax    = 64                    // works kept for the next request
	keepOutput = 2 * proto.OutputBound // a larger output buffer is not kept
)

// Borrow returns a Work that nobody uses.
func (d *Desk) Borrow() *Work {
	if n := len(d.idle); n > 0 {
		w := d.idle[n-1]
		d.idle = d.idle[:n-1]
		return w
	}
	w := &Work{Buf: make([]byte, d.Size)}
	w.Done = func(*Job) { // on a worker
		d.returns.Put(w)
		d.Wake()
	}
	return w
}

// GiveBack ends the use of w.
func (d *Desk) GiveBack(w *Work) {
	w.Session, w.For = nil, nil
	if cap(w.Out) > keepOutput {
		w.Out = nil
	}
	if len(d.idle) < idleMax {
		d.idle = append(d.idle, w)
	}
}

// Feed feeds s the first n bytes of w.Buf. It reports whether that is done; if not, a worker
// does it, and w comes back from Returned.
func (d *Desk) Feed(w *Work, s proto.Session, n int) bool {
	w.Session, w.In, w.Out = s, w.Buf[:n], w.Out[:0]
	if d.Pool == nil {
		w.Run()
		return true
	}
	d.Pool.Submit(&w.Job)
	return false
}

// Returned takes what workers have done since the last call. The slice is valid until the next.
func (d *Desk) Returned() []*Work {
	if d.Pool == nil {
		return nil
	}
	return d.returns.Take()
}

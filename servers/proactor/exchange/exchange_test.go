package exchange

import (
	"testing"
	"time"

	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// upper answers in capitals, so that answers and input cannot be taken for each other.
type upper struct{}

func (upper) Phase() proto.Phase { return proto.Idle }
func (upper) Feed(out, in []byte) ([]byte, proto.Verdict) {
	for _, b := range in {
		out = append(out, b-'a'+'A')
	}
	return out, proto.Continue
}

func TestFeedOnTheLoop(t *testing.T) {
	p := NewPool(nil, nil)
	x := p.Borrow()
	x.Job.Session = upper{}
	if !p.Feed(x, []byte("one")) || string(x.Job.Out) != "ONE" || x.Busy() {
		t.Errorf("output %q, busy %v; want it done", x.Job.Out, x.Busy())
	}
	p.GiveBack(x)
	if again := p.Borrow(); again != x || len(x.Job.Out) > 0 || x.Job.Session != nil {
		t.Errorf("borrowed %p with %q of %v; want %p, empty", again, x.Job.Out, x.Job.Session, x)
	}
}

func TestFeedOnAWorkerCopiesItsInput(t *testing.T) {
	workers := offload.New(1)
	defer workers.Close()
	woken := make(chan struct{}, 1)
	p := NewPool(workers, func() { woken <- struct{}{} })
	x := p.Borrow()
	x.Job.Session = upper{}
	lent := []byte("one")
	if p.Feed(x, lent) || !x.Busy() || x.Reads() || p.Thinking() != 1 {
		t.Fatalf("busy %v, reads %v, thinking %d; want it with a worker", x.Busy(), x.Reads(), p.Thinking())
	}
	copy(lent, "xxx") // the buffer is lent to somebody else
	select {
	case <-woken:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was woken")
	}
	if back := p.Returned(); len(back) != 1 || back[0] != x || x.Busy() || p.Thinking() != 0 {
		t.Errorf("returned %v, busy %v, thinking %d", back, x.Busy(), p.Thinking())
	}
	if string(x.Job.Out) != "ONE" {
		t.Errorf("answered %q", x.Job.Out)
	}
}

func TestLargeExchangesAreNotKept(t *testing.T) {
	p := NewPool(nil, nil)
	x := p.Borrow()
	x.Rest = make([]byte, spareMax+1)
	p.GiveBack(x)
	if p.Borrow() == x {
		t.Error("an exchange beyond the bound was kept")
	}
}

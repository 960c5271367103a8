package offload_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

func TestDeskInPlaceNeedsOneWork(t *testing.T) {
	desk := offload.Desk{Size: 8}
	w := desk.Borrow()
	for _, in := range []string{"one", "two"} {
		n := copy(w.Buf, in)
		if !desk.Feed(w, session(echo), n) || string(w.Out) != in || w.Verdict != proto.Again {
			t.Errorf("Feed(%q) gave %q, verdict %v", in, w.Out, w.Verdict)
		}
	}
	desk.GiveBack(w)
	if again := desk.Borrow(); again != w {
		t.Error("a second Work was made although the first is idle")
	}
	if got := desk.Returned(); got != nil {
		t.Errorf("%d works returned from nowhere", len(got))
	}
}

func TestDeskReturnsEveryWorkOnce(t *testing.T) {
	const connections, requests = 50, 40
	wake := make(chan struct{}, 1)
	desk := offload.Desk{Size: 8, Pool: offload.New(3), Wake: func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}}
	defer desk.Pool.Close()
	var counts [connections]int
	feed := func(i int) {
		w := desk.Borrow()
		w.For, w.Buf[0] = i, byte(i)
		if desk.Feed(w, session(echo), 1) {
			t.Error("a job for a worker was done in place")
		}
	}
	for i := range connections {
		feed(i)
	}
	for out := connections; out > 0; {
		<-wake
		for _, w := range desk.Returned() {
			i := w.For.(int)
			if string(w.Out) != string([]byte{byte(i)}) {
				t.Fatalf("connection %d was answered %v", i, w.Out)
			}
			desk.GiveBack(w)
			if counts[i]++; counts[i] < requests {
				feed(i)
			} else {
				out--
			}
		}
	}
	if len(desk.Returned()) != 0 {
		t.Error("more came back than went out")
	}
}

func TestDeskKeepsNoLargeOutput(t *testing.T) {
	desk := offload.Desk{Size: 1}
	w := desk.Borrow()
	desk.Feed(w, session(func(out, in []byte) ([]byte, proto.Verdict) {
		return append(out, make([]byte, 10<<20)...), proto.Continue
	}), 0)
	desk.GiveBack(w)
	if w = desk.Borrow(); cap(w.Out) > 1<<20 || w.Session != nil {
		t.Errorf("an idle work holds %d bytes of output, session %v", cap(w.Out), w.Session)
	}
}

func TestAllocsPerRunOfDesk(t *testing.T) {
	wake := make(chan struct{}, 1)
	desk := offload.Desk{Size: 8, Pool: offload.New(1), Wake: func() { wake <- struct{}{} }}
	defer desk.Pool.Close()
	owner, s := new(int), proto.Session(session(echo))
	n := testing.AllocsPerRun(1000, func() {
		w := desk.Borrow()
		w.For = owner
		desk.Feed(w, s, 1)
		<-wake
		for _, w := range desk.Returned() {
			desk.GiveBack(w)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations per job; want 0", n)
	}
}

// TestDeskForgetsABurst: when all is answered, what was lent to a crowd is the collector's.
func TestDeskForgetsABurst(t *testing.T) {
	const burst = 500
	desk := offload.Desk{Size: 8, Wake: func() {}, Pool: offload.New(1)}
	defer desk.Pool.Close()
	var freed atomic.Int32
	for range burst {
		w := desk.Borrow()
		runtime.AddCleanup(w, func(n *atomic.Int32) { n.Add(1) }, &freed)
		desk.Feed(w, session(echo), 1)
	}
	for out, end := burst, time.Now().Add(10*time.Second); out > 0 && time.Now().Before(end); {
		for _, w := range desk.Returned() {
			desk.GiveBack(w)
			out--
		}
	}
	desk.Returned() // a loop asks in every turn
	for end := time.Now().Add(10 * time.Second); freed.Load() < burst/2; runtime.GC() {
		if time.Now().After(end) {
			t.Fatalf("%d of %d works were freed", freed.Load(), burst)
		}
	}
}

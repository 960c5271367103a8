package demux

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDemuxWakeEndsTheWait(t *testing.T) {
	for _, raw := range []time.Duration{0, RawWaitMax} {
		d := newDemux(t)
		d.RawWait = raw
		go d.Wake()
		dispatch(t, d, -1, 0)
		d.Wake()
		dispatch(t, d, -1, 0) // the bell can be rung again
		dispatch(t, d, 0, 0)
	}
}

func TestDemuxWakesCoalesce(t *testing.T) {
	d := newDemux(t)
	for range 1000 {
		d.Wake()
	}
	var count [8]byte
	if _, err := unix.Read(d.bell, count[:]); err != nil {
		t.Fatal(err)
	}
	if n := binary.NativeEndian.Uint64(count[:]); n != 1 {
		t.Errorf("1000 wakes rang the bell %d times; want 1", n)
	}
}

// A bell that stays readable would make every later Dispatch return at once: a spinning loop.
func TestDemuxBellIsSilenced(t *testing.T) {
	d := newDemux(t)
	d.Wake()
	dispatch(t, d, 0, 0)
	var count [8]byte
	if _, err := unix.Read(d.bell, count[:]); err != unix.EAGAIN {
		t.Errorf("the bell is still ringing after Dispatch: read returned %v", err)
	}
}

// What a producer stored before its Wake must be seen after some Dispatch, however wakes and
// the silencing of the bell interleave. A lost wake-up makes this test hang.
func TestDemuxNoWakeIsLost(t *testing.T) {
	const producers, each = 4, 5000
	d := newDemux(t)
	d.RawWait = 0
	var sum atomic.Int64
	var wg sync.WaitGroup
	for range producers {
		wg.Go(func() {
			for range each {
				sum.Add(1)
				d.Wake()
				if sum.Load()%16 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	for deadline := time.Now().Add(30 * time.Second); sum.Load() < producers*each; {
		if _, err := d.Dispatch(time.Until(deadline)); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("a wake-up was lost: %d of %d seen", sum.Load(), producers*each)
		}
	}
	wg.Wait()
}

// A peer must not be timed out for a silence in which nobody listened.
func TestDemuxClockStopsWhileHandlersBlock(t *testing.T) {
	d := newDemux(t)
	a, _ := pair(t)
	must(t, d.Register(a, Writable|Once, handlerFunc(func(Readiness) { time.Sleep(2 * heldUp) })))
	dispatch(t, d, -1, 1)
	dispatch(t, d, 0, 0)
	if d.excused < 2*heldUp {
		t.Errorf("a handler blocked for %v; the clock excuses %v", 2*heldUp, d.excused)
	}
}

// Silence counts, however long. (On a busy machine this goroutine may itself be held up, which
// the clock rightly excuses; so it is enough that this is not so every time.)
func TestDemuxClockRunsWhileLoopSleeps(t *testing.T) {
	d := newDemux(t)
	for range 50 {
		before := d.excused
		dispatch(t, d, 2*heldUp, 0)
		if d.excused == before && d.Now() >= 2*heldUp {
			return
		}
	}
	t.Errorf("the clock is at %v and excuses %v", d.Now(), d.excused)
}

// A raw wait keeps the processor, but a stop-the-world must not wait for its end.
func TestDemuxRawWaitYieldsToGarbageCollection(t *testing.T) {
	d := newDemux(t)
	d.RawWait, d.fresh = time.Minute, true
	ended := make(chan error)
	go func() {
		_, err := d.Dispatch(time.Minute)
		ended <- err
	}()
	for {
		runtime.GC()
		select {
		case err := <-ended:
			if err != nil || d.Now() >= time.Minute {
				t.Errorf("Dispatch returned %v after %v; want it to be interrupted", err, d.Now())
			}
			return
		default:
		}
	}
}

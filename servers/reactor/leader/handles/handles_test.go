package handles

import (
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"iomodels/servers/reactor/demux"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newSet(t *testing.T) *Set {
	s, err := Open()
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func pair(t *testing.T) (a, b int) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	return p[0], p[1]
}

type handlerFunc func(demux.Readiness)

func (f handlerFunc) HandleReady(r demux.Readiness) { f(r) }

// TestOnce: an armed descriptor is told of once, although its cause stays.
func TestOnce(t *testing.T) {
	s := newSet(t)
	loud, peer := pair(t)
	told := 0
	s.Add(loud, handlerFunc(func(r demux.Readiness) {
		if told++; r&demux.Readable == 0 {
			t.Errorf("told %#x; want readable", r)
		}
	}))
	_, err := unix.Write(peer, []byte("x"))
	must(t, err)
	for i := range 3 {
		must(t, s.Arm(loud, demux.Readable))
		h, r, err := s.Next()
		must(t, err)
		if h.HandleReady(r); told != i+1 {
			t.Fatalf("told %d times after being armed %d times", told, i+1)
		}
	}
	s.End() // had it been told again, that would come first
	if h, _, err := s.Next(); h != nil || err != nil {
		t.Errorf("told although it was not armed, or %v", err)
	}
}

// TestEventOfAnotherTime: what a thread fetched for a descriptor does not reach its number's next
// owner.
func TestEventOfAnotherTime(t *testing.T) {
	s := newSet(t)
	fd, _ := pair(t)
	wrong := handlerFunc(func(demux.Readiness) {})
	s.Add(fd, wrong)
	must(t, s.Arm(fd, demux.Readable))
	fetched := s.table.At(fd).generation
	if s.handler(int32(fd), fetched) == nil {
		t.Fatal("its own event does not reach a handler")
	}
	s.Remove(fd)
	s.Add(fd, wrong)
	if s.handler(int32(fd), fetched) != nil {
		t.Error("an event reaches the handler of another connection with the same number")
	}
}

// TestThreads: many threads share the events; none is lost, and none is handled by two at once.
func TestThreads(t *testing.T) {
	const threads, pairs, rounds = 4, 16, 100 // what a socket holds, at one byte a message
	s := newSet(t)
	var left, all sync.WaitGroup
	for range pairs {
		here, there := pair(t)
		left.Add(1)
		var busy atomic.Bool
		got := 0 // guarded by being told once
		s.Add(here, handlerFunc(func(demux.Readiness) {
			if busy.Swap(true) {
				t.Error("two threads handle one connection")
			}
			var b [1]byte
			if n, err := unix.Read(here, b[:]); n != 1 || err != nil {
				t.Errorf("read %d, %v", n, err)
			}
			if got++; got == rounds {
				left.Done()
			}
			busy.Store(false)
			if err := s.Arm(here, demux.Readable); err != nil {
				t.Error(err)
			}
		}))
		must(t, s.Arm(here, demux.Readable))
		all.Go(func() {
			for range rounds {
				if _, err := unix.Write(there, []byte("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range threads {
		all.Go(func() {
			for {
				h, r, err := s.Next()
				if err != nil {
					t.Error(err)
				}
				if h == nil {
					return
				}
				h.HandleReady(r)
			}
		})
	}
	left.Wait()
	s.End()
	all.Wait()
}

package demux

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// handlerFunc makes an EventHandler of a function.
type handlerFunc func(Readiness)

func (f handlerFunc) HandleReady(r Readiness) { f(r) }

func newDemux(t testing.TB) *Demux {
	t.Helper()
	d, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// pair returns two connected, non-blocking stream sockets.
func pair(t testing.TB) (a, b int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	return p[0], p[1]
}

func send(t testing.TB, fd int, s string) {
	t.Helper()
	if _, err := unix.Write(fd, []byte(s)); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dispatch wants handlers to run; a signal of the Go runtime may end an endless wait early.
func dispatch(t testing.TB, d *Demux, wait time.Duration, want int) {
	t.Helper()
	n, err := d.Dispatch(wait)
	for wait < 0 && n == 0 && want > 0 && err == nil {
		n, err = d.Dispatch(wait)
	}
	if err != nil || n != want {
		t.Fatalf("Dispatch(%v) = %d, %v; want %d, nil", wait, n, err, want)
	}
}

func TestDemuxReportsReadiness(t *testing.T) {
	for _, tc := range []struct {
		name     string
		interest Readiness
		peer     func(t *testing.T, fd int)
		want     Readiness
	}{
		{"bytes", Readable, func(t *testing.T, fd int) { send(t, fd, "x") }, Readable},
		{"room to write", Writable, func(*testing.T, int) {}, Writable},
		{
			"half-close", Readable | Hangup, func(t *testing.T, fd int) { must(t, unix.Shutdown(fd, unix.SHUT_WR)) },
			Readable | Hangup,
		},
		{
			"half-close unasked", Readable, func(t *testing.T, fd int) { must(t, unix.Shutdown(fd, unix.SHUT_WR)) },
			Readable,
		},
		{
			"gone is always reported", 0, func(t *testing.T, fd int) { must(t, unix.Shutdown(fd, unix.SHUT_RDWR)) },
			Gone,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDemux(t)
			a, b := pair(t)
			var got Readiness
			must(t, d.Register(a, tc.interest, handlerFunc(func(r Readiness) { got = r })))
			tc.peer(t, b)
			dispatch(t, d, -1, 1)
			if got != tc.want {
				t.Errorf("handler was told %#x; want %#x", got, tc.want)
			}
		})
	}
}

func TestDemuxLevelEdgeOnce(t *testing.T) {
	for _, tc := range []struct {
		name     string
		interest Readiness
		again    int // handlers run by a second Dispatch with the bytes still unread
		rearmed  int // and by a third, after Rearm
	}{
		{"level", Readable, 1, 1},
		{"edge", Readable | Edge, 0, 1},
		{"once", Readable | Once, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDemux(t)
			a, b := pair(t)
			must(t, d.Register(a, tc.interest, handlerFunc(func(Readiness) {})))
			send(t, b, "x")
			dispatch(t, d, -1, 1)
			dispatch(t, d, 0, tc.again)
			must(t, d.Rearm(a, tc.interest))
			dispatch(t, d, 0, tc.rearmed)
		})
	}
}

func TestDemuxRearmChangesInterest(t *testing.T) {
	d := newDemux(t)
	a, b := pair(t)
	var got Readiness
	must(t, d.Register(a, Readable, handlerFunc(func(r Readiness) { got = r })))
	must(t, d.Rearm(a, Writable))
	send(t, b, "x")
	dispatch(t, d, 0, 1)
	if got != Writable {
		t.Errorf("handler was told %#x; want Writable alone", got)
	}
	must(t, d.Rearm(a, 0))
	dispatch(t, d, 0, 0)
}

// A closed descriptor makes every epoll_ctl fail: a Rearm that succeeds made no call.
func TestDemuxRearmSkipsNeedlessCalls(t *testing.T) {
	d := newDemux(t)
	for _, tc := range []struct {
		name      string
		was, is   Readiness
		wantError bool
	}{
		{"same level", Readable, Readable, false},
		{"other level", Readable, Writable, true},
		{"same edge", Readable | Edge, Readable | Edge, true},
		{"same once", Readable | Once, Readable | Once, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
			must(t, err)
			must(t, d.Register(fd, tc.was, handlerFunc(func(Readiness) {})))
			must(t, unix.Close(fd))
			if err := d.Rearm(fd, tc.is); (err != nil) != tc.wantError {
				t.Errorf("Rearm = %v; want an error: %v", err, tc.wantError)
			}
			d.Forget(fd)
		})
	}
}

func TestDemuxRefusesMisuse(t *testing.T) {
	d := newDemux(t)
	a, _ := pair(t)
	ignore := handlerFunc(func(Readiness) {})
	must(t, d.Register(a, Readable, ignore))
	for name, err := range map[string]error{
		"register twice":       d.Register(a, Readable, ignore),
		"rearm a stranger":     d.Rearm(9999, Readable),
		"unregister stranger":  d.Unregister(9999),
		"register nothing":     d.Register(9998, Readable, ignore),
		"register a plainfile": registerFile(t, d),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	must(t, d.Unregister(a))
	if err := d.Unregister(a); err == nil {
		t.Error("unregister twice: no error")
	}
}

// registerFile registers a regular file, which epoll refuses: it is always ready.
func registerFile(t *testing.T, d *Demux) error {
	f, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	defer f.Close()
	return d.Register(int(f.Fd()), Readable, handlerFunc(func(Readiness) {}))
}

// Two descriptors are ready in one batch. Whichever handler runs first closes the other
// descriptor, and a new connection gets its number at once, in the same epoll. The event of
// the dead connection is still in the batch and must not reach the new one.
func TestDemuxStaleEventNeverReachesNewHandler(t *testing.T) {
	for _, how := range []struct {
		name  string
		leave func(d *Demux, fd int) error
	}{
		{"unregister", (*Demux).Unregister},
		{"forget", func(d *Demux, fd int) error { d.Forget(fd); return nil }},
	} {
		t.Run(how.name, func(t *testing.T) {
			d := newDemux(t)
			a, peerA := pair(t)
			b, peerB := pair(t)
			quiet, _ := pair(t)
			ran := 0
			replace := func(victim int) handlerFunc {
				return func(Readiness) {
					if ran++; ran > 1 {
						return
					}
					must(t, how.leave(d, victim))
					must(t, unix.Dup3(quiet, victim, unix.O_CLOEXEC)) // closes victim, takes its number
					must(t, d.Register(victim, Readable, handlerFunc(func(r Readiness) {
						t.Errorf("new handler got the event %#x of its predecessor", r)
					})))
				}
			}
			must(t, d.Register(a, Readable, replace(b)))
			must(t, d.Register(b, Readable, replace(a)))
			send(t, peerA, "x")
			send(t, peerB, "x")
			dispatch(t, d, -1, 1)
		})
	}
}

func TestDemuxUnregisteredInBatchIsNotTold(t *testing.T) {
	d := newDemux(t)
	a, peerA := pair(t)
	b, peerB := pair(t)
	must(t, d.Register(a, Readable, handlerFunc(func(Readiness) { must(t, d.Unregister(b)) })))
	must(t, d.Register(b, Readable, handlerFunc(func(Readiness) { must(t, d.Unregister(a)) })))
	send(t, peerA, "x")
	send(t, peerB, "x")
	dispatch(t, d, -1, 1)
}

func TestDemuxHandlerMayGrowTable(t *testing.T) {
	d := newDemux(t)
	a, b := pair(t)
	must(t, d.Register(a, Readable, handlerFunc(func(Readiness) {
		high, err := unix.FcntlInt(uintptr(b), unix.F_DUPFD_CLOEXEC, 2*d.table.Len()+1000)
		must(t, err)
		must(t, d.Register(high, Writable, handlerFunc(func(Readiness) {})))
		must(t, d.Unregister(high))
		must(t, unix.Close(high))
	})))
	send(t, b, "x")
	dispatch(t, d, -1, 1)
}

func TestDemuxWaitEnds(t *testing.T) {
	d := newDemux(t)
	for range 100 {
		before := time.Now()
		dispatch(t, d, 2*time.Millisecond, 0)
		if time.Since(before) < 2*time.Millisecond {
			continue // a signal of the Go runtime ended it
		}
		if d.Now() < 2*time.Millisecond {
			t.Errorf("Now() = %v after a wait of 2ms", d.Now())
		}
		return
	}
	t.Error("Dispatch(2ms) never waited 2ms")
}

func TestDemuxSignalIsNoEventAndNoError(t *testing.T) {
	d := newDemux(t)
	tid := make(chan int)
	returned := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
		tid <- unix.Gettid()
		n, err := d.Dispatch(-1)
		if n != 0 {
			t.Errorf("a signal made Dispatch report %d events", n)
		}
		returned <- err
	}()
	thread := <-tid
	for deadline := time.Now().Add(10 * time.Second); ; {
		must(t, unix.Tgkill(unix.Getpid(), thread, unix.SIGURG))
		select {
		case err := <-returned:
			must(t, err)
			return
		case <-time.After(time.Millisecond):
			if time.Now().After(deadline) {
				t.Fatal("no signal ended the wait")
			}
		}
	}
}

func TestDemuxCloseKeepsDescriptorsAndToleratesWake(t *testing.T) {
	d := newDemux(t)
	a, b := pair(t)
	must(t, d.Register(a, Readable, handlerFunc(func(Readiness) {})))
	epfd, bell := d.source.(*epoll).fd, d.bell
	must(t, d.Close())
	must(t, d.Close())
	for _, fd := range []int{epfd, bell} {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("descriptor %d is still open after Close", fd)
		}
	}
	// The number of the bell now belongs to somebody else, whom a late Wake must not ring.
	must(t, unix.Dup3(a, bell, unix.O_CLOEXEC))
	defer unix.Close(bell)
	d.Wake()
	if _, err := unix.Read(b, make([]byte, 8)); err != unix.EAGAIN {
		t.Errorf("Wake after Close wrote to a descriptor that is not its own (read: %v)", err)
	}
	send(t, b, "x")
	if _, err := d.Dispatch(0); err == nil {
		t.Error("Dispatch after Close: no error")
	}
}

func TestAllocsPerRunDispatch(t *testing.T) {
	d := newDemux(t)
	a, _ := pair(t)
	must(t, d.Register(a, Writable, handlerFunc(func(Readiness) {})))
	if n := testing.AllocsPerRun(1000, func() { d.Wake(); d.Dispatch(-1) }); n != 0 {
		t.Errorf("%v allocations per Dispatch; want 0", n)
	}
}

func BenchmarkDispatch(b *testing.B) {
	d := newDemux(b)
	fd, _ := pair(b)
	must(b, d.Register(fd, Writable, handlerFunc(func(Readiness) {})))
	for b.Loop() {
		if n, err := d.Dispatch(-1); n != 1 || err != nil {
			b.Fatal(n, err)
		}
	}
}

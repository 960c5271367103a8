// Package proactortest is the contract of a proactor's backend, as tests. A backend calls Run
// from a test of its own; io_uring and its emulation pass the same cases, so that one server
// runs on both.
package proactortest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor"
	"iomodels/servers/sock"
)

// limit bounds whatever must happen. It is far more than it takes: the machine may be busy.
const limit = 20 * time.Second

// bufferSize is small, so that a few kilobytes need many buffers.
const bufferSize = 1024

// Run tests that the backend fulfils the contract of proactor.Proactor.
func Run(t *testing.T, open proactor.Backend) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Log(c.explanation)
			run(t, open, proactor.RawWaitMax, c.run)
		})
	}
	t.Run("ordinary-wait", func(t *testing.T) { // all that waits, with the scheduler told of it
		for _, c := range cases {
			run(t, open, 0, c.run)
		}
	})
}

func run(t *testing.T, open proactor.Backend, rawWait time.Duration, body func(*bench)) {
	p, err := open(proactor.Settings{BufferSize: bufferSize, ReceiveMax: 8 * bufferSize, RawWait: rawWait})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		p.Wake() // is harmless now
	}()
	body(&bench{T: t, p: p})
}

var cases = []struct {
	name, explanation string
	run               func(*bench)
}{
	{"not-inside-submit", "what could be done at once completes in Complete, not in Submit", notInsideSubmit},
	{"receive", "completions until the end of the stream, every byte once and in order", receive},
	{"follow", "what is said to follow comes next, with bytes", follow},
	{"end-of-stream", "the peer's FIN is a completion with 0, and the last", endOfStream},
	{"reset", "the peer's RST is a completion with an error, and the last", reset},
	{"send", "more than the socket holds is sent piece by piece, nothing lost or doubled", send},
	{"send-lazily", "the same without hurry; success is told though nothing else happens", sendLazily},
	{"lazy-alone", "a wait without end does not hide the success of a lazy send", lazyAlone},
	{"send-broken", "a send to a peer that is gone completes with an error, whether lazy or not", sendBroken},
	{"accept", "one accept brings every connection, until it is cancelled", accept},
	{"cancel", "a cancelled operation completes once; one that is over is left alone", cancel},
	{"close-pending", "CloseFD: what is pending completes once, and the peer sees the end", closePending},
	{"number-reused", "a number that comes back brings no completion of its predecessor", numberReused},
	{"wake", "Wake ends a wait, before it or during it; many at once are one", wake},
	{"wake-none-lost", "what was stored before a Wake is seen after a Complete", wakeNoneLost},
	{"wait-bounded", "Complete returns when its time is over, and at once for 0", waitBounded},
	{"buffers-return", "buffers come back: far more is received than all buffers hold", buffersReturn},
	{"many-at-once", "more operations than any queue holds are all carried out", manyAtOnce},
	{"no-recursion", "a handler that submits is not called again before it has returned", noRecursion},
	{"close-with-pending", "Close forgets what is pending: no handler runs", closeWithPending},
	{"no-allocation", "a round of receive and send allocates nothing", noAllocation},
}

// bench is where a backend is tested.
type bench struct {
	*testing.T
	p proactor.Proactor
}

// pair returns two ends of a stream: ours, which the backend gets and b closes unless the test
// does, and the peer's.
func (b *bench) pair() (ours, peer int) {
	b.Helper()
	l, addr, err := sock.Listen("127.0.0.1:0", false, false)
	b.must(err)
	defer unix.Close(l)
	peer, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	b.must(err)
	b.Cleanup(func() { unix.Close(peer) })
	b.must(unix.Connect(peer, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte{127, 0, 0, 1}}))
	ours, _, err = unix.Accept4(l, unix.SOCK_CLOEXEC)
	b.must(err)
	return ours, peer
}

// closing has a descriptor closed at the end of the test, after the backend.
func (b *bench) closing(fd int) int {
	b.Cleanup(func() { unix.Close(fd) })
	return fd
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) write(fd int, msg []byte) {
	b.Helper()
	if n, err := unix.Write(fd, msg); n != len(msg) || err != nil {
		b.Fatalf("the peer's write of %d bytes: %d, %v", len(msg), n, err)
	}
}

// until completes until cond holds.
func (b *bench) until(what string, cond func() bool) {
	b.Helper()
	for deadline := time.Now().Add(limit); !cond(); {
		if time.Now().After(deadline) {
			b.Fatalf("not within %v: %s", limit, what)
		}
		b.must(b.p.Complete(10 * time.Millisecond))
	}
}

// settle completes for long enough that what must not happen would.
func (b *bench) settle() {
	b.Helper()
	for range 20 {
		b.must(b.p.Complete(time.Millisecond))
	}
}

// log is a handler that writes down what it is told.
type log struct {
	op    proactor.Op
	got   []byte // of receives
	calls int    // completions
	last  int    // completions that were the last
	n     int    // of the latest
	err   error
	again proactor.Kind // submitted again after a last completion without error or end; 0: not
	p     proactor.Proactor
}

func (b *bench) newLog(fd int) *log {
	l := &log{p: b.p}
	l.op = proactor.Op{FD: int32(fd), Done: l.done}
	return l
}

func (l *log) done(op *proactor.Op, n int, err error) {
	l.calls++
	l.n, l.err = n, err
	if op.Kind == proactor.Receive {
		if n > bufferSize {
			panic("more received than a buffer holds")
		}
		l.got = append(l.got, op.Buf[:n]...)
	}
	if op.Pending {
		return
	}
	l.last++
	if l.again != 0 && (err == unix.ENOBUFS || err == nil && n > 0) {
		l.p.Submit(op, l.again)
	}
}

// ended reports whether the operation has had its last completion.
func (l *log) ended() bool { return l.last > 0 && !l.op.Pending }

// pattern returns n bytes in which no two places 64 KiB apart are alike.
func pattern(n int) []byte {
	b := make([]byte, n+8)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], uint64(i)*0x9e3779b97f4a7c15)
	}
	return b[:n]
}

func (b *bench) wantBytes(got, want []byte) {
	b.Helper()
	if !bytes.Equal(got, want) {
		b.Fatalf("%d bytes arrived, %d were sent, or some are changed", len(got), len(want))
	}
}

func (b *bench) wantCount(what string, got, want int) {
	b.Helper()
	if got != want {
		b.Fatalf("%s: %d; want %d", what, got, want)
	}
}

func (b *bench) wantError(got error, want ...error) {
	b.Helper()
	for _, w := range want {
		if errors.Is(got, w) {
			return
		}
	}
	b.Fatalf("completed with error %v; want one of %v", got, want)
}

// seen reads all that comes to the peer, at its own pace, until the end of the stream.
type seen struct {
	n   atomic.Int64
	all chan []byte
}

func (b *bench) peerReads(fd int) *seen {
	s := &seen{all: make(chan []byte, 1)}
	go func() {
		var got []byte
		for buf := make([]byte, 64<<10); ; {
			n, err := unix.Read(fd, buf)
			if err == unix.EINTR {
				continue
			}
			if n <= 0 {
				s.all <- got
				return
			}
			got = append(got, buf[:n]...)
			s.n.Store(int64(len(got)))
		}
	}()
	return s
}

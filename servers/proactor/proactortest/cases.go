package proactortest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor"
	"iomodels/servers/sock"
)

func notInsideSubmit(b *bench) {
	fd, peer := b.pair()
	b.closing(fd)
	b.write(peer, []byte("there already"))
	in, out := b.newLog(fd), b.newLog(fd)
	out.op.Buf = []byte("fits")
	b.p.Submit(&in.op, proactor.Receive)
	b.p.Submit(&out.op, proactor.Send)
	b.wantCount("completions inside Submit", in.calls+out.calls, 0)
	b.until("both completions", func() bool { return in.ended() && out.ended() })
}

func receive(b *bench) {
	fd, peer := b.pair()
	b.closing(fd)
	in := b.newLog(fd)
	b.p.Submit(&in.op, proactor.Receive)
	b.write(peer, pattern(2*bufferSize))
	b.until("the completion", in.ended)
	b.settle()
	b.wantCount("completions", in.calls, 1)
	if in.n > bufferSize {
		b.Fatalf("received %d bytes into a buffer of %d", in.n, bufferSize)
	}
	for len(in.got) < 2*bufferSize {
		in.last = 0
		b.p.Submit(&in.op, proactor.Receive)
		b.until("another completion", in.ended)
	}
	b.wantBytes(in.got, pattern(2*bufferSize))
}

func receiveMany(b *bench) {
	fd, peer := b.pair()
	b.closing(fd)
	in := b.newLog(fd)
	in.again = proactor.ReceiveMany
	b.p.Submit(&in.op, proactor.ReceiveMany)
	want := pattern(100_000)
	for at, n := 0, 1; at < len(want); at, n = at+n, n*3%7919 {
		n = min(n, len(want)-at)
		b.write(peer, want[at:at+n])
		if at%3 == 0 {
			b.until("what was sent so far", func() bool { return len(in.got) == at+n })
		}
	}
	b.must(unix.Shutdown(peer, unix.SHUT_WR))
	b.until("the end of the stream", func() bool { return in.ended() })
	b.wantBytes(in.got, want)
	if in.n != 0 || in.err != nil {
		b.Fatalf("the last completion is %d, %v; want 0, nil", in.n, in.err)
	}
}

func endOfStream(b *bench) {
	for _, kind := range []proactor.Kind{proactor.Receive, proactor.ReceiveMany} {
		fd, peer := b.pair()
		b.closing(fd)
		in := b.newLog(fd)
		b.p.Submit(&in.op, kind)
		b.must(unix.Shutdown(peer, unix.SHUT_WR))
		b.until("the completion", in.ended)
		b.settle()
		b.wantCount("completions", in.calls, 1)
		if in.n != 0 || in.err != nil {
			b.Fatalf("completed with %d, %v; want 0, nil", in.n, in.err)
		}
	}
}

func reset(b *bench) {
	for _, kind := range []proactor.Kind{proactor.Receive, proactor.ReceiveMany} {
		fd, peer := b.pair()
		b.closing(fd)
		in := b.newLog(fd)
		b.p.Submit(&in.op, kind)
		b.settle()
		b.resetBy(peer)
		b.until("the completion", in.ended)
		b.wantCount("completions", in.calls, 1)
		b.wantError(in.err, unix.ECONNRESET)
	}
}

// resetBy closes the peer's end so that RST is sent. The number is kept from reuse.
func (b *bench) resetBy(peer int) {
	b.Helper()
	b.must(unix.SetsockoptLinger(peer, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	other, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	b.must(err)
	b.must(unix.Dup3(other, peer, unix.O_CLOEXEC))
	b.must(unix.Close(other))
}

const bulk = 8 << 20 // more than the socket buffers of both ends hold

func send(b *bench)       { b.sendBulk(false) }
func sendLazily(b *bench) { b.sendBulk(true) }

// sendBulk sends in pieces from one handler, as a server does.
func (b *bench) sendBulk(lazy bool) {
	fd, peer := b.pair()
	want := pattern(bulk)
	rest := want
	out := proactor.Op{FD: int32(fd), Lazy: lazy}
	finished := false
	out.Done = func(op *proactor.Op, n int, err error) {
		b.must(err)
		if op.Pending || n > len(op.Buf) {
			b.Fatalf("a send of %d bytes completed with %d, pending: %v", len(op.Buf), n, op.Pending)
		}
		if rest = rest[n:]; len(rest) == 0 {
			finished = true
			b.p.CloseFD(fd)
			return
		}
		op.Buf = rest[:min(len(rest), 100_000)]
		b.p.Submit(op, proactor.Send)
	}
	out.Buf = rest[:1]
	b.p.Submit(&out, proactor.Send)
	b.settle() // nobody reads yet, and nothing else happens: far more than one piece must go
	sentAlone := len(want) - len(rest)
	if sentAlone < 2 || finished {
		b.Fatalf("%d bytes went before the peer read any", sentAlone)
	}
	s := b.peerReads(peer)
	b.until("all is sent", func() bool { return finished })
	b.settle() // the close must be carried out
	select {
	case got := <-s.all:
		b.wantBytes(got, want)
	case <-time.After(limit):
		b.Fatal("the peer saw no end of the stream")
	}
}

func sendBroken(b *bench) {
	for _, lazy := range []bool{false, true} {
		fd, peer := b.pair()
		b.closing(fd)
		b.resetBy(peer)
		out := b.newLog(fd)
		out.op.Buf, out.op.Lazy = []byte("x"), lazy
		b.until("an error", func() bool { // the first may go into the void
			if !out.op.Pending && out.err == nil {
				b.p.Submit(&out.op, proactor.Send)
			}
			return out.err != nil && !out.op.Pending
		})
		b.wantError(out.err, unix.EPIPE, unix.ECONNRESET)
	}
}

func accept(b *bench) {
	l, addr, err := sock.Listen("127.0.0.1:0", false, false)
	b.must(err)
	b.closing(l)
	fds := map[int]bool{}
	var end error
	op := proactor.Op{FD: int32(l), Done: func(op *proactor.Op, fd int, err error) {
		if err != nil {
			end = err
			return
		}
		if fds[b.closing(fd)] {
			b.Errorf("descriptor %d accepted twice", fd)
		}
		fds[fd] = true
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			b.Errorf("descriptor %d: flags %#x, %v; want close-on-exec", fd, flags, err)
		}
		if !op.Pending {
			b.p.Submit(op, proactor.Accept)
		}
	}}
	b.p.Submit(&op, proactor.Accept)
	const peers = 200
	for range peers {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		b.must(err)
		b.closing(fd)
		b.must(unix.Connect(fd, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte{127, 0, 0, 1}}))
	}
	b.until("all connections", func() bool { return len(fds) == peers })
	b.p.Cancel(&op)
	b.until("the end", func() bool { return !op.Pending })
	b.wantError(end, unix.ECANCELED)
}

func cancel(b *bench) {
	fd, peer := b.pair()
	b.closing(fd)
	for _, kind := range []proactor.Kind{proactor.Receive, proactor.ReceiveMany} {
		for _, settled := range []bool{false, true} { // before and after the backend has seen it
			in := b.newLog(fd)
			b.p.Submit(&in.op, kind)
			if settled {
				b.settle()
			}
			b.wantCount("completions before", in.calls, 0)
			b.p.Cancel(&in.op)
			b.p.Cancel(&in.op) // impatience is harmless
			b.until("the completion", in.ended)
			b.wantError(in.err, unix.ECANCELED)
			b.p.Cancel(&in.op) // is over: harmless
			b.settle()
			b.wantCount("completions", in.calls, 1)
		}
	}
	// A send that waits for room.
	out := b.newLog(fd)
	out.op.Buf, out.again = pattern(bulk), proactor.Send
	b.p.Submit(&out.op, proactor.Send)
	b.settle()
	out.again = 0
	if !out.op.Pending {
		b.Fatal("the socket has no end")
	}
	b.p.Cancel(&out.op)
	b.until("the completion", out.ended)
	// The stream goes on: cancelling is not closing.
	in := b.newLog(fd)
	b.p.Submit(&in.op, proactor.Receive)
	b.write(peer, []byte("on"))
	b.until("a receive after all this", in.ended)
	b.wantBytes(in.got, []byte("on"))
}

func closePending(b *bench) {
	for _, settled := range []bool{false, true} {
		fd, peer := b.pair()
		in, out := b.newLog(fd), b.newLog(fd)
		out.op.Buf = pattern(bulk)
		b.p.Submit(&in.op, proactor.ReceiveMany)
		b.p.Submit(&out.op, proactor.Send)
		if settled {
			b.settle()
		}
		b.p.CloseFD(fd)
		b.until("the completions", func() bool { return in.ended() && out.ended() })
		b.wantError(in.err, unix.ECANCELED)
		b.settle()
		b.wantCount("completions of the receive", in.calls, 1)
		b.wantCount("completions of the send", out.calls, 1)
		s := b.peerReads(peer)
		select {
		case <-s.all:
		case <-time.After(limit):
			b.Fatal("the peer saw no end of the stream")
		}
	}
}

// A connection is closed with a receive pending and bytes on their way, and its number comes
// back while completions of the old one may be in the queue.
func numberReused(b *bench) {
	for round := range 50 {
		old, oldPeer := b.pair()
		fresh, peer := b.pair()
		in := b.newLog(old)
		b.p.Submit(&in.op, proactor.ReceiveMany)
		if round%2 == 0 {
			b.must(b.p.Complete(0))
		}
		b.write(oldPeer, []byte("old"))
		b.p.CloseFD(old)
		for tries := 0; ; tries++ { // it is closed in this Complete or one of the next
			if _, err := unix.FcntlInt(uintptr(old), unix.F_GETFD, 0); err == unix.EBADF {
				break
			}
			if tries > 1000 {
				b.Fatal("the descriptor is not closed")
			}
			b.must(b.p.Complete(time.Millisecond))
		}
		b.must(unix.Dup3(fresh, old, unix.O_CLOEXEC)) // the next accept would get it
		b.must(unix.Close(fresh))
		next := b.newLog(old)
		b.p.Submit(&next.op, proactor.ReceiveMany)
		b.write(peer, []byte("new"))
		b.until("bytes of the new connection", func() bool { return len(next.got) >= 3 })
		b.wantBytes(next.got, []byte("new"))
		b.until("the end of the old one", in.ended)
		b.p.CloseFD(old)
		b.until("the end of the new one", next.ended)
	}
}

func wake(b *bench) {
	b.p.Wake()
	b.must(b.p.Complete(-1)) // would hang if that was lost
	go func() {
		time.Sleep(10 * time.Millisecond) // most likely the wait has begun
		b.p.Wake()
	}()
	b.must(b.p.Complete(-1))
	for range 1000 {
		b.p.Wake()
	}
	start := time.Now()
	returned := 0
	for time.Since(start) < 100*time.Millisecond {
		b.must(b.p.Complete(100*time.Millisecond - time.Since(start)))
		returned++
	}
	if returned > 20 {
		b.Errorf("1000 wakes ended %d waits", returned)
	}
}

func wakeNoneLost(b *bench) {
	const producers, each = 4, 2000
	var sum atomic.Int64
	var plain [producers]int // of one producer each; the wakes order the accesses for -race
	var wg sync.WaitGroup
	for i := range producers {
		wg.Go(func() {
			for n := range each {
				if n == each-1 {
					plain[i] = each
				}
				sum.Add(1)
				b.p.Wake()
			}
		})
	}
	for deadline := time.Now().Add(limit); sum.Load() < producers*each; {
		if time.Now().After(deadline) {
			b.Fatalf("a wake was lost: %d of %d seen", sum.Load(), producers*each)
		}
		b.must(b.p.Complete(time.Until(deadline)))
	}
	wg.Wait()
	for _, n := range plain {
		b.wantCount("stored before a wake", n, each)
	}
}

func waitBounded(b *bench) {
	fd, _ := b.pair()
	b.closing(fd)
	in := b.newLog(fd)
	b.p.Submit(&in.op, proactor.ReceiveMany)
	b.must(b.p.Complete(0))
	for range 3 {
		start := time.Now()
		b.until("30 ms are over", func() bool { return time.Since(start) >= 30*time.Millisecond })
	}
	b.wantCount("completions", in.calls, 0)
}

func buffersReturn(b *bench) {
	var ins []*log
	var peers []int
	for range 8 {
		fd, peer := b.pair()
		in := b.newLog(b.closing(fd))
		in.again = proactor.ReceiveMany
		b.p.Submit(&in.op, proactor.ReceiveMany)
		ins, peers = append(ins, in), append(peers, peer)
	}
	want := pattern(300_000)
	for at := 0; at < len(want); at += 5000 {
		for _, peer := range peers {
			b.write(peer, want[at:at+5000])
		}
		b.until("this round", func() bool {
			for _, in := range ins {
				if len(in.got) < at+5000 {
					return false
				}
			}
			return true
		})
	}
	for _, in := range ins {
		b.wantBytes(in.got, want)
	}
}

func manyAtOnce(b *bench) {
	const pairs = 700
	var ins, outs []*log
	for range pairs {
		fd, peer := b.pair()
		in, out := b.newLog(b.closing(fd)), b.newLog(fd)
		in.again = proactor.Receive
		out.op.Buf = []byte("out")
		b.write(peer, []byte("in"))
		ins, outs = append(ins, in), append(outs, out)
	}
	for i := range pairs {
		b.p.Submit(&ins[i].op, proactor.Receive)
		b.p.Submit(&outs[i].op, proactor.Send)
	}
	b.until("all completions", func() bool {
		for i := range pairs {
			if len(ins[i].got) < 2 || !outs[i].ended() {
				return false
			}
		}
		return true
	})
	for i := range pairs {
		b.wantBytes(ins[i].got, []byte("in"))
		b.wantCount("completions of a send", outs[i].calls, 1)
		b.must(outs[i].err)
	}
}

func noRecursion(b *bench) {
	fd, peer := b.pair()
	b.closing(fd)
	s := b.peerReads(peer)
	depth, rounds := 0, 0
	op := proactor.Op{FD: int32(fd), Buf: []byte("x")}
	op.Done = func(op *proactor.Op, n int, err error) {
		if depth++; depth > 1 {
			b.Fatalf("the handler runs inside itself")
		}
		b.must(err)
		if rounds++; rounds < 10_000 {
			b.p.Submit(op, proactor.Send)
		}
		depth--
	}
	b.p.Submit(&op, proactor.Send)
	b.until("10,000 rounds", func() bool { return rounds == 10_000 && s.n.Load() == 10_000 })
}

func closeWithPending(b *bench) {
	fd, peer := b.pair()
	b.closing(fd)
	in, out := b.newLog(fd), b.newLog(fd)
	out.op.Buf = pattern(bulk)
	b.p.Submit(&in.op, proactor.ReceiveMany)
	b.p.Submit(&out.op, proactor.Send)
	b.must(b.p.Complete(0))
	calls := in.calls + out.calls
	b.must(b.p.Close())
	b.write(peer, []byte("too late"))
	b.wantCount("completions after Close", in.calls+out.calls, calls)
}

func noAllocation(b *bench) {
	fd, peer := b.pair()
	b.closing(fd)
	in, out := b.newLog(fd), b.newLog(fd)
	in.again = proactor.ReceiveMany
	msg, buf := []byte("0123456789"), make([]byte, 10)
	out.op.Buf = msg
	b.p.Submit(&in.op, proactor.ReceiveMany)
	round := func() {
		in.got, out.last = in.got[:0], 0
		unix.Write(peer, msg)
		for deadline := time.Now().Add(limit); len(in.got) < len(msg); {
			if b.p.Complete(time.Second) != nil || time.Now().After(deadline) {
				b.Fatal("nothing received")
			}
		}
		b.p.Submit(&out.op, proactor.Send)
		for out.op.Pending {
			if b.p.Complete(time.Second) != nil {
				b.Fatal("nothing sent")
			}
		}
		unix.Read(peer, buf)
	}
	if n := testing.AllocsPerRun(200, round); n != 0 {
		b.Errorf("%v allocations a round; want 0", n)
	}
}

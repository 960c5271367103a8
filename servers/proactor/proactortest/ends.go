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
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
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
	for _, settled := range []bool{false, true} { // before and after the backend has seen it
		in := b.newLog(fd)
		b.p.Submit(&in.op, proactor.Receive)
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
	// A send that nobody has tried yet: it may be carried out, but it completes once.
	early := b.newLog(fd)
	early.op.Buf = []byte("x")
	b.p.Submit(&early.op, proactor.Send)
	b.p.Cancel(&early.op)
	b.until("the completion", early.ended)
	b.settle()
	b.wantCount("completions of a send", early.calls, 1)
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
	b.until("a receive after all this", func() bool { return len(in.got) == 2 })
	b.wantBytes(in.got, []byte("on"))
}

func closePending(b *bench) {
	for _, settled := range []bool{false, true} {
		fd, peer := b.pair()
		in, out := b.newLog(fd), b.newLog(fd)
		out.op.Buf = pattern(bulk)
		b.p.Submit(&in.op, proactor.Receive)
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
		b.p.Submit(&in.op, proactor.Receive)
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
		b.p.Submit(&next.op, proactor.Receive)
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
	b.p.Submit(&in.op, proactor.Receive)
	b.must(b.p.Complete(0))
	for range 3 {
		start := time.Now()
		b.until("30 ms are over", func() bool { return time.Since(start) >= 30*time.Millisecond })
	}
	b.wantCount("completions", in.calls, 0)
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
	b.p.Submit(&in.op, proactor.Receive)
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
	in.again = proactor.Receive
	msg, buf := []byte("0123456789"), make([]byte, 10)
	out.op.Buf = msg
	b.p.Submit(&in.op, proactor.Receive)
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

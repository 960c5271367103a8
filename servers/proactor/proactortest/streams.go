package proactortest

import (
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor"
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
	b.until("both completions", func() bool { return in.calls > 0 && out.ended() })
}

func receive(b *bench) {
	fd, peer := b.pair()
	b.closing(fd)
	in := b.newLog(fd)
	in.again = proactor.Receive
	b.p.Submit(&in.op, proactor.Receive)
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

func follow(b *bench) {
	want := pattern(4 * bufferSize)
	var awaited *log // who was promised more
	var ins []*log
	for range 4 {
		fd, peer := b.pair()
		b.write(peer, want)
		in := b.newLog(b.closing(fd))
		in.op.Done = func(op *proactor.Op, n int, err error) {
			if awaited != nil && (awaited != in || n == 0) {
				b.Errorf("bytes of one stream were to follow, and another completed, or without bytes")
			}
			if awaited = nil; op.Follow && n > 0 {
				awaited = in
			}
			in.done(op, n, err)
		}
		in.again = proactor.Receive
		b.p.Submit(&in.op, proactor.Receive)
		ins = append(ins, in)
	}
	for _, in := range ins {
		b.until("all bytes", func() bool { return len(in.got) == len(want) })
		b.wantBytes(in.got, want)
		if in.op.Follow {
			b.Error("something was to follow the last bytes")
		}
	}
}

func endOfStream(b *bench) {
	fd, peer := b.pair()
	b.closing(fd)
	in := b.newLog(fd)
	b.p.Submit(&in.op, proactor.Receive)
	b.must(unix.Shutdown(peer, unix.SHUT_WR))
	b.until("the completion", in.ended)
	b.settle()
	b.wantCount("completions", in.calls, 1)
	if in.n != 0 || in.err != nil {
		b.Fatalf("completed with %d, %v; want 0, nil", in.n, in.err)
	}
}

func reset(b *bench) {
	fd, peer := b.pair()
	b.closing(fd)
	in := b.newLog(fd)
	b.p.Submit(&in.op, proactor.Receive)
	b.settle()
	b.resetBy(peer)
	b.until("the completion", in.ended)
	b.wantCount("completions", in.calls, 1)
	b.wantError(in.err, unix.ECONNRESET)
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

func send(b *bench)       { b.sendBulk(proactor.Send) }
func sendLazily(b *bench) { b.sendBulk(proactor.SendLazily) }

// sendBulk sends in pieces from one handler, as a server does.
func (b *bench) sendBulk(kind proactor.Kind) {
	fd, peer := b.pair()
	b.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 32<<10)) // less than a piece
	want := pattern(bulk / 4)
	rest := want
	out := proactor.Op{FD: int32(fd)}
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
		b.p.Submit(op, kind)
	}
	out.Buf = rest[:1]
	b.p.Submit(&out, kind)
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

func lazyAlone(b *bench) {
	fd, _ := b.pair()
	out := b.newLog(b.closing(fd))
	out.op.Buf = []byte("x")
	b.p.Submit(&out.op, proactor.SendLazily)
	hidden := time.AfterFunc(limit, b.p.Wake)
	for !out.ended() {
		b.must(b.p.Complete(-1))
	}
	if !hidden.Stop() {
		b.Error("a lazy send was told to have succeeded only when something else happened")
	}
}

func sendBroken(b *bench) {
	for _, kind := range []proactor.Kind{proactor.Send, proactor.SendLazily} {
		fd, peer := b.pair()
		b.closing(fd)
		b.resetBy(peer)
		out := b.newLog(fd)
		out.op.Buf = []byte("x")
		b.until("an error", func() bool { // the first may go into the void
			if !out.op.Pending && out.err == nil {
				b.p.Submit(&out.op, kind)
			}
			return out.err != nil && !out.op.Pending
		})
		b.wantError(out.err, unix.EPIPE, unix.ECONNRESET)
	}
}

func buffersReturn(b *bench) {
	var ins []*log
	var peers []int
	for range 8 {
		fd, peer := b.pair()
		in := b.newLog(b.closing(fd))
		in.again = proactor.Receive
		b.p.Submit(&in.op, proactor.Receive)
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

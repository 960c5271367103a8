package ring

import (
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const opNop = 0 // IORING_OP_NOP

func open(t testing.TB, n uint32, plain bool) *Ring {
	t.Helper()
	runtime.LockOSThread()
	r, err := Open(n, plain)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func enter(t testing.TB, r *Ring, n uint32, wait time.Duration) {
	t.Helper()
	if errno := r.Enter(n, wait, false); errno != 0 {
		t.Fatal("enter:", errno)
	}
}

// The kernel reads these; a field that moved would be a disaster that compiles.
func TestLayoutsAreTheKernels(t *testing.T) {
	var s SQE
	var p params
	for what, got := range map[string][2]uintptr{
		"sqe":              {unsafe.Sizeof(s), 64},
		"sqe.fd":           {unsafe.Offsetof(s.FD), 4},
		"sqe.off":          {unsafe.Offsetof(s.Off), 8},
		"sqe.addr":         {unsafe.Offsetof(s.Addr), 16},
		"sqe.len":          {unsafe.Offsetof(s.Len), 24},
		"sqe.user_data":    {unsafe.Offsetof(s.UserData), 32},
		"sqe.buf_group":    {unsafe.Offsetof(s.BufGroup), 40},
		"sqe.optlen":       {unsafe.Offsetof(s.OptLen), 44},
		"cqe":              {unsafe.Sizeof(CQE{}), 16},
		"params":           {unsafe.Sizeof(p), 120},
		"params.sq_off":    {unsafe.Offsetof(p.sq), 40},
		"params.cq_off":    {unsafe.Offsetof(p.cq), 80},
		"buf":              {unsafe.Sizeof(buffer{}), 16},
		"buf.tail":         {unsafe.Offsetof(buffer{}.reserved), 14},
		"buf_reg":          {unsafe.Sizeof(bufferReg{}), 40},
		"getevents_arg":    {unsafe.Sizeof(eventsArg{}), 24},
		"getevents_arg.ts": {unsafe.Offsetof(eventsArg{}.ts), 16},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %d; the kernel has %d", what, got[0], got[1])
		}
	}
}

func TestQueuesWrapAround(t *testing.T) {
	for _, plain := range []bool{false, true} {
		r := open(t, 4, plain)
		sent, got := uint64(0), uint64(0)
		for range 100 {
			for e := r.Next(); e != nil; e = r.Next() {
				e.Opcode, e.UserData = opNop, sent
				sent++
			}
			enter(t, r, 4, -1)
			for r.Filled() > 0 {
				if c := r.Take(); c.UserData != got || c.Res != 0 {
					t.Fatalf("completion %+v; want number %d", c, got)
				}
				got++
			}
		}
		if sent != 400 || got != 400 {
			t.Errorf("%d submitted, %d completed; want 400", sent, got)
		}
	}
}

func TestNextIsNilWhenFull(t *testing.T) {
	r := open(t, 4, false)
	for range 4 {
		if r.Next() == nil {
			t.Fatal("full too early")
		}
	}
	if r.Next() != nil {
		t.Fatal("a fifth entry in a queue of four")
	}
	enter(t, r, 0, 0)
	if r.Next() == nil {
		t.Fatal("still full after the kernel took everything")
	}
}

func TestOverflowLosesNothing(t *testing.T) {
	r := open(t, 4, false)
	const n = 100 // of a completion queue of 32
	for i := range uint64(n) {
		e := r.Next()
		e.Opcode, e.UserData = opNop, i
		enter(t, r, 0, 0)
	}
	if !r.Overflowed() {
		t.Fatal("no overflow")
	}
	for got := uint64(0); got < n; enter(t, r, 0, 0) {
		for r.Filled() > 0 {
			if c := r.Take(); c.UserData != got {
				t.Fatalf("completion %d; want %d", c.UserData, got)
			}
			got++
		}
	}
	if r.Overflowed() {
		t.Error("everything was taken, and there is more")
	}
}

func TestEnterWaitsForItsTime(t *testing.T) {
	r := open(t, 4, false)
	for _, raw := range []bool{false, true} {
		start := time.Now()
		for time.Since(start) < 3*time.Millisecond { // a signal may end it early
			if errno := r.Enter(1, 3*time.Millisecond, raw); errno != 0 && errno != unix.EINTR {
				t.Fatal(errno)
			}
		}
		if n := r.Filled(); n != 0 {
			t.Errorf("%d completions out of nothing", n)
		}
	}
}

// received makes one receive from the pool and returns its completion.
func received(t *testing.T, r *Ring, fd int) CQE {
	t.Helper()
	e := r.Next()
	e.Opcode, e.FD, e.Flags = OpRecv, int32(fd), BufferSelect
	enter(t, r, 1, time.Second)
	if r.Filled() != 1 {
		t.Fatal("no completion")
	}
	return r.Take()
}

func TestBuffers(t *testing.T) {
	for _, incremental := range []bool{false, true} {
		r := open(t, 4, false)
		const count, size = 2, 16
		b, err := NewBuffers(r, count, size, incremental)
		if err != nil {
			t.Skip(err)
		}
		defer b.Close()
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		const text = "all that is received must come out as it went in, however it was cut"
		got := ""
		for _, piece := range []string{text[:5], text[5:11], text[11:]} { // some share a buffer
			if _, err := unix.Write(pair[1], []byte(piece)); err != nil {
				t.Fatal(err)
			}
			if len(piece) > size || !incremental {
				continue
			}
			c := received(t, r, pair[0])
			if c.Flags&BufferMore == 0 {
				t.Skip("the kernel has no incremental use")
			}
			got += string(b.Take(uint16(c.Flags>>BufferShift), int(c.Res)))
		}
		var kept []uint16 // not given back: the pool runs dry
		for len(kept) < count {
			c := received(t, r, pair[0])
			if c.Res <= 0 || c.Flags&HasBuffer == 0 {
				t.Fatalf("completion %+v; want bytes in a buffer", c)
			}
			id := uint16(c.Flags >> BufferShift)
			got += string(b.Take(id, int(c.Res)))
			if c.Flags&BufferMore == 0 {
				kept = append(kept, id)
			}
		}
		if c := received(t, r, pair[0]); c.Res != -int32(unix.ENOBUFS) {
			t.Fatalf("an empty pool: %+v; want ENOBUFS", c)
		}
		for _, id := range kept {
			b.GiveBack(id)
		}
		b.Publish()
		for len(got) < len(text) {
			c := received(t, r, pair[0])
			id := uint16(c.Flags >> BufferShift)
			got += string(b.Take(id, int(c.Res)))
			if c.Flags&BufferMore == 0 {
				b.GiveBack(id)
				b.Publish()
			}
		}
		if got != text {
			t.Errorf("incremental %v: received %q", incremental, got)
		}
	}
}

func TestBellRingsOnceUntilHeard(t *testing.T) {
	var b Bell
	if err := b.Hang(); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(b.Ring)
	}
	all.Wait()
	if n, err := unix.Read(b.FD, b.Count[:]); n != 8 || err != nil || b.Count != b.one {
		t.Errorf("read %d, %v, count %v; want one ring", n, err, b.Count)
	}
	b.Heard()
	b.Ring()
	if n, err := unix.Read(b.FD, b.Count[:]); n != 8 || err != nil {
		t.Errorf("read %d, %v; want it to ring again", n, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.Heard()
	b.Ring() // harmless
}

// BenchmarkNop is the price of an operation that does nothing, in batches.
func BenchmarkNop(b *testing.B) {
	for _, batch := range []uint32{1, 16} {
		b.Run(map[uint32]string{1: "batch=1", 16: "batch=16"}[batch], func(b *testing.B) {
			r := open(b, 16, false)
			for b.Loop() {
				for range batch {
					r.Next().Opcode = opNop
				}
				r.Enter(batch, -1, true)
				for range batch {
					r.Take()
				}
			}
		})
	}
}

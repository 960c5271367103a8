package ring

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor/uring/abi"
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
	if r.Enter(n, wait, false); r.Err() != nil {
		t.Fatal(r.Err())
	}
}

func TestQueuesWrapAround(t *testing.T) {
	for _, plain := range []bool{false, true} {
		r := open(t, 4, plain)
		sent, got := uint64(0), uint64(0)
		for range 100 {
			for range 4 {
				e := r.Entry()
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

func TestFullQueueIsSubmitted(t *testing.T) {
	r := open(t, 4, false)
	for range 4 {
		r.Entry()
	}
	if r.Submitted() != 0 {
		t.Fatal("submitted too early")
	}
	if r.Entry(); r.Submitted() != 4 || r.Prepared() != 5 || r.Err() != nil {
		t.Errorf("%d submitted, %d prepared, %v; want 4, 5", r.Submitted(), r.Prepared(), r.Err())
	}
}

func TestBrokenRingSaysWhy(t *testing.T) {
	r := open(t, 4, false)
	fd := r.fd
	defer func() { r.fd = fd }()
	r.fd = -1
	for range 5 {
		if r.Entry() == nil {
			t.Fatal("no entry to write into")
		}
	}
	if !errors.Is(r.Err(), unix.EBADF) {
		t.Errorf("Err() = %v; want EBADF", r.Err())
	}
}

func TestOverflowLosesNothing(t *testing.T) {
	r := open(t, 4, false)
	const n = 100 // of a completion queue of 32
	for i := range uint64(n) {
		e := r.Entry()
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
			if r.Enter(1, 3*time.Millisecond, raw); r.Err() != nil {
				t.Fatal(r.Err())
			}
		}
		if n := r.Filled(); n != 0 {
			t.Errorf("%d completions out of nothing", n)
		}
	}
}

// received makes one receive from the pool and returns its completion.
func received(t *testing.T, r *Ring, fd int) abi.CQE {
	t.Helper()
	e := r.Entry()
	e.Opcode, e.FD, e.Flags = abi.OpRecv, int32(fd), abi.BufferSelect
	enter(t, r, 1, time.Second)
	if r.Filled() != 1 {
		t.Fatal("no completion")
	}
	return r.Take()
}

func TestPool(t *testing.T) {
	for _, incremental := range []bool{false, true} {
		r := open(t, 4, false)
		const count, size = 2, 16
		b, err := NewPool(r, count, size, incremental)
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
			if c.Flags&abi.BufferMore == 0 {
				t.Skip("the kernel has no incremental use")
			}
			got += string(b.Take(uint16(c.Flags>>abi.BufferShift), int(c.Res)))
		}
		var kept []uint16 // not given back: the pool runs dry
		for len(kept) < count {
			c := received(t, r, pair[0])
			if c.Res <= 0 || c.Flags&abi.HasBuffer == 0 {
				t.Fatalf("completion %+v; want bytes in a buffer", c)
			}
			id := uint16(c.Flags >> abi.BufferShift)
			got += string(b.Take(id, int(c.Res)))
			if c.Flags&abi.BufferMore == 0 {
				kept = append(kept, id)
			}
		}
		if c := received(t, r, pair[0]); c.Res != -int32(unix.ENOBUFS) {
			t.Fatalf("an empty pool: %+v; want ENOBUFS", c)
		}
		for _, id := range kept {
			b.GiveBack(id)
		}
		for len(got) < len(text) {
			c := received(t, r, pair[0])
			id := uint16(c.Flags >> abi.BufferShift)
			got += string(b.Take(id, int(c.Res)))
			if c.Flags&abi.BufferMore == 0 {
				b.GiveBack(id)
			}
		}
		if got != text {
			t.Errorf("incremental %v: received %q", incremental, got)
		}
	}
}

// BenchmarkNop is the price of an operation that does nothing, in batches.
func BenchmarkNop(b *testing.B) {
	for _, batch := range []uint32{1, 16} {
		b.Run(map[uint32]string{1: "batch=1", 16: "batch=16"}[batch], func(b *testing.B) {
			r := open(b, 16, false)
			for b.Loop() {
				for range batch {
					r.Entry().Opcode = opNop
				}
				r.Enter(batch, -1, true)
				for range batch {
					r.Take()
				}
			}
		})
	}
}

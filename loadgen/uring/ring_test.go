package uring

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newRing makes a ring on the test's own thread, or skips where there is none.
func newRing(t *testing.T, submissions int) *Ring {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	r, err := New(submissions, 4*submissions)
	if err != nil {
		t.Skipf("no io_uring here: %v", err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// pair returns two connected sockets.
func pair(t *testing.T) (int, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return fds[0], fds[1]
}

func collect(t *testing.T, r *Ring, n int) []Completion {
	t.Helper()
	var got []Completion
	for range 1000 {
		if errno := r.Enter(1_000_000); errno != 0 {
			t.Fatal(errno)
		}
		r.Each(func(c Completion) { got = append(got, c) })
		if len(got) >= n {
			return got
		}
	}
	t.Fatalf("%d completions, want %d: %+v", len(got), n, got)
	return nil
}

func TestLayouts(t *testing.T) {
	for name, size := range map[string][2]uintptr{
		"Entry":       {unsafe.Sizeof(Entry{}), 64},
		"Completion":  {unsafe.Sizeof(Completion{}), 16},
		"params":      {unsafe.Sizeof(params{}), 120},
		"extArg":      {unsafe.Sizeof(extArg{}), 24},
		"bufferEntry": {unsafe.Sizeof(bufferEntry{}), 16},
		"bufferReg":   {unsafe.Sizeof(bufferReg{}), 40},
		"UserData at": {unsafe.Offsetof(Entry{}.UserData), 32},
		"Group at":    {unsafe.Offsetof(Entry{}.Group), 40},
	} {
		if size[0] != size[1] {
			t.Errorf("%s: %d, the kernel has %d", name, size[0], size[1])
		}
	}
}

func TestSendAndReceive(t *testing.T) {
	r := newRing(t, 8)
	buffers, err := NewBuffers(r, 3, 4, 16)
	if err != nil {
		t.Fatal(err)
	}
	defer buffers.Close()
	a, b := pair(t)

	receive := r.Entry()
	receive.Op, receive.FD, receive.Flags, receive.IOPrio = OpRecv, int32(b), SelectBuffer, Multishot
	receive.Group, receive.UserData = 3, 1
	text := []byte("forty bytes, more than one buffer holds.")
	send := r.Entry()
	send.Op, send.FD, send.Flags, send.UserData = OpSend, int32(a), SkipSuccess, 2
	send.Addr, send.Len = uint64(uintptr(unsafe.Pointer(&text[0]))), uint32(len(text))

	var got []byte
	for _, c := range collect(t, r, 3) {
		number, ok := c.Buffer()
		if c.UserData != 1 || !ok || !c.More() || c.Errno() != 0 {
			t.Fatalf("completion %+v", c)
		}
		got = append(got, buffers.Bytes(number, int(c.Res))...)
		buffers.Return(number)
	}
	buffers.Show()
	runtime.KeepAlive(text)
	if !bytes.Equal(got, text) {
		t.Errorf("received %q", got)
	}
	unix.Close(a)
	if end := collect(t, r, 1)[0]; end.Res != 0 || end.More() {
		t.Errorf("at the end of file: %+v", end)
	}
}

// TestBuffersComeRound uses each buffer many times, so the ring's 16-bit tail runs over.
func TestBuffersComeRound(t *testing.T) {
	r := newRing(t, 8)
	buffers, err := NewBuffers(r, 0, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer buffers.Close()
	a, b := pair(t)
	arm := func() {
		e := r.Entry()
		e.Op, e.FD, e.Flags, e.IOPrio = OpRecv, int32(b), SelectBuffer, Multishot
	}
	arm()
	for i := range 70_000 {
		want := []byte{byte(i), byte(i >> 8), byte(i >> 16)}
		if _, err := unix.Write(a, want); err != nil {
			t.Fatal(err)
		}
		c := collect(t, r, 1)[0]
		number, ok := c.Buffer()
		if !ok || !bytes.Equal(buffers.Bytes(number, int(c.Res)), want) {
			t.Fatalf("round %d: %+v", i, c)
		}
		buffers.Return(number)
		buffers.Show()
		if !c.More() {
			arm()
		}
	}
}

func TestWithoutBuffersTheReceiveEnds(t *testing.T) {
	r := newRing(t, 8)
	buffers, err := NewBuffers(r, 0, 1, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer buffers.Close()
	a, b := pair(t)
	e := r.Entry()
	e.Op, e.FD, e.Flags, e.IOPrio = OpRecv, int32(b), SelectBuffer, Multishot
	if _, err := unix.Write(a, []byte("eight by")); err != nil {
		t.Fatal(err)
	}
	got := collect(t, r, 2)
	if got[1].Errno() != unix.ENOBUFS || got[1].More() {
		t.Errorf("completions %+v", got)
	}
}

func TestCancelEndsWhatIsOut(t *testing.T) {
	r := newRing(t, 8)
	buffers, err := NewBuffers(r, 0, 2, 16)
	if err != nil {
		t.Fatal(err)
	}
	defer buffers.Close()
	a, b := pair(t)
	e := r.Entry()
	e.Op, e.FD, e.Flags, e.IOPrio, e.UserData = OpRecv, int32(b), SelectBuffer, Multishot, 7
	if errno := r.Submit(); errno != 0 {
		t.Fatal(errno)
	}
	e = r.Entry()
	e.Op, e.FD, e.OpFlags, e.Flags = OpCancel, int32(b), CancelFD|CancelAll, SkipSuccess
	e = r.Entry()
	e.Op, e.FD, e.Flags = OpClose, int32(b), SkipSuccess
	if c := collect(t, r, 1)[0]; c.UserData != 7 || c.Errno() != unix.ECANCELED {
		t.Errorf("completion %+v", c)
	}
	var one [1]byte
	if n, err := unix.Read(a, one[:]); n != 0 || err != nil {
		t.Errorf("the other end reads %d, %v, want the end of file", n, err)
	}
}

func TestQueueFillsAndEmpties(t *testing.T) {
	r := newRing(t, 4)
	var filled int
	for r.Entry() != nil { // emptied entries are no-operations
		filled++
	}
	if filled < 4 || r.Pending() != filled {
		t.Fatalf("%d entries, %d pending", filled, r.Pending())
	}
	if got := collect(t, r, filled); len(got) != filled || r.Pending() != 0 || r.Entry() == nil {
		t.Errorf("%d completions for %d entries", len(got), filled)
	}
}

func TestEnterComesBackWithoutEvents(t *testing.T) {
	r := newRing(t, 4)
	for _, ns := range []int64{0, 1, 1_000_000} {
		if errno := r.Enter(ns); errno != 0 {
			t.Errorf("Enter(%d) = %v", ns, errno)
		}
	}
	r.Each(func(c Completion) { t.Errorf("completion %+v", c) })
}

func TestUnavailableSaysWhy(t *testing.T) {
	for errno, want := range map[unix.Errno]string{
		unix.ENOSYS: "seccomp", unix.EPERM: "io_uring_disabled", unix.EINVAL: "6.1",
		unix.EMFILE: "io_uring_setup",
	} {
		err := unavailable(errno)
		if !errors.Is(err, errno) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v does not say %q", errno, err, want)
		}
	}
}

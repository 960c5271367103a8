package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"
)

func f17() Row {
	return Row{
		F: 17, Name: "the kernel writes to a stack that has moved",
		Tried: fmt.Sprintf("an io_uring receive of %d bytes into a buffer on a goroutine's stack, "+
			"which grows meanwhile",
			len(canary)),
		Idea: "A small buffer on the stack costs nothing.",
		See: "The completion says that the bytes are there; the buffer is empty. Elsewhere, memory " +
			"is overwritten.",
		Why: "A goroutine's stack is copied to a larger place when it runs out. Pointers to it are " +
			"corrected; the number that the kernel was given is not. The kernel writes to memory that " +
			"is somebody else's now.",
		Fix: "What the kernel has an address of is in the heap or in mapped memory, reachable from a " +
			"field, until the completion has come.",
		Safe: "readiness: read is given the address when it runs. proactor: buffers are mapped, or " +
			"held by the operation",
		Claim:  Claim{fmt.Sprintf("bytes found of %d", len(canary)), Exactly, float64(len(canary)), ""},
		Faulty: Variant{"a buffer on the stack", played("lend-stack")},
		Fixed:  Variant{"a buffer in the heap", played("lend-heap")},
	}
}

const canary = "canary in a mine"

// lendToKernel runs in a child of its own, for the faulty variant does destroy memory.
func lendToKernel(out *json.Encoder, onStack bool) error {
	debug.SetGCPercent(-1) // the less happens between, the surer that nothing else is hit
	r, err := newRing()
	if err != nil {
		return err
	}
	defer r.close()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	var found, moved int
	done := make(chan error)
	go func() { // a new goroutine: its stack is small
		runtime.LockOSThread()
		lend := lendHeap
		if onStack {
			lend = lendStack
		}
		var err error
		found, moved, err = lend(r, fds[0], fds[1])
		done <- err
	}()
	if err := <-done; err != nil {
		return err
	}
	return out.Encode(Outcome{float64(found), Facts{"moved": float64(moved)}})
}

// lendStack is the fault.
//
//go:noinline
func lendStack(r *oneShotRing, server, client int) (found, moved int, err error) {
	var buf [len(canary)]byte // on the stack: nothing lets it escape
	was := uintptr(unsafe.Pointer(&buf))
	if err := r.receive(server, was, len(buf)); err != nil {
		return 0, 0, err
	}
	deeper(1000)
	if err := deliver(r, client); err != nil {
		return 0, 0, err
	}
	if uintptr(unsafe.Pointer(&buf)) != was {
		moved = 1
	}
	return matching(buf), moved, nil
}

// lendHeap is the remedy: the buffer is in the heap, for a field holds it.
//
//go:noinline
func lendHeap(r *oneShotRing, server, client int) (found, moved int, err error) {
	r.held = make([]byte, len(canary))
	was := uintptr(unsafe.Pointer(&r.held[0]))
	if err := r.receive(server, was, len(r.held)); err != nil {
		return 0, 0, err
	}
	deeper(1000)
	if err := deliver(r, client); err != nil {
		return 0, 0, err
	}
	if uintptr(unsafe.Pointer(&r.held[0])) != was {
		moved = 1
	}
	return matching([len(canary)]byte(r.held)), moved, nil
}

// deeper needs so much stack that it has to move.
//
//go:noinline
func deeper(n int) byte {
	var frame [512]byte
	if n > 0 {
		frame[n%len(frame)] = deeper(n - 1)
	}
	return frame[n%len(frame)] + 1
}

// deliver lets the peer send, and waits for the completion.
func deliver(r *oneShotRing, client int) error {
	if _, _, err := write(client, []byte(canary)); err != nil {
		return err
	}
	n, err := r.wait()
	if err == nil && n != len(canary) {
		err = fmt.Errorf("the kernel received %d bytes of %d", n, len(canary))
	}
	return err
}

func matching(buf [len(canary)]byte) (n int) {
	for i := range buf {
		if buf[i] == canary[i] {
			n++
		}
	}
	return n
}

// Package bell lets any goroutine wake a loop that waits in io_uring_enter: the loop keeps a read
// of an eventfd pending, and whoever wants its attention writes to that.
package bell

import (
	"encoding/binary"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Bell is an eventfd with manners: many rings cost one system call, and it may be rung by
// anybody at any time, also after Close. Its owner keeps a read of FD pending.
type Bell struct {
	FD     int
	Count  [8]byte     // for that read: in a field, for the kernel writes to it later
	one    [8]byte     // what is written
	rung   atomic.Bool // and not yet heard
	mu     sync.Mutex  // keeps Close from closing the descriptor under a ringing Ring
	closed bool
}

// Hang makes the bell usable.
func (b *Bell) Hang() (err error) {
	binary.NativeEndian.PutUint64(b.one[:], 1)
	b.FD, err = unix.Eventfd(0, unix.EFD_CLOEXEC)
	return os.NewSyscallError("eventfd", err)
}

// Ring makes the pending read complete.
func (b *Bell) Ring() {
	if b.rung.Swap(true) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		unix.Write(b.FD, b.one[:]) // cannot fail: the counter is 0
	}
}

// Heard lets the bell be rung again, after the read. It is a swap and not a store: it makes
// visible here what was done before every Ring that found the bell rung already.
func (b *Bell) Heard() { b.rung.Swap(false) }

// Close silences the bell for good.
func (b *Bell) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return os.NewSyscallError("close eventfd", unix.Close(b.FD))
}

// Package uring is the part of io_uring that the load generator needs: one submission queue, one
// completion queue and a ring of receive buffers, shared with the kernel. It knows no operation;
// who uses it fills in entries.
//
//	user   Entry ─▶ [ submission queue ] ──┐                     Receive buffers
//	                                       ├─▶ Enter ─▶ kernel ◀──── Return
//	user   Each  ◀─ [ completion queue ] ◀─┘
//
// The thread that makes the ring must be the one that uses it: the kernel then needs no lock and
// runs its part of the work inside Enter, in batches, instead of interrupting the thread.
//
// Addresses that are handed to the kernel must belong to memory that does not move and stays
// reachable until the operation is complete: mapped memory, or heap objects held in a field. The
// stack of a goroutine moves.
package uring

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Entry is one submission: what is to be done. The layout is the kernel's.
type Entry struct {
	Op       uint8
	Flags    uint8  // SkipSuccess, SelectBuffer
	IOPrio   uint16 // flags of receive
	FD       int32
	_        uint64
	Addr     uint64 // of the bytes, or user data to be cancelled
	Len      uint32
	OpFlags  uint32 // MSG_..., poll events, flags of cancel
	UserData uint64
	Group    uint16 // of the buffers to select from
	_        [22]byte
}

// Completion is the outcome of one submission. The layout is the kernel's.
type Completion struct {
	UserData uint64
	Res      int32 // as the system call would return: bytes, or a negated errno
	Flags    uint32
}

// The operations and flags in use; the values are the kernel's.
const (
	OpPollAdd = 6
	OpCancel  = 14
	OpClose   = 19
	OpSend    = 26
	OpRecv    = 27

	SelectBuffer = 1 << 5 // the kernel takes a receive buffer when there are bytes
	SkipSuccess  = 1 << 6 // complete only on failure

	Multishot = 1 << 1 // of receive: complete again and again

	CancelAll = 1 << 0 // not only the first that matches
	CancelFD  = 1 << 1 // match by descriptor

	HasBuffer = 1 << 0 // of a completion: a buffer was taken
	HasMore   = 1 << 1 // of a completion: further ones follow
)

// More reports whether the submission completes again.
func (c Completion) More() bool { return c.Flags&HasMore != 0 }

// Buffer returns the number of the receive buffer that was taken.
func (c Completion) Buffer() (number uint16, ok bool) {
	return uint16(c.Flags >> 16), c.Flags&HasBuffer != 0
}

// Errno returns the failure of the operation; 0 if there was none.
func (c Completion) Errno() syscall.Errno { return syscall.Errno(max(-c.Res, 0)) }

const (
	setupCQSize       = 1 << 3
	setupClamp        = 1 << 4
	setupSubmitAll    = 1 << 7
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13

	offsetRings   = 0
	offsetEntries = 0x10000000

	enterGetEvents = 1 << 0
	enterExtArg    = 1 << 3
)

// params and what it holds are the kernel's io_uring_params.
type params struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     sqOffsets
	cq                                                                     cqOffsets
}

type sqOffsets struct {
	head, tail, mask, entries, flags, dropped, array, _ uint32
	_                                                   uint64
}

type cqOffsets struct {
	head, tail, mask, entries, overflow, cqes, flags, _ uint32
	_                                                   uint64
}

// extArg lets Enter wait for a limited time.
type extArg struct {
	sigmask   uint64
	sigmaskSz uint32
	_         uint32
	timeout   uint64 // address of a Timespec
}

// Ring is one instance of io_uring. One thread owns it.
type Ring struct {
	fd      int
	memory  []byte // both queues' indexes and the completions
	entries []byte // the submissions

	sqHead, sqTail *uint32
	sqMask         uint32
	tail           uint32 // submissions filled in; sqTail is what the kernel was told
	cqHead, cqTail *uint32
	cqMask         uint32
	completions    unsafe.Pointer

	arg  extArg // handed to the kernel: in the heap, not on the stack
	spec unix.Timespec
}

// New makes a ring for at least so many entries between two Enters and so many completions
// waiting. It says why if io_uring is not to be had here.
func New(submissions, completions int) (*Ring, error) {
	p := &params{
		flags: setupCQSize | setupClamp | setupSubmitAll | setupSingleIssuer | setupDeferTaskrun,

		cqEntries: uint32(completions),
	}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(submissions), uintptr(unsafe.Pointer(p)), 0)
	if errno != 0 {
		return nil, unavailable(errno)
	}
	unix.CloseOnExec(int(fd))
	r := &Ring{fd: int(fd)}
	if err := r.share(p); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Available reports why there is no ring to be had here; nil if there is one.
func Available() error {
	r, err := New(1, 2)
	if err != nil {
		return err
	}
	return r.Close()
}

// unavailable says why there is no ring, in words that help.
func unavailable(errno syscall.Errno) error {
	err := os.NewSyscallError("io_uring_setup", errno)
	switch errno {
	case unix.ENOSYS:
		return fmt.Errorf("io_uring is missing: an old kernel, or a sandbox (seccomp) hides it: %w", err)
	case unix.EPERM, unix.EACCES:
		return fmt.Errorf("io_uring is forbidden: see sysctl kernel.io_uring_disabled, or a sandbox: %w", err)
	case unix.EINVAL:
		return fmt.Errorf("io_uring is too old: Linux 6.1 or newer is needed: %w", err)
	}
	return err
}

// share maps what the kernel and this program both write.
func (r *Ring) share(p *params) (err error) {
	const protection, kind = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	size := max(p.sq.array+p.sqEntries*4, p.cq.cqes+p.cqEntries*uint32(unsafe.Sizeof(Completion{})))
	if r.memory, err = unix.Mmap(r.fd, offsetRings, int(size), protection, kind); err != nil {
		return os.NewSyscallError("mmap of the rings", err)
	}
	size = p.sqEntries * uint32(unsafe.Sizeof(Entry{}))
	if r.entries, err = unix.Mmap(r.fd, offsetEntries, int(size), protection, kind); err != nil {
		return os.NewSyscallError("mmap of the submissions", err)
	}
	word := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.memory[offset])) }
	r.sqHead, r.sqTail, r.sqMask = word(p.sq.head), word(p.sq.tail), *word(p.sq.mask)
	r.cqHead, r.cqTail, r.cqMask = word(p.cq.head), word(p.cq.tail), *word(p.cq.mask)
	r.completions = unsafe.Pointer(&r.memory[p.cq.cqes])
	r.tail = *r.sqTail
	for i := range p.sqEntries { // the queue may name entries in any order; ours is always the same
		*word(p.sq.array + 4*i) = i
	}
	r.arg.timeout = uint64(uintptr(unsafe.Pointer(&r.spec)))
	return nil
}

// Entry returns the next free entry, emptied; nil if the queue is full and Enter must come first.
// It stays the caller's to fill in until the next Enter.
func (r *Ring) Entry() *Entry {
	if r.tail-atomic.LoadUint32(r.sqHead) > r.sqMask {
		return nil
	}
	e := (*Entry)(unsafe.Pointer(&r.entries[uintptr(r.tail&r.sqMask)*unsafe.Sizeof(Entry{})]))
	*e = Entry{}
	r.tail++
	return e
}

// Pending is how many entries wait for the next Enter: what the kernel has not taken, even if it
// was told of it before and had to put it off.
func (r *Ring) Pending() int { return int(r.tail - atomic.LoadUint32(r.sqHead)) }

// Submit hands the pending entries to the kernel and does not wait.
func (r *Ring) Submit() syscall.Errno { return r.enter(0, 0, 0) }

// Enter hands the pending entries to the kernel and waits for a completion, for ns at most. It
// does not tell the Go scheduler, so ns must be short.
func (r *Ring) Enter(ns int64) syscall.Errno {
	if ns <= 0 {
		return r.enter(0, enterGetEvents, 0)
	}
	r.spec = unix.NsecToTimespec(ns)
	return r.enter(1, enterGetEvents|enterExtArg, uintptr(unsafe.Pointer(&r.arg)))
}

func (r *Ring) enter(atLeast, flags, arg uintptr) syscall.Errno {
	pending := r.Pending()
	atomic.StoreUint32(r.sqTail, r.tail)
	_, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(pending),
		atLeast, flags, arg, unsafe.Sizeof(r.arg))
	switch errno {
	case unix.ETIME, unix.EINTR, unix.EAGAIN, unix.EBUSY: // time is up, or completions come first
		return 0
	}
	return errno
}

// Each calls do for the completions that have arrived. Each of them is freed before its call, so
// that do may Submit.
func (r *Ring) Each(do func(Completion)) {
	head := *r.cqHead
	for tail := atomic.LoadUint32(r.cqTail); head != tail; {
		c := *(*Completion)(unsafe.Add(r.completions, uintptr(head&r.cqMask)*unsafe.Sizeof(Completion{})))
		head++
		atomic.StoreUint32(r.cqHead, head)
		do(c)
	}
}

// Close gives the ring back. Operations that are not complete are cancelled.
func (r *Ring) Close() error {
	var err error
	for _, m := range [][]byte{r.memory, r.entries} {
		if m != nil {
			err = errors.Join(err, os.NewSyscallError("munmap", unix.Munmap(m)))
		}
	}
	return errors.Join(err, os.NewSyscallError("close io_uring", unix.Close(r.fd)))
}

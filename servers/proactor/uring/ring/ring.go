// Package ring is io_uring without operations: the pair of queues that a program shares with
// the kernel, the one system call that moves both, and a pool of buffers that the kernel
// chooses from. It hands out empty submission entries and filled completion entries; what is
// written into them is package uring's business.
//
//	    Entry           Enter                        Take
//	us ──────▶ sq tail ───────▶ kernel ──▶ cq tail ───────▶ us
//	           entries           takes      entries
//	           sq head ◀─────────┘          cq head ◀────────┘
//
// Each index has one writer. It stores the index with release order after it has filled the
// entry; the reader loads it with acquire order before it looks: sync/atomic gives both.
package ring

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor/uring/abi"
	"iomodels/servers/rawcall"
)

// Ring is the pair of queues. The thread that opened it owns it.
type Ring struct {
	Features abi.Features

	fd      int
	queues  []byte // both queues, one mapping
	entries []byte // the submission entries
	pool    *Pool  // whose tail is published by Enter, too; nil: there are none
	err     error

	sqes           []abi.SQE
	sqHead, sqTail *uint32 // the kernel moves head, we move tail
	sqFlags        *uint32 // set by the kernel
	tail           uint32  // our tail; published by Enter

	cqes           []abi.CQE
	cqHead, cqTail *uint32 // we move head, the kernel moves tail
	head           uint32  // our head; published by Enter

	// The kernel reads these during Enter. They are fields of a heap object, not locals:
	// goroutine stacks move, and an address passed as a number would not move along.
	arg abi.EventsArg
	ts  abi.Timespec
}

// Open opens a ring for n submissions at a time, on the thread that will use it. plain: without
// what spares us interruptions; see abi.Setup.
func Open(n uint32, plain bool) (*Ring, error) {
	fd, p, err := abi.Setup(n, plain)
	if err != nil {
		return nil, err
	}
	r := &Ring{fd: fd, Features: p.Features}
	if err := r.mmap(p); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// mmap maps the queues that the kernel has laid out as p says.
func (r *Ring) mmap(p *abi.Params) (err error) {
	const flags = unix.MAP_SHARED | unix.MAP_POPULATE
	size := p.CQ.CQEs + p.CQEntries*uint32(unsafe.Sizeof(abi.CQE{}))
	if p.Indirect() {
		size = max(size, p.SQ.Array+4*p.SQEntries)
	}
	if r.queues, err = unix.Mmap(r.fd, abi.OffSQRing, int(size), protRW, flags); err != nil {
		return os.NewSyscallError("mmap io_uring queues", err)
	}
	size = p.SQEntries * uint32(unsafe.Sizeof(abi.SQE{}))
	if r.entries, err = unix.Mmap(r.fd, abi.OffSQEs, int(size), protRW, flags); err != nil {
		return os.NewSyscallError("mmap io_uring entries", err)
	}
	at := func(off uint32) unsafe.Pointer { return unsafe.Pointer(&r.queues[off]) }
	r.sqHead, r.sqTail = (*uint32)(at(p.SQ.Head)), (*uint32)(at(p.SQ.Tail))
	r.cqHead, r.cqTail = (*uint32)(at(p.CQ.Head)), (*uint32)(at(p.CQ.Tail))
	r.sqFlags = (*uint32)(at(p.SQ.Flags))
	r.sqes = unsafe.Slice((*abi.SQE)(unsafe.Pointer(&r.entries[0])), p.SQEntries)
	r.cqes = unsafe.Slice((*abi.CQE)(at(p.CQ.CQEs)), p.CQEntries)
	if p.Indirect() { // entry i is entry i, for ever
		array := unsafe.Slice((*uint32)(at(p.SQ.Array)), p.SQEntries)
		for i := range array {
			array[i] = uint32(i)
		}
	}
	return nil
}

const protRW = unix.PROT_READ | unix.PROT_WRITE

// Entry returns the next submission entry, zeroed. The kernel sees it at the next Enter. If the
// queue is full, what is in it is submitted first; if the kernel does not take it, Err says why,
// and the entry leads nowhere.
func (r *Ring) Entry() *abi.SQE {
	for r.tail-atomic.LoadUint32(r.sqHead) == uint32(len(r.sqes)) {
		if r.Enter(0, 0, true); r.err != nil {
			return new(abi.SQE)
		}
	}
	e := &r.sqes[r.tail&uint32(len(r.sqes)-1)]
	*e = abi.SQE{}
	r.tail++
	return e
}

// Prepared counts the entries handed out so far, and Submitted those that the kernel has
// taken; both wrap around.
func (r *Ring) Prepared() uint32  { return r.tail }
func (r *Ring) Submitted() uint32 { return atomic.LoadUint32(r.sqHead) }

// Enter submits the entries handed out, gives back buffers, and waits until n completions are
// there, at most for wait (negative: without end; 0: not at all) or until a signal comes. With
// raw, the Go scheduler is not told. GETEVENTS is always set: it makes the kernel run deferred
// work, and bring those completions that found the queue full.
func (r *Ring) Enter(n uint32, wait time.Duration, raw bool) {
	if r.pool != nil {
		r.pool.publish()
	}
	atomic.StoreUint32(r.sqTail, r.tail)
	atomic.StoreUint32(r.cqHead, r.head)
	r.arg.Timeout = 0
	switch {
	case wait == 0:
		n = 0
	case wait > 0:
		r.ts = abi.Timespec{Sec: int64(wait / time.Second), Nsec: int64(wait % time.Second)}
		r.arg.Timeout = uint64(uintptr(unsafe.Pointer(&r.ts)))
	}
	var errno unix.Errno
	fd, submit, flags := uintptr(r.fd), uintptr(r.tail-r.Submitted()), r.Features.Enter()
	arg, size := uintptr(unsafe.Pointer(&r.arg)), unsafe.Sizeof(r.arg)
	if raw || wait == 0 {
		_, _, errno = rawcall.Syscall(unix.SYS_IO_URING_ENTER, fd, submit, uintptr(n), flags, arg, size)
	} else {
		_, _, errno = syscall.Syscall6(unix.SYS_IO_URING_ENTER, fd, submit, uintptr(n), flags, arg, size)
	}
	switch errno {
	case 0, unix.ETIME, unix.EINTR:
	case unix.EAGAIN, unix.EBUSY: // short of memory, or of room for completions: over when some are taken
	default:
		r.err = os.NewSyscallError("io_uring_enter", errno)
	}
}

// portion is how many completions a deferring kernel brings at a call, if it was not asked for
// more: IO_LOCAL_TW_DEFAULT_MAX in io_uring/io_uring.h, since Linux 6.13.
const portion = 20

// gatherMax bounds the bytes received for one turn, about: they fit the first-level cache.
const gatherMax = 16 << 10

// Gather has the kernel bring the rest of what is there, after an Enter that brought something. At a
// time it brings a portion, and after a sleep just the one completion that was waited for. Handled in
// such helpings, the first replies wake peers who find nothing else to do, and neither side gets into
// its stride. Who has a single connection should spare the call.
//
// Measured in the proactor at 256 connections: 16 requests a sleep and not 11, and a norm of 0.977
// (0.972 to 0.983).
func (r *Ring) Gather() {
	for had := uint32(0); ; {
		n := r.Filled()
		if n == had || n != 1 && n-had < portion { // that was all
			return
		}
		if had = n; int(n)*int(r.Peek(n-1).Res) > gatherMax { // if all are as large
			return
		}
		r.Enter(0, 0, true)
	}
}

// Err says why the ring is broken; nil: it is not.
func (r *Ring) Err() error { return r.err }

// Filled returns how many completions can be taken.
func (r *Ring) Filled() uint32 { return atomic.LoadUint32(r.cqTail) - r.head }

// Overflowed reports whether there are completions that found the queue full and are still with
// the kernel. Enter brings them when there is room.
func (r *Ring) Overflowed() bool { return atomic.LoadUint32(r.sqFlags)&abi.CQOverflow != 0 }

// Peek returns completion i of the filled ones, and leaves it there.
func (r *Ring) Peek(i uint32) *abi.CQE { return &r.cqes[(r.head+i)&uint32(len(r.cqes)-1)] }

// Take takes the oldest of the filled completions.
func (r *Ring) Take() abi.CQE {
	c := *r.Peek(0)
	r.head++
	return c
}

// Close closes the ring. What is still under way is cancelled by the kernel, some time later.
func (r *Ring) Close() error {
	err := os.NewSyscallError("close io_uring", unix.Close(r.fd))
	return errors.Join(unmap(r.queues), unmap(r.entries), err)
}

func unmap(m []byte) error {
	if m == nil {
		return nil
	}
	return os.NewSyscallError("munmap", unix.Munmap(m))
}

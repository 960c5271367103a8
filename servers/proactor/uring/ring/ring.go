// Package ring is io_uring without operations: the pair of queues that a program shares with
// the kernel, the one system call that moves both, and a pool of buffers that the kernel
// chooses from. It hands out empty submission entries and filled completion entries; what is
// written into them is package uring's business.
//
//	    Next            Enter                        Take
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
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is the pair of queues. The thread that opened it owns it.
type Ring struct {
	fd       int
	features uint32
	queues   []byte // both queues, one mapping
	entries  []byte // the submission entries

	sqes           []SQE
	sqHead, sqTail *uint32 // the kernel moves head, we move tail
	sqFlags        *uint32 // set by the kernel
	tail           uint32  // our tail; published by Enter

	cqes           []CQE
	cqHead, cqTail *uint32 // we move head, the kernel moves tail
	head           uint32  // our head; published by Enter

	// The kernel reads these during Enter. They are fields of a heap object, not locals:
	// goroutine stacks move, and an address passed as a number would not move along.
	arg eventsArg
	ts  timespec
}

// setupLadder lists what we ask of the kernel, best first. SINGLE_ISSUER with DEFER_TASKRUN
// runs the kernel's half of an operation only inside our Enter, on our thread, when we have
// time for it; without, it interrupts us. NO_SQARRAY drops an indirection nobody uses.
// A kernel that does not know a flag answers EINVAL, and the next rung is tried.
var setupLadder = [...]uint32{
	setupSingleIssuer | setupDeferTaskrun | setupNoSQArray | setupSubmitAll, // Linux 6.6
	setupSingleIssuer | setupDeferTaskrun | setupSubmitAll,                  // 6.1
	setupCoopTaskrun | setupSubmitAll,                                       // 5.19
	0,
}

// Open opens a ring for n submissions at a time, on the thread that will use it, with the
// first rung of the ladder that the kernel grants; plain: with the last.
func Open(n uint32, plain bool) (*Ring, error) {
	ladder := setupLadder[:]
	if plain {
		ladder = ladder[len(ladder)-1:]
	}
	var p params
	var fd uintptr
	errno := unix.EINVAL
	for i := 0; errno == unix.EINVAL && i < len(ladder); i++ {
		// More completions than submissions: multishot operations complete unasked.
		p = params{flags: ladder[i] | setupCQSize | setupClamp, cqEntries: 8 * n}
		fd, _, errno = unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(n), uintptr(unsafe.Pointer(&p)), 0)
	}
	if errno != 0 {
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	r := &Ring{fd: int(fd), features: p.features}
	if err := r.mmap(&p); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// mmap maps the queues that the kernel has laid out as p says.
func (r *Ring) mmap(p *params) (err error) {
	const need = featSingleMmap | featNoDrop | featExtArg
	if p.features&need != need {
		return errors.New("io_uring_setup: the kernel is too old: want Linux 5.11 or later")
	}
	const flags = unix.MAP_SHARED | unix.MAP_POPULATE
	size := p.cq.cqes + p.cqEntries*uint32(unsafe.Sizeof(CQE{}))
	indirect := p.flags&setupNoSQArray == 0
	if indirect {
		size = max(size, p.sq.array+4*p.sqEntries)
	}
	if r.queues, err = unix.Mmap(r.fd, offSQRing, int(size), protRW, flags); err != nil {
		return os.NewSyscallError("mmap io_uring queues", err)
	}
	size = p.sqEntries * uint32(unsafe.Sizeof(SQE{}))
	if r.entries, err = unix.Mmap(r.fd, offSQEs, int(size), protRW, flags); err != nil {
		return os.NewSyscallError("mmap io_uring entries", err)
	}
	at := func(off uint32) unsafe.Pointer { return unsafe.Pointer(&r.queues[off]) }
	r.sqHead, r.sqTail = (*uint32)(at(p.sq.head)), (*uint32)(at(p.sq.tail))
	r.cqHead, r.cqTail = (*uint32)(at(p.cq.head)), (*uint32)(at(p.cq.tail))
	r.sqFlags = (*uint32)(at(p.sq.flags))
	r.sqes = unsafe.Slice((*SQE)(unsafe.Pointer(&r.entries[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*CQE)(at(p.cq.cqes)), p.cqEntries)
	if indirect { // entry i is entry i, for ever
		array := unsafe.Slice((*uint32)(at(p.sq.array)), p.sqEntries)
		for i := range array {
			array[i] = uint32(i)
		}
	}
	return nil
}

// CanSkipSuccess reports whether the kernel knows SkipSuccess (Linux 5.17).
func (r *Ring) CanSkipSuccess() bool { return r.features&featCQESkip != 0 }

// HasMultishot reports whether an accept and a receive can complete many times. There is no
// flag for it, so this is cautious: Linux 6.0 can, and 6.3 is the first that can be told.
func (r *Ring) HasMultishot() bool { return r.features&featRegRegRing != 0 }

// Next returns the next submission entry, zeroed, or nil when the queue is full. The kernel
// sees it at the next Enter.
func (r *Ring) Next() *SQE {
	if r.tail-atomic.LoadUint32(r.sqHead) == uint32(len(r.sqes)) {
		return nil
	}
	e := &r.sqes[r.tail&uint32(len(r.sqes)-1)]
	*e = SQE{}
	r.tail++
	return e
}

// Prepared counts the entries handed out so far, and Submitted those that the kernel has
// taken; both wrap around.
func (r *Ring) Prepared() uint32  { return r.tail }
func (r *Ring) Submitted() uint32 { return atomic.LoadUint32(r.sqHead) }

// Enter submits what Next handed out and waits until n completions are there, at most for
// wait (negative: without end), whose end is not an error. With raw, the Go scheduler is not
// told. GETEVENTS is always set: it makes the kernel run deferred work, and bring those
// completions that found the queue full.
func (r *Ring) Enter(n uint32, wait time.Duration, raw bool) unix.Errno {
	atomic.StoreUint32(r.sqTail, r.tail)
	atomic.StoreUint32(r.cqHead, r.head)
	r.arg.ts = 0
	if wait >= 0 {
		r.ts = timespec{sec: int64(wait / time.Second), nsec: int64(wait % time.Second)}
		r.arg.ts = uint64(uintptr(unsafe.Pointer(&r.ts)))
	}
	call := unix.Syscall6
	if raw {
		call = unix.RawSyscall6
	}
	_, _, errno := call(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(r.tail-r.Submitted()), uintptr(n),
		enterGetEvents|enterExtArg, uintptr(unsafe.Pointer(&r.arg)), unsafe.Sizeof(r.arg))
	if errno == unix.ETIME {
		return 0
	}
	return errno
}

// Filled returns how many completions can be taken.
func (r *Ring) Filled() uint32 { return atomic.LoadUint32(r.cqTail) - r.head }

// Overflowed reports whether there are completions that found the queue full and are still with
// the kernel. Enter brings them when there is room.
func (r *Ring) Overflowed() bool { return atomic.LoadUint32(r.sqFlags)&sqCQOverflow != 0 }

// Peek returns completion i of the filled ones, and leaves it there.
func (r *Ring) Peek(i uint32) *CQE { return &r.cqes[(r.head+i)&uint32(len(r.cqes)-1)] }

// Take takes the oldest of the filled completions.
func (r *Ring) Take() CQE {
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

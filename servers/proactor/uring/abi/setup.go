package abi

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	setupCQSize       = 1 << 3  // IORING_SETUP_CQSIZE
	setupClamp        = 1 << 4  // IORING_SETUP_CLAMP
	setupSubmitAll    = 1 << 7  // IORING_SETUP_SUBMIT_ALL
	setupCoopTaskrun  = 1 << 8  // IORING_SETUP_COOP_TASKRUN
	setupSingleIssuer = 1 << 12 // IORING_SETUP_SINGLE_ISSUER
	setupDeferTaskrun = 1 << 13 // IORING_SETUP_DEFER_TASKRUN
	setupNoSQArray    = 1 << 16 // IORING_SETUP_NO_SQARRAY
)

// setupLadder lists what we ask of the kernel, best first. SINGLE_ISSUER with DEFER_TASKRUN
// runs the kernel's half of an operation only inside our io_uring_enter, on our thread, when we
// have time for it; without, it interrupts us. NO_SQARRAY drops an indirection nobody uses.
// A kernel that does not know a flag answers EINVAL, and the next rung is tried.
var setupLadder = [...]uint32{
	setupSingleIssuer | setupDeferTaskrun | setupNoSQArray | setupSubmitAll, // Linux 6.6
	setupSingleIssuer | setupDeferTaskrun | setupSubmitAll,                  // 6.1
	setupCoopTaskrun | setupSubmitAll,                                       // 5.19
	0,
}

// Setup has the kernel make a ring for n submissions at a time, on the thread that will use it,
// with the first rung of the ladder that it grants; plain: with the last. The caller closes fd.
func Setup(n uint32, plain bool) (fd int, p *Params, err error) {
	ladder := setupLadder[:]
	if plain {
		ladder = ladder[len(ladder)-1:]
	}
	errno := unix.EINVAL
	for _, flags := range ladder {
		// More completions than submissions: multishot operations complete unasked.
		p = &Params{Flags: flags | setupCQSize | setupClamp, CQEntries: 8 * n}
		var r uintptr
		r, _, errno = unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(n), uintptr(unsafe.Pointer(p)), 0)
		if fd = int(r); errno != unix.EINVAL {
			break
		}
	}
	switch {
	case errno != 0:
		return -1, nil, os.NewSyscallError("io_uring_setup", errno)
	case p.Features&needed != needed:
		unix.Close(fd)
		return -1, nil, errors.New("io_uring_setup: the kernel is too old: want Linux 5.11 or later")
	}
	return fd, p, nil
}

// Indirect reports whether the submission queue holds indices of entries and not the entries.
func (p *Params) Indirect() bool { return p.Flags&setupNoSQArray == 0 }

// Features are what a kernel says it can do.
type Features uint32

const (
	featSingleMmap = 1 << 0  // IORING_FEAT_SINGLE_MMAP
	featNoDrop     = 1 << 1  // IORING_FEAT_NODROP: completions that find no room are kept
	featExtArg     = 1 << 8  // IORING_FEAT_EXT_ARG: enter takes a time-out
	featCQESkip    = 1 << 11 // IORING_FEAT_CQE_SKIP
	featRegRegRing = 1 << 13 // IORING_FEAT_REG_REG_RING
	featNoIOWait   = 1 << 17 // IORING_FEAT_NO_IOWAIT

	needed = featSingleMmap | featNoDrop | featExtArg
)

// SkipSuccess reports whether the kernel knows the flag of that name (Linux 5.17).
func (f Features) SkipSuccess() bool { return f&featCQESkip != 0 }

// Multishot reports whether an accept and a receive can complete many times. There is no flag
// for it, so this is cautious: Linux 6.0 can, and 6.3 is the first that can be told.
func (f Features) Multishot() bool { return f&featRegRegRing != 0 }

// Enter returns the flags of io_uring_enter that every call has. GETEVENTS makes the kernel run
// deferred work, and bring those completions that found the queue full. NO_IOWAIT (Linux 6.15): a
// wait for a peer is no wait for a disk, and need not be counted as one at every sleep.
func (f Features) Enter() uintptr {
	flags := uintptr(EnterGetEvents | EnterExtArg)
	if f&featNoIOWait != 0 {
		flags |= EnterNoIOWait
	}
	return flags
}

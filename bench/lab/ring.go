package lab

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// oneShotRing is the least of io_uring that can receive: one operation at a time, submitted by one
// call and awaited by another. The offsets are those that the kernel reports.
type oneShotRing struct {
	fd     int
	queues []byte // indexes of both queues, and the completions
	sqes   []byte // the submissions: there is one
	held   []byte // what the kernel has the address of
	at     struct {
		sqTail, sqArray, cqHead, cqTail, cqes uint32
	}
}

// ringParams is the kernel's io_uring_params.
type ringParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

// The numbers of the kernel's interface.
const (
	ringOpRecv      = 27
	ringGetEvents   = 1
	ringSingleMmap  = 1
	ringOffsetSQEs  = 0x10000000
	ringEntrySize   = 64
	ringCompletions = 16 // bytes of one
)

func newRing() (*oneShotRing, error) {
	p := &ringParams{}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(p)), 0)
	if errno != 0 {
		return nil, &UnavailableError{fmt.Sprintf("io_uring_setup: %v", errno)}
	}
	r := &oneShotRing{fd: int(fd)}
	if p.features&ringSingleMmap == 0 {
		r.close()
		return nil, &UnavailableError{"io_uring of before Linux 5.4"}
	}
	r.at.sqTail, r.at.sqArray = p.sq.tail, p.sq.array
	r.at.cqHead, r.at.cqTail, r.at.cqes = p.cq.head, p.cq.tail, p.cq.cqes
	size := max(p.sq.array+4*p.sqEntries, p.cq.cqes+ringCompletions*p.cqEntries)
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	var err1, err2 error
	r.queues, err1 = unix.Mmap(r.fd, 0, int(size), prot, flags)
	r.sqes, err2 = unix.Mmap(r.fd, ringOffsetSQEs, ringEntrySize*int(p.sqEntries), prot, flags)
	if err := errors.Join(err1, err2); err != nil {
		r.close()
		return nil, os.NewSyscallError("mmap io_uring", err)
	}
	return r, nil
}

func (r *oneShotRing) close() {
	for _, memory := range [][]byte{r.queues, r.sqes} {
		if memory != nil {
			_ = unix.Munmap(memory)
		}
	}
	unix.Close(r.fd)
}

// word is one of the indexes that are shared with the kernel.
func (r *oneShotRing) word(offset uint32) *uint32 {
	return (*uint32)(unsafe.Pointer(&r.queues[offset]))
}

// receive submits a receive into memory at that address. It does not keep the memory.
func (r *oneShotRing) receive(fd int, addr uintptr, size int) error {
	*(*struct {
		op, flags uint8
		prio      uint16
		fd        int32
		off, addr uint64
		size      uint32
		_         [36]byte
	})(unsafe.Pointer(&r.sqes[0])) = struct {
		op, flags uint8
		prio      uint16
		fd        int32
		off, addr uint64
		size      uint32
		_         [36]byte
	}{op: ringOpRecv, fd: int32(fd), addr: uint64(addr), size: uint32(size)}
	*r.word(r.at.sqArray) = 0
	atomic.AddUint32(r.word(r.at.sqTail), 1)
	return r.enter(1, 0, 0)
}

// wait returns the result of the operation that was submitted.
func (r *oneShotRing) wait() (int, error) {
	for atomic.LoadUint32(r.word(r.at.cqTail)) == atomic.LoadUint32(r.word(r.at.cqHead)) {
		if err := r.enter(0, 1, ringGetEvents); err != nil {
			return 0, err
		}
	}
	result := *(*int32)(unsafe.Pointer(&r.queues[r.at.cqes+8])) // behind user_data, in the first completion
	atomic.AddUint32(r.word(r.at.cqHead), 1)
	if result < 0 {
		return 0, os.NewSyscallError("io_uring recv", unix.Errno(-result))
	}
	return int(result), nil
}

func (r *oneShotRing) enter(submit, wait, flags uintptr) error {
	for {
		_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), submit, wait, flags, 0, 0)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
			continue
		}
		return os.NewSyscallError("io_uring_enter", errno)
	}
}

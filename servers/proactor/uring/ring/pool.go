package ring

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor/uring/abi"
)

// Pool is the pool of receive buffers that the kernel chooses from when bytes are there.
// It is the remedy for the proactor's price: thousands of receives are pending, and none of
// them holds a buffer. It is best kept small: a buffer goes back as soon as a handler has run,
// and a small pool stays in the processor's cache. When it runs dry a receive ends with
// ENOBUFS, and is submitted again.
//
// With incremental use (Linux 6.12) the kernel fills a buffer by and by: 256 messages of 64
// bytes then lie in one buffer of 16 KiB, instead of at the heads of 256 buffers.
type Pool struct {
	memory  []byte // the buffers, side by side
	size    uint32 // of each
	ring    []byte // the queue shared with the kernel; its entries are:
	entries []abi.Buffer
	tail    uint16   // ours; published by Enter
	used    []uint32 // by buffer: bytes that the kernel has filled since it was given back
}

// NewPool registers a pool of count buffers, a power of two, of size bytes each, as buffer
// group 0 of r. The error wraps EINVAL if the kernel has no such pools (Linux before 5.19).
func NewPool(r *Ring, count int, size uint32, incremental bool) (*Pool, error) {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	p := &Pool{size: size, used: make([]uint32, count)}
	var err error
	if p.memory, err = unix.Mmap(-1, 0, count*int(size), protRW, flags); err != nil {
		return nil, os.NewSyscallError("mmap receive buffers", err)
	}
	if p.ring, err = unix.Mmap(-1, 0, count*int(unsafe.Sizeof(abi.Buffer{})), protRW, flags); err != nil {
		p.Close()
		return nil, os.NewSyscallError("mmap buffer ring", err)
	}
	p.entries = unsafe.Slice((*abi.Buffer)(unsafe.Pointer(&p.ring[0])), count)
	if errno := p.register(r, incremental); errno != 0 {
		p.Close()
		return nil, os.NewSyscallError("io_uring_register buffer ring", errno)
	}
	for id := range count {
		p.GiveBack(uint16(id))
	}
	r.pool = p
	return p, nil
}

// register asks for incremental use first, if at all: a kernel that does not know it says so.
func (p *Pool) register(r *Ring, incremental bool) unix.Errno {
	reg := &abi.BufferReg{Addr: uint64(uintptr(unsafe.Pointer(&p.ring[0]))), Entries: uint32(len(p.entries))}
	if incremental {
		reg.Flags = abi.Incremental
	}
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), abi.RegisterBuffers,
		uintptr(unsafe.Pointer(reg)), 1, 0, 0)
	if errno == unix.EINVAL && incremental {
		return p.register(r, false)
	}
	return errno
}

// Take returns the n bytes that the kernel has just put into buffer id.
func (p *Pool) Take(id uint16, n int) []byte {
	at := int(id)*int(p.size) + int(p.used[id])
	p.used[id] += uint32(n)
	return p.memory[at : at+n : at+n]
}

// GiveBack lends buffer id to the kernel again, from the next Enter on. That is right only
// if its last completion was not flagged BufferMore.
func (p *Pool) GiveBack(id uint16) {
	e := &p.entries[int(p.tail)&(len(p.entries)-1)]
	e.Addr = uint64(uintptr(unsafe.Pointer(&p.memory[int(id)*int(p.size)])))
	e.Len, e.ID = p.size, id
	p.used[id] = 0
	p.tail++
}

// publish makes the buffers given back visible to the kernel. The tail must become visible
// after the entries; Go has no atomic store of 16 bits, so the tail is stored together with
// its neighbour, the id of entry 0, which only we write.
func (p *Pool) publish() {
	first := &p.entries[0]
	var word [4]byte
	binary.NativeEndian.PutUint16(word[0:], first.ID)
	binary.NativeEndian.PutUint16(word[2:], p.tail)
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&first.ID)), binary.NativeEndian.Uint32(word[:]))
}

// Close frees the memory. The kernel writes into the buffers of receives that are pending, so
// there must be none.
func (p *Pool) Close() {
	unmap(p.memory) // fails only for a range that was never mapped
	unmap(p.ring)
}

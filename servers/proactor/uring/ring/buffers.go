package ring

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Buffers is the pool of receive buffers that the kernel chooses from when bytes are there.
// It is the remedy for the proactor's price: thousands of receives are pending, and none of
// them holds a buffer. It is best kept small: a buffer goes back as soon as a handler has run,
// and a small pool stays in the processor's cache. When it runs dry a receive ends with
// ENOBUFS, and is submitted again.
//
// With incremental use (Linux 6.12) the kernel fills a buffer by and by: 256 messages of 64
// bytes then lie in one buffer of 16 KiB, instead of at the heads of 256 buffers.
type Buffers struct {
	memory  []byte // the buffers, side by side
	size    uint32 // of each
	ring    []byte // the queue shared with the kernel; its entries are:
	entries []buffer
	tail    uint16   // ours; published by Publish
	used    []uint32 // by buffer: bytes that the kernel has filled since it was given back
}

// NewBuffers registers a pool of count buffers, a power of two, of size bytes each, as buffer
// group 0 of r. The error wraps EINVAL if the kernel has no such pools (Linux before 5.19).
func NewBuffers(r *Ring, count int, size uint32, incremental bool) (*Buffers, error) {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	b := &Buffers{size: size, used: make([]uint32, count)}
	var err error
	if b.memory, err = unix.Mmap(-1, 0, count*int(size), protRW, flags); err != nil {
		return nil, os.NewSyscallError("mmap receive buffers", err)
	}
	if b.ring, err = unix.Mmap(-1, 0, count*int(unsafe.Sizeof(buffer{})), protRW, flags); err != nil {
		b.Close()
		return nil, os.NewSyscallError("mmap buffer ring", err)
	}
	b.entries = unsafe.Slice((*buffer)(unsafe.Pointer(&b.ring[0])), count)
	if errno := b.register(r, incremental); errno != 0 {
		b.Close()
		return nil, os.NewSyscallError("io_uring_register buffer ring", errno)
	}
	for id := range count {
		b.GiveBack(uint16(id))
	}
	b.Publish()
	return b, nil
}

// register asks for incremental use first, if at all: a kernel that does not know it says so.
func (b *Buffers) register(r *Ring, incremental bool) unix.Errno {
	reg := &bufferReg{addr: uint64(uintptr(unsafe.Pointer(&b.ring[0]))), entries: uint32(len(b.entries))}
	if incremental {
		reg.flags = pbufRingInc
	}
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerPbufRing,
		uintptr(unsafe.Pointer(reg)), 1, 0, 0)
	if errno == unix.EINVAL && incremental {
		return b.register(r, false)
	}
	return errno
}

// Take returns the n bytes that the kernel has just put into buffer id.
func (b *Buffers) Take(id uint16, n int) []byte {
	at := int(id)*int(b.size) + int(b.used[id])
	b.used[id] += uint32(n)
	return b.memory[at : at+n : at+n]
}

// GiveBack lends buffer id to the kernel again, from the next Publish on. That is right only
// if its last completion was not flagged BufferMore.
func (b *Buffers) GiveBack(id uint16) {
	e := &b.entries[int(b.tail)&(len(b.entries)-1)]
	e.addr = uint64(uintptr(unsafe.Pointer(&b.memory[int(id)*int(b.size)])))
	e.len, e.id = b.size, id
	b.used[id] = 0
	b.tail++
}

// Publish makes the buffers given back visible to the kernel. The tail must become visible
// after the entries; Go has no atomic store of 16 bits, so the tail is stored together with
// its neighbour, the id of entry 0, which only we write.
func (b *Buffers) Publish() {
	first := &b.entries[0]
	var word [4]byte
	binary.NativeEndian.PutUint16(word[0:], first.id)
	binary.NativeEndian.PutUint16(word[2:], b.tail)
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&first.id)), binary.NativeEndian.Uint32(word[:]))
}

// Close frees the memory. The kernel writes into the buffers of receives that are pending, so
// there must be none.
func (b *Buffers) Close() {
	unmap(b.memory) // fails only for a range that was never mapped
	unmap(b.ring)
}

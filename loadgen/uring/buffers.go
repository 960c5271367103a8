package uring

import (
	"encoding/binary"
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const registerBufferRing = 22

// Buffers are receive buffers that the kernel takes when bytes arrive, not when the receive is
// asked for: ten thousand silent connections need none.
type Buffers struct {
	ring    []byte // of bufferEntry, shared with the kernel
	memory  []byte
	size    int
	count   int
	tail    uint16 // buffers returned so far
	shown   uint16 // what the kernel was told
	entries unsafe.Pointer
}

// bufferEntry is the kernel's io_uring_buf. The tail of the ring lies in the last field of the
// first entry.
type bufferEntry struct {
	addr uint64
	len  uint32
	bid  uint16
	tail uint16
}

// bufferReg is the kernel's io_uring_buf_reg.
type bufferReg struct {
	addr    uint64
	entries uint32
	group   uint16
	flags   uint16
	_       [3]uint64
}

// NewBuffers registers count buffers (a power of two, 32,768 at most) of size bytes as a group.
// They live outside of the Go heap, where the kernel may write while nobody looks.
func NewBuffers(r *Ring, group uint16, count, size int) (*Buffers, error) {
	b := &Buffers{size: size, count: count}
	const protection, kind = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	var err error
	if b.ring, err = unix.Mmap(-1, 0, count*int(unsafe.Sizeof(bufferEntry{})), protection, kind); err != nil {
		return nil, os.NewSyscallError("mmap of the buffer ring", err)
	}
	b.entries = unsafe.Pointer(&b.ring[0])
	if b.memory, err = unix.Mmap(-1, 0, count*size, protection, kind|unix.MAP_POPULATE); err != nil {
		return nil, errors.Join(os.NewSyscallError("mmap of the buffers", err), b.Close())
	}
	reg := &bufferReg{addr: uint64(uintptr(b.entries)), entries: uint32(count), group: group}
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerBufferRing,
		uintptr(unsafe.Pointer(reg)), 1, 0, 0)
	if errno != 0 {
		return nil, errors.Join(os.NewSyscallError("io_uring_register of buffers", errno), b.Close())
	}
	for number := range count {
		b.Return(uint16(number))
	}
	b.Show()
	return b, nil
}

// Bytes returns the first n bytes of a buffer. They are the caller's until Return.
func (b *Buffers) Bytes(number uint16, n int) []byte {
	from := int(number) * b.size
	return b.memory[from : from+n : from+b.size]
}

// Return gives a buffer back; the kernel sees it after the next Show.
func (b *Buffers) Return(number uint16) {
	e := b.entry(b.tail)
	e.addr = uint64(uintptr(unsafe.Pointer(&b.memory[int(number)*b.size])))
	e.len = uint32(b.size)
	e.bid = number
	b.tail++
}

// Show tells the kernel of all returned buffers. The tail has 16 bits, for which there is no
// atomic store; it is stored together with its neighbour, the number of the first entry's
// buffer, which only we write.
func (b *Buffers) Show() {
	if b.shown == b.tail {
		return
	}
	b.shown = b.tail
	first := b.entry(0)
	var both [4]byte
	binary.NativeEndian.PutUint16(both[:], first.bid)
	binary.NativeEndian.PutUint16(both[2:], b.tail)
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&first.bid)), binary.NativeEndian.Uint32(both[:]))
}

func (b *Buffers) entry(i uint16) *bufferEntry {
	at := uintptr(int(i)&(b.count-1)) * unsafe.Sizeof(bufferEntry{})
	return (*bufferEntry)(unsafe.Add(b.entries, at))
}

// Close frees the memory. No receive may be out any more.
func (b *Buffers) Close() error {
	var err error
	for _, m := range [][]byte{b.ring, b.memory} {
		if m != nil {
			err = errors.Join(err, os.NewSyscallError("munmap", unix.Munmap(m)))
		}
	}
	return err
}

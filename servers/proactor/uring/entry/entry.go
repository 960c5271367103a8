// Package entry puts operations into the kernel's words: it fills submission entries.
//
// Every buffer given here must be on the heap or mapped, and reachable from somewhere else until
// the operation has completed: in the entry its address is a number, which neither keeps memory
// alive nor follows a stack that moves.
package entry

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/servers/proactor/uring/abi"
)

// Accept takes a connection; with again, each that comes.
func Accept(e *abi.SQE, again bool) {
	e.Opcode, e.OpFlags = abi.OpAccept, unix.SOCK_CLOEXEC
	if again {
		e.Ioprio = abi.AcceptMultishot
	}
}

// ReceiveInto receives once into buf: the pattern as it was, with a buffer that is committed
// while nothing arrives.
func ReceiveInto(e *abi.SQE, buf []byte) {
	e.Opcode = abi.OpRecv
	point(e, buf)
}

// Receive receives into a buffer of the pool that the kernel chooses when bytes are there; with
// again, until it has brought most bytes, about. most 0: without a bound.
func Receive(e *abi.SQE, again bool, most int) {
	e.Opcode, e.Flags = abi.OpRecv, abi.BufferSelect
	if again {
		e.Ioprio, e.OptLen = abi.RecvMultishot, uint32(most)
	}
}

// Send sends buf, or the beginning of it, when there is room.
func Send(e *abi.SQE, buf []byte) {
	e.Opcode, e.OpFlags = abi.OpSend, unix.MSG_NOSIGNAL
	point(e, buf)
}

// SendQuietly sends the whole of buf at once, or fails. Success is not reported.
//
// It need not be: with DONTWAIT the send is carried out while it is submitted or not at all, so
// whoever looks at the queue after the submission and finds no failure knows that it succeeded.
// That saves a completion per request, and, when few connections are busy, a turn of the loop:
// the wait ends with the next request, not with the news that the reply was sent. (Measured:
// half the system calls with one connection, and two to three per cent of the cost of a small
// request with 256.) WAITALL makes a short send a failure as well: io_send and
// io_sendrecv_fail in io_uring/net.c, io_req_defer_failed in io_uring/io_uring.c.
func SendQuietly(e *abi.SQE, buf []byte) {
	Send(e, buf)
	e.OpFlags |= unix.MSG_DONTWAIT | unix.MSG_WAITALL
	e.Flags = abi.SkipSuccess
}

// Read reads into buf, of a descriptor that is no socket.
func Read(e *abi.SQE, buf []byte) {
	e.Opcode = abi.OpRead
	point(e, buf)
}

// Cancel ends the operation of that submission.
func Cancel(e *abi.SQE, userData uint64) { e.Opcode, e.FD, e.Addr = abi.OpAsyncCancel, -1, userData }

// CancelAll ends all operations of the ring.
func CancelAll(e *abi.SQE) {
	e.Opcode, e.FD, e.OpFlags = abi.OpAsyncCancel, -1, abi.CancelAny|abi.CancelAll
}

// Close closes a descriptor. Through the ring it does not overtake what was submitted before it.
func Close(e *abi.SQE, fd int) { e.Opcode, e.FD = abi.OpClose, int32(fd) }

func point(e *abi.SQE, buf []byte) {
	e.Addr, e.Len = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(buf)))), uint32(len(buf))
}

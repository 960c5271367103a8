// Package abi is what the kernel and we have agreed on about io_uring: structures and numbers, of
// include/uapi/linux/io_uring.h, whose names stand beside; and how a program finds out which of
// them its kernel knows (Setup). The numbers of the system calls are golang.org/x/sys/unix's.
package abi

// SQE is struct io_uring_sqe: one operation to be done, with the union members that we use.
type SQE struct {
	Opcode, Flags uint8
	Ioprio        uint16
	FD            int32
	Off, Addr     uint64
	Len, OpFlags  uint32 // OpFlags: msg_flags, accept_flags, cancel_flags, ...
	UserData      uint64 // comes back in the completion
	BufGroup, _   uint16
	OptLen        uint32 // of a multishot receive: ends after so many bytes (Linux 6.17)
	_             [16]byte
}

// CQE is struct io_uring_cqe: the news of one operation.
type CQE struct {
	UserData uint64
	Res      int32 // the result, or a negative errno
	Flags    uint32
}

// Opcodes, and what goes into Flags, Ioprio and OpFlags with them.
const (
	OpAccept      = 13 // IORING_OP_ACCEPT
	OpAsyncCancel = 14 // IORING_OP_ASYNC_CANCEL
	OpClose       = 19 // IORING_OP_CLOSE
	OpRead        = 22 // IORING_OP_READ
	OpSend        = 26 // IORING_OP_SEND
	OpRecv        = 27 // IORING_OP_RECV

	BufferSelect    = 1 << 5 // IOSQE_BUFFER_SELECT: the kernel chooses from a pool
	SkipSuccess     = 1 << 6 // IOSQE_CQE_SKIP_SUCCESS: only failure is news
	AcceptMultishot = 1 << 0 // IORING_ACCEPT_MULTISHOT, in Ioprio
	RecvMultishot   = 1 << 1 // IORING_RECV_MULTISHOT, in Ioprio
	CancelAll       = 1 << 0 // IORING_ASYNC_CANCEL_ALL
	CancelAny       = 1 << 2 // IORING_ASYNC_CANCEL_ANY
)

// Flags of a completion.
const (
	HasBuffer   = 1 << 0 // IORING_CQE_F_BUFFER: a buffer of the pool was used
	More        = 1 << 1 // IORING_CQE_F_MORE: the operation goes on
	BufferMore  = 1 << 4 // IORING_CQE_F_BUF_MORE: its buffer is not used up
	BufferShift = 16     // IORING_CQE_BUFFER_SHIFT: above it, which buffer
)

// Of the ring itself: a flag of the submission queue, flags of io_uring_enter, offsets for mmap,
// and the registration of a pool of buffers.
const (
	CQOverflow     = 1 << 1 // IORING_SQ_CQ_OVERFLOW
	EnterGetEvents = 1 << 0 // IORING_ENTER_GETEVENTS
	EnterExtArg    = 1 << 3 // IORING_ENTER_EXT_ARG
	EnterNoIOWait  = 1 << 7 // IORING_ENTER_NO_IOWAIT

	OffSQRing = 0          // IORING_OFF_SQ_RING
	OffSQEs   = 0x10000000 // IORING_OFF_SQES

	RegisterBuffers = 22     // IORING_REGISTER_PBUF_RING
	Incremental     = 1 << 1 // IOU_PBUF_RING_INC

)

// Params is struct io_uring_params: what is asked of io_uring_setup, and its answer.
type Params struct {
	SQEntries, CQEntries, Flags, sqThreadCPU, sqThreadIdle uint32

	Features Features
	wqFD     uint32
	_        [3]uint32

	SQ struct { // where, in the mapping, the submission queue has what
		Head, Tail, RingMask, RingEntries, Flags, Dropped, Array, _ uint32
		_                                                           uint64
	}
	CQ struct { // and the completion queue
		Head, Tail, RingMask, RingEntries, Overflow, CQEs, Flags, _ uint32
		_                                                           uint64
	}
}

// EventsArg is struct io_uring_getevents_arg, the argument of io_uring_enter with EnterExtArg.
type EventsArg struct {
	Sigmask        uint64
	SigmaskSize, _ uint32
	Timeout        uint64 // address of a Timespec, or 0
}

// Timespec is struct __kernel_timespec.
type Timespec struct{ Sec, Nsec int64 }

// Buffer is struct io_uring_buf. In entry 0 the kernel reads Tail as the tail of the queue.
type Buffer struct {
	Addr     uint64
	Len      uint32
	ID, Tail uint16
}

// BufferReg is struct io_uring_buf_reg.
type BufferReg struct {
	Addr         uint64
	Entries      uint32
	Group, Flags uint16
	_            [3]uint64
}

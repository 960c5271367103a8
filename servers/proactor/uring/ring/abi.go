package ring

import "golang.org/x/sys/unix"

// What the kernel and we have agreed on. golang.org/x/sys/unix knows the three system calls;
// structures and numbers are those of include/uapi/linux/io_uring.h, whose names stand beside.

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

const (
	setupCQSize       = 1 << 3  // IORING_SETUP_CQSIZE
	setupClamp        = 1 << 4  // IORING_SETUP_CLAMP
	setupSubmitAll    = 1 << 7  // IORING_SETUP_SUBMIT_ALL
	setupCoopTaskrun  = 1 << 8  // IORING_SETUP_COOP_TASKRUN
	setupSingleIssuer = 1 << 12 // IORING_SETUP_SINGLE_ISSUER
	setupDeferTaskrun = 1 << 13 // IORING_SETUP_DEFER_TASKRUN
	setupNoSQArray    = 1 << 16 // IORING_SETUP_NO_SQARRAY

	featSingleMmap = 1 << 0  // IORING_FEAT_SINGLE_MMAP
	featNoDrop     = 1 << 1  // IORING_FEAT_NODROP: completions that find no room are kept
	featExtArg     = 1 << 8  // IORING_FEAT_EXT_ARG: enter takes a time-out
	featCQESkip    = 1 << 11 // IORING_FEAT_CQE_SKIP
	featRegRegRing = 1 << 13 // IORING_FEAT_REG_REG_RING

	sqCQOverflow   = 1 << 1 // IORING_SQ_CQ_OVERFLOW
	enterGetEvents = 1 << 0 // IORING_ENTER_GETEVENTS
	enterExtArg    = 1 << 3 // IORING_ENTER_EXT_ARG

	offSQRing = 0          // IORING_OFF_SQ_RING
	offSQEs   = 0x10000000 // IORING_OFF_SQES

	registerPbufRing = 22     // IORING_REGISTER_PBUF_RING
	pbufRingInc      = 1 << 1 // IOU_PBUF_RING_INC

	protRW = unix.PROT_READ | unix.PROT_WRITE
)

// params is struct io_uring_params.
type params struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32

	_  [3]uint32
	sq struct {
		head, tail, ringMask, ringEntries, flags, dropped, array, _ uint32
		_                                                           uint64
	}
	cq struct {
		head, tail, ringMask, ringEntries, overflow, cqes, flags, _ uint32
		_                                                           uint64
	}
}

// eventsArg is struct io_uring_getevents_arg, timespec struct __kernel_timespec.
type eventsArg struct {
	sigmask             uint64
	sigmaskSize, unused uint32
	ts                  uint64
}
type timespec struct{ sec, nsec int64 }

// buffer is struct io_uring_buf. In entry 0 the kernel reads reserved as the tail of the queue.
type buffer struct {
	addr         uint64
	len          uint32
	id, reserved uint16
}

// bufferReg is struct io_uring_buf_reg.
type bufferReg struct {
	addr         uint64
	entries      uint32
	group, flags uint16
	_            [3]uint64
}

package abi

import (
	"testing"
	"unsafe"
)

// The kernel reads these; a field that moved would be a disaster that compiles.
func TestLayoutsAreTheKernels(t *testing.T) {
	var s SQE
	var p Params
	for what, got := range map[string][2]uintptr{
		"sqe":              {unsafe.Sizeof(s), 64},
		"sqe.fd":           {unsafe.Offsetof(s.FD), 4},
		"sqe.off":          {unsafe.Offsetof(s.Off), 8},
		"sqe.addr":         {unsafe.Offsetof(s.Addr), 16},
		"sqe.len":          {unsafe.Offsetof(s.Len), 24},
		"sqe.user_data":    {unsafe.Offsetof(s.UserData), 32},
		"sqe.buf_group":    {unsafe.Offsetof(s.BufGroup), 40},
		"sqe.optlen":       {unsafe.Offsetof(s.OptLen), 44},
		"cqe":              {unsafe.Sizeof(CQE{}), 16},
		"params":           {unsafe.Sizeof(p), 120},
		"params.features":  {unsafe.Offsetof(p.Features), 20},
		"params.sq_off":    {unsafe.Offsetof(p.SQ), 40},
		"params.cq_off":    {unsafe.Offsetof(p.CQ), 80},
		"buf":              {unsafe.Sizeof(Buffer{}), 16},
		"buf.tail":         {unsafe.Offsetof(Buffer{}.Tail), 14},
		"buf_reg":          {unsafe.Sizeof(BufferReg{}), 40},
		"getevents_arg":    {unsafe.Sizeof(EventsArg{}), 24},
		"getevents_arg.ts": {unsafe.Offsetof(EventsArg{}.Timeout), 16},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %d; the kernel has %d", what, got[0], got[1])
		}
	}
}

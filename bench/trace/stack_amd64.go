package trace

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// deepest is how many frames of a stack are read.
const deepest = 32

// stackOf returns where a thread that is stopped at a call came from, innermost first: the return
// addresses along its frame pointers, which every Go function keeps. Code that keeps none (C, say)
// ends the walk early or leads nowhere, and then the list is short.
func stackOf(pid, tid int) []uint64 {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &regs) != nil {
		return nil
	}
	var pcs []uint64
	for fp := regs.Rbp; fp != 0 && len(pcs) < deepest; {
		var frame [16]byte // the caller's frame pointer, the return address
		local := []unix.Iovec{{Base: &frame[0], Len: uint64(len(frame))}}
		remote := []unix.RemoteIovec{{Base: uintptr(fp), Len: len(frame)}}
		if n, err := unix.ProcessVMReadv(pid, local, remote, 0); err != nil || n != len(frame) {
			break
		}
		up := binary.LittleEndian.Uint64(frame[:8])
		pcs = append(pcs, binary.LittleEndian.Uint64(frame[8:]))
		if up <= fp { // stacks grow downwards; anything else is no chain
			break
		}
		fp = up
	}
	return pcs
}

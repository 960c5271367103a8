package trace

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// deepest is how many frames of a stack are read.
const deepest = 32

// stackOf returns where a thread that is stopped at a call came from, innermost first: the return
// addresses along its frame pointers, which every Go function keeps, but for the few instructions
// around the call itself: those have no frame, so what is on top of the stack leads to who called
// them. Code that keeps no frame pointers (C, say) ends the walk early or leads nowhere, and then the
// list is short.
func stackOf(pid, tid int) []uint64 {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &regs) != nil {
		return nil
	}
	var pcs []uint64
	var top [8]byte
	if read(pid, regs.Rsp, top[:]) {
		pcs = append(pcs, binary.LittleEndian.Uint64(top[:]))
	}
	for fp := regs.Rbp; fp != 0 && len(pcs) < deepest; {
		var frame [16]byte // the caller's frame pointer, the return address
		if !read(pid, fp, frame[:]) {
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

// read fills p with memory of another process.
func read(pid int, at uint64, p []byte) bool {
	local := []unix.Iovec{{Base: &p[0], Len: uint64(len(p))}}
	remote := []unix.RemoteIovec{{Base: uintptr(at), Len: len(p)}}
	n, err := unix.ProcessVMReadv(pid, local, remote, 0)
	return err == nil && n == len(p)
}

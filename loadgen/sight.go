package loadgen

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"iomodels/loadgen/conns"
)

// sight is a look at the machine and at this process.
type sight struct {
	kernel    conns.Kernel
	footprint conns.Footprint
	resident  uint64 // bytes of this process in memory
}

func look() (s sight, err error) {
	if s.kernel, err = conns.ReadKernel(); err != nil {
		return s, err
	}
	if s.footprint, err = conns.ReadFootprint(); err != nil {
		return s, err
	}
	s.resident, err = resident()
	return s, err
}

// resident reads how much of this process is in memory.
func resident() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("read resident memory: %w", err)
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("read resident memory: statm is %q", text)
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	return pages * uint64(os.Getpagesize()), err
}

// enoughToTell is how many connections make the machine's memory grow by more than what else
// happens on it.
const enoughToTell = 1000

// memory is what the connections took. Where the server is on this machine its ends count too.
func (r *run) memory(o *outcome) Memory {
	held := int(o.Held)
	m := Memory{Ends: held, Generator: o.Memory}
	if target, err := conns.Resolve(r.plan.Addr); err == nil && target.Loopback() {
		m.Ends = 2 * held
	}
	if r.whenOpen.footprint.Slab > 0 {
		m.KernelOpen = r.whenOpen.footprint.Since(r.before.footprint)
	}
	if r.loaded.footprint.Slab > 0 {
		m.KernelLoaded = r.loaded.footprint.Since(r.before.footprint)
	}
	if held >= enoughToTell {
		m.PerEnd, m.PerConn = float64(m.KernelOpen)/float64(m.Ends), float64(o.Growth)/float64(held)
	}
	return m
}

package conns

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Footprint is what the kernel says of the memory of the whole machine, in bytes.
type Footprint struct {
	Available uint64 // can be had without swapping; 0: unknown
	Slab      uint64 // the kernel's own objects: sockets, files, directory entries, epoll items
	Buffers   uint64 // of TCP: bytes on their way
}

// ReadFootprint asks the kernel.
func ReadFootprint() (Footprint, error) {
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return Footprint{}, fmt.Errorf("read memory: %w", err)
	}
	sockstat, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return Footprint{}, fmt.Errorf("read memory: %w", err)
	}
	m := Footprint{Buffers: field(string(sockstat), "TCP:", "mem") * uint64(os.Getpagesize())}
	for line := range strings.Lines(string(meminfo)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseUint(fields[1], 10, 64)
		switch fields[0] {
		case "MemAvailable:":
			m.Available = kib << 10
		case "Slab:":
			m.Slab = kib << 10
		}
	}
	return m, nil
}

// Since is how much more the kernel holds than at an earlier reading; less counts as nothing.
func (m Footprint) Since(earlier Footprint) uint64 {
	now, then := m.Slab+m.Buffers, earlier.Slab+earlier.Buffers
	return max(now, then) - then
}

// field reads the number after a name in the line of a label: "TCP: inuse 5 orphan 0 tw 12".
func field(text, label, name string) uint64 {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != label {
			continue
		}
		for i := 1; i+1 < len(words); i += 2 {
			if words[i] == name {
				n, _ := strconv.ParseUint(words[i+1], 10, 64)
				return n
			}
		}
	}
	return 0
}

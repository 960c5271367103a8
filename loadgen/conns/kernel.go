package conns

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Kernel holds counters of the machine's TCP that explain slow or failed connects.
type Kernel struct {
	SynRetransmits  uint64 // SYNs sent again: the connect takes a second longer, or three
	ListenOverflows uint64 // connections dropped because an accept queue was full
	ListenDrops     uint64 // connections dropped by a listener for any reason
	TimeWait        uint64 // sockets in TIME_WAIT now; not a counter
}

// ReadKernel reads the counters of this network namespace.
func ReadKernel() (Kernel, error) {
	netstat, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		return Kernel{}, fmt.Errorf("read TCP counters: %w", err)
	}
	sockstat, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return Kernel{}, fmt.Errorf("read socket counts: %w", err)
	}
	c := counters(string(netstat))
	return Kernel{
		SynRetransmits:  c["TCPSynRetrans"],
		ListenOverflows: c["ListenOverflows"],
		ListenDrops:     c["ListenDrops"],
		TimeWait:        field(string(sockstat), "TCP:", "tw"),
	}, nil
}

// Since returns what was counted after an earlier reading.
func (k Kernel) Since(earlier Kernel) Kernel {
	k.SynRetransmits -= earlier.SynRetransmits
	k.ListenOverflows -= earlier.ListenOverflows
	k.ListenDrops -= earlier.ListenDrops
	return k
}

// counters reads pairs of lines: "TcpExt: Name Name", "TcpExt: 1 2".
func counters(text string) map[string]uint64 {
	values := map[string]uint64{}
	lines := strings.Split(text, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, numbers := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for j := 1; j < min(len(names), len(numbers)); j++ {
			values[names[j]], _ = strconv.ParseUint(numbers[j], 10, 64)
		}
	}
	return values
}

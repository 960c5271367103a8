package experiment

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"iomodels/bench"
)

// Placement says on which CPUs server and generator run.
type Placement struct {
	Server []int // topology split
	Load   []int
	Shared []int // topology shared: both
}

// CPUs returns the CPUs of server and generator in a topology.
func (p Placement) CPUs(topology string) (server, load []int) {
	if topology == bench.Shared {
		return p.Shared, p.Shared
	}
	return p.Server, p.Load
}

// Apart reports whether server and generator can have a CPU each.
func (p Placement) Apart() bool { return len(p.Load) > 0 }

// Place chooses from the CPUs this process may use: the first for the server; for the
// generator the next that is not a hyper-thread of it, and one more where enough are left.
// On one CPU there is no split: Load is then empty.
func Place(allowed []int) Placement {
	p := Placement{Server: allowed[:1], Shared: allowed[:1]}
	rest := Without(allowed[1:], siblings(allowed[0]))
	if len(rest) == 0 {
		rest = allowed[1:]
	}
	if len(rest) > 0 {
		p.Load = rest[:1]
		p.Shared = rest[:1] // leaves the first CPU, which takes most interrupts, to everything else
	}
	if len(rest) > 2 {
		p.Load = rest[:2]
	}
	return p
}

// siblings are the CPUs that share a core with cpu, itself included.
func siblings(cpu int) []int {
	path := fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	list, err := ParseCPUs(strings.TrimSpace(string(data)))
	if err != nil {
		return nil
	}
	return list
}

// ParseCPUs reads a list like "0,2-4".
func ParseCPUs(list string) ([]int, error) {
	var cpus []int
	for _, part := range strings.Split(list, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err := strconv.Atoi(low)
		if err != nil {
			return nil, fmt.Errorf("CPU list %q: %q is no number (want, say, 0,2-4)", list, low)
		}
		to, err := strconv.Atoi(high)
		if err != nil || from < 0 || to < from || to >= maxCPU {
			return nil, fmt.Errorf("CPU list %q: %q is no range (want, say, 0,2-4)", list, part)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}

// maxCPU is what the kernel's affinity call of x/sys can express.
const maxCPU = 1024

// Without returns the CPUs that are not in drop.
func Without(cpus, drop []int) []int {
	var out []int
	for _, cpu := range cpus {
		if !slices.Contains(drop, cpu) {
			out = append(out, cpu)
		}
	}
	return out
}

func union(a, b []int) []int {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// Package doctor looks at a machine with a benchmark in mind: what would forbid a cell, what
// would bend its figures, and the command that mends it.
//
// A check reads, and changes nothing. It is a function of the files below one root, so that
// every finding can be tested on a machine that has nothing the matter.
package doctor

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// State is how bad a finding is.
type State string

// The states.
const (
	OK      State = "ok"
	Note    State = "note"    // works, but the figures deserve a second look
	Problem State = "problem" // some cells of the matrix cannot run, or figures cannot be trusted
)

// Finding is the result of one check.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Found string `json:"found"`         // what there is, in words
	Fix   string `json:"fix,omitempty"` // the command that mends it
}

// Host is what the checks look at.
type Host struct {
	Files  fs.FS  // the root of the file system: /proc and /sys are read
	CPUs   []int  // this process may use
	Nofile uint64 // hard limit of descriptors
	// Counting says why system calls cannot be counted; nil: they can.
	Counting error
	// Uring says why io_uring cannot be used; nil: it can.
	Uring error
	// Steal and Foreign are how busy the hypervisor and other processes kept the CPUs during a
	// short look, as shares of one CPU.
	Steal, Foreign float64
}

// WantConns is how many connections the largest cell of the usual profiles opens.
const WantConns = 10000

// Examine makes every check, in order of weight.
func Examine(h Host) []Finding {
	checks := []struct {
		name  string
		check func(Host) Finding
	}{
		{"cpus", cpus},
		{"open files", openFiles},
		{"ports", ports},
		{"busy ports", timeWait},
		{"accept queue", acceptQueue},
		{"threads", threads},
		{"io_uring", uring},
		{"counting calls", counting},
		{"governor", governor},
		{"neighbours", neighbours},
		{"steal", steal},
		{"congestion", congestion},
		{"clock", clock},
	}
	var out []Finding
	for _, c := range checks {
		f := c.check(h)
		f.Check = c.name
		out = append(out, f)
	}
	return out
}

// Worst returns the gravest state among findings.
func Worst(findings []Finding) State {
	worst := OK
	for _, f := range findings {
		if f.State == Problem || (f.State == Note && worst == OK) {
			worst = f.State
		}
	}
	return worst
}

func cpus(h Host) Finding {
	if len(h.CPUs) < 2 {
		return Finding{
			State: Note, Found: "one CPU: server and generator share it, split cells run shared",
			Fix: "give this process two CPUs (taskset -c 0,1 ..., or the container's cpuset)",
		}
	}
	return Finding{State: OK, Found: fmt.Sprintf("%d CPUs: %v", len(h.CPUs), h.CPUs)}
}

func openFiles(h Host) Finding {
	const need = WantConns + 64
	f := Finding{State: OK, Found: fmt.Sprintf("%d per process", h.Nofile)}
	if h.Nofile < need {
		f.State = Problem
		f.Found += fmt.Sprintf("; %d connections need %d", WantConns, need)
		f.Fix = fmt.Sprintf("ulimit -Hn %d (as root), or LimitNOFILE=%d in the unit", need, need)
	}
	return f
}

func ports(h Host) Finding {
	words := strings.Fields(h.text("proc/sys/net/ipv4/ip_local_port_range"))
	if len(words) != 2 {
		return unknown("proc/sys/net/ipv4/ip_local_port_range")
	}
	low, high := number(words[0]), number(words[1])
	f := Finding{State: OK, Found: fmt.Sprintf("%d for clients, per source address", high-low+1)}
	if high-low < WantConns {
		f.State = Note
		f.Fix = "sysctl -w net.ipv4.ip_local_port_range='1024 65535' (the generator also spreads over 127.0.0.2 and on)"
	}
	return f
}

func timeWait(h Host) Finding {
	waiting := 0
	for line := range strings.Lines(h.text("proc/net/sockstat")) {
		words := strings.Fields(line)
		for i, w := range words {
			if words[0] == "TCP:" && w == "tw" && i+1 < len(words) {
				waiting = number(words[i+1])
			}
		}
	}
	f := Finding{State: OK, Found: fmt.Sprintf("%d connections in TIME_WAIT", waiting)}
	if waiting > 50000 {
		f.State = Note
		f.Fix = "wait a minute: they hold ports and kernel memory from an earlier run"
	}
	return f
}

func acceptQueue(h Host) Finding {
	const path, want = "proc/sys/net/core/somaxconn", 4096
	n, ok := h.number(path)
	switch {
	case !ok:
		return unknown(path)
	case n < want:
		return Finding{
			State: Note, Found: fmt.Sprintf("somaxconn %d: a burst of connects will overflow it", n),
			Fix: fmt.Sprintf("sysctl -w net.core.somaxconn=%d", want),
		}
	}
	return Finding{State: OK, Found: fmt.Sprintf("somaxconn %d", n)}
}

func threads(h Host) Finding {
	const need = WantConns + 1000
	for _, name := range []string{"threads-max", "pid_max"} {
		n, ok := h.number("proc/sys/kernel/" + name)
		if ok && n < need {
			found := fmt.Sprintf("kernel.%s is %d: the model thread needs one per connection", name, n)
			return Finding{State: Problem, Found: found, Fix: fmt.Sprintf("sysctl -w kernel.%s=%d", name, 4*need)}
		}
	}
	return Finding{State: OK, Found: fmt.Sprintf("room for %d", need)}
}

func uring(h Host) Finding {
	if h.Uring == nil {
		return Finding{State: OK, Found: "allowed"}
	}
	return Finding{
		State: Problem, Found: h.Uring.Error() + ": the proactor on io_uring is left out",
		Fix: "sysctl -w kernel.io_uring_disabled=0, and a sandbox profile that allows io_uring_setup",
	}
}

func counting(h Host) Finding {
	if h.Counting == nil {
		return Finding{State: OK, Found: "allowed"}
	}
	return Finding{
		State: Note, Found: h.Counting.Error() + "; the column stays empty",
		Fix: "as root: sysctl -w kernel.perf_event_paranoid=-1; mount -t tracefs tracefs /sys/kernel/tracing",
	}
}

func governor(h Host) Finding {
	name := h.text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	switch name {
	case "":
		return Finding{State: OK, Found: "not ours to set (a guest, or no frequency scaling)"}
	case "performance":
		return Finding{State: OK, Found: name}
	}
	return Finding{
		State: Note, Found: name + ": the clock follows the load, and so do the figures",
		Fix: "cpupower frequency-set -g performance (as root)",
	}
}

func neighbours(h Host) Finding {
	f := Finding{State: OK, Found: fmt.Sprintf("others used %.2f CPUs in the last moment", h.Foreign)}
	if h.Foreign > 0.1 {
		f.State = Note
		f.Fix = "see who it is: top -b -n 1 | head; disturbed cells are repeated, and marked if that does not help"
	}
	return f
}

func steal(h Host) Finding {
	f := Finding{State: OK, Found: fmt.Sprintf("the hypervisor took %.1f %% of a CPU in the last moment", 100*h.Steal)}
	if h.Steal > 0.02 {
		f.State = Note
		f.Fix = "use a quieter host, or trust only ratios inside a block"
	}
	return f
}

func congestion(h Host) Finding {
	name := h.text("proc/sys/net/ipv4/tcp_congestion_control")
	if name == "bbr" {
		return Finding{State: OK, Found: name + " by default; every server sets its own, the same for all"}
	}
	return Finding{State: OK, Found: name + " by default"}
}

func clock(h Host) Finding {
	const path = "sys/devices/system/clocksource/clocksource0/current_clocksource"
	name := h.text(path)
	switch name {
	case "":
		return unknown(path)
	case "tsc", "kvm-clock", "arch_sys_counter":
		return Finding{State: OK, Found: name}
	}
	return Finding{
		State: Note, Found: name + ": reading the time is a system call",
		Fix: "boot with clocksource=tsc if the CPU has a constant one",
	}
}

func unknown(path string) Finding {
	return Finding{State: Note, Found: "not known: /" + path + " cannot be read here"}
}

// text is a file's content as one line; "" if it cannot be read.
func (h Host) text(path string) string {
	data, err := fs.ReadFile(h.Files, path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (h Host) number(path string) (int, bool) {
	n, err := strconv.Atoi(h.text(path))
	return n, err == nil
}

func number(word string) int {
	n, err := strconv.Atoi(word)
	if err != nil {
		return 0
	}
	return n
}

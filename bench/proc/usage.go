package proc

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Monotonic is the time of CLOCK_MONOTONIC, the clock in which netload states its phases.
func Monotonic() time.Duration { return clock(unix.CLOCK_MONOTONIC) }

func clock(id int32) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		return 0 // cannot fail for a clock that every Linux has
	}
	return time.Duration(ts.Nano())
}

// CPU is the processor time a process has used, threads that have died included.
type CPU struct {
	Total time.Duration // exact to 1 ns
	User  time.Duration // by clock tick: only good for the split of a difference
	Ticks time.Duration // user and system by clock tick
}

// The clocks of another process, as the kernel numbers them (CPUCLOCK_*).
const (
	clockProf  = 0 // user and system, by clock tick
	clockVirt  = 1 // user, by clock tick
	clockSched = 2 // run time as the scheduler sums it
)

// ReadCPU reads the CPU clocks of a server's processes, summed. They include dead threads, which
// the files of /proc do not, and cost one system call each however many threads there are.
func ReadCPU(pids ...int) (CPU, error) {
	var sum CPU
	for _, pid := range pids {
		cpu, err := readCPU(pid)
		if err != nil {
			return CPU{}, err
		}
		sum.Total += cpu.Total
		sum.User += cpu.User
		sum.Ticks += cpu.Ticks
	}
	return sum, nil
}

func readCPU(pid int) (CPU, error) {
	var cpu CPU
	for _, c := range []struct {
		which int32
		into  *time.Duration
	}{{clockSched, &cpu.Total}, {clockVirt, &cpu.User}, {clockProf, &cpu.Ticks}} {
		var ts unix.Timespec
		id := ^int32(pid)<<3 | c.which
		if err := unix.ClockGettime(id, &ts); err != nil {
			return CPU{}, fmt.Errorf("CPU time of process %d: %w", pid, os.NewSyscallError("clock_gettime", err))
		}
		*c.into = time.Duration(ts.Nano())
	}
	return cpu, nil
}

// Since is what was used from an earlier reading on: in all, and split by the ticks.
func (c CPU) Since(earlier CPU) (total, user, sys time.Duration) {
	total = c.Total - earlier.Total
	if ticks := c.Ticks - earlier.Ticks; ticks > 0 {
		user = time.Duration(float64(total) * float64(c.User-earlier.User) / float64(ticks))
	}
	return total, user, total - user
}

// Memory is what a server's processes hold.
type Memory struct {
	RSS     int64 // bytes resident
	Anon    int64 // those of them that belong to no file: heap, stacks, buffers; not the program
	Threads int
}

// ReadMemory walks the page tables: exact, and too slow for the middle of a window. What several
// processes share (the program, above all) is counted once.
func ReadMemory(pids ...int) (Memory, error) {
	labels := rollupLabels{"Rss:", "Anonymous:"}
	if len(pids) > 1 {
		labels = rollupLabels{"Pss:", "Pss_Anon:"} // each page divided by the number of processes that map it
	}
	var sum Memory
	for _, pid := range pids {
		m, err := readMemory(pid, labels)
		if err != nil {
			return Memory{}, err
		}
		sum.RSS += m.RSS
		sum.Anon += m.Anon
		sum.Threads += m.Threads
	}
	return sum, nil
}

// rollupLabels name the lines of smaps_rollup that are summed.
type rollupLabels struct{ rss, anon string }

func readMemory(pid int, labels rollupLabels) (Memory, error) {
	rollup, err := os.ReadFile(procPath(pid, "smaps_rollup"))
	if err != nil {
		return Memory{}, fmt.Errorf("resident memory: %w", err)
	}
	rss, hasRSS := fieldKB(rollup, labels.rss)
	anon, hasAnon := fieldKB(rollup, labels.anon)
	if !hasRSS || !hasAnon {
		return Memory{}, fmt.Errorf("resident memory: no %s or %s in %s",
			labels.rss, labels.anon, procPath(pid, "smaps_rollup"))
	}
	status, err := os.ReadFile(procPath(pid, "status"))
	if err != nil {
		return Memory{}, fmt.Errorf("thread count: %w", err)
	}
	threads, _ := field(status, "Threads:")
	return Memory{RSS: rss, Anon: anon, Threads: int(threads)}, nil
}

// Switches counts context switches.
type Switches struct{ Voluntary, Involuntary uint64 }

// maxThreadsRead bounds the work of ReadSwitches: of more threads an even sample is read and
// scaled up, since reading thousands of files would itself disturb the window.
const maxThreadsRead = 64

// ReadSwitches sums the context switches of the living threads of a server's processes.
func ReadSwitches(pids ...int) (Switches, error) {
	var sum Switches
	for _, pid := range pids {
		s, err := readSwitches(pid)
		if err != nil {
			return Switches{}, err
		}
		sum.Voluntary += s.Voluntary
		sum.Involuntary += s.Involuntary
	}
	return sum, nil
}

func readSwitches(pid int) (Switches, error) {
	tasks, err := taskDirs(pid)
	if err != nil {
		return Switches{}, fmt.Errorf("context switches: %w", err)
	}
	step := max(1, float64(len(tasks))/maxThreadsRead)
	var sum Switches
	read := 0
	for at := 0.0; int(at) < len(tasks); at += step {
		status, err := os.ReadFile(filepath.Join(procPath(pid, "task"), tasks[int(at)], "status"))
		if err != nil {
			continue // the thread ended between the listing and now
		}
		voluntary, _ := field(status, "voluntary_ctxt_switches:")
		involuntary, _ := field(status, "nonvoluntary_ctxt_switches:")
		sum.Voluntary += uint64(voluntary)
		sum.Involuntary += uint64(involuntary)
		read++
	}
	if read == 0 {
		return Switches{}, fmt.Errorf("context switches: process %d has no thread left", pid)
	}
	scale := float64(len(tasks)) / float64(read)
	return Switches{uint64(float64(sum.Voluntary) * scale), uint64(float64(sum.Involuntary) * scale)}, nil
}

// Since is what was added after an earlier reading. Threads that died in between took their
// counts with them, so a difference can come out below zero: it is then none.
func (s Switches) Since(earlier Switches) Switches {
	return Switches{saturate(s.Voluntary, earlier.Voluntary), saturate(s.Involuntary, earlier.Involuntary)}
}

func saturate(a, b uint64) uint64 { return max(a, b) - b }

func taskDirs(pid int) ([]string, error) {
	dir, err := os.Open(procPath(pid, "task"))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

func procPath(pid int, name string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + name
}

// field finds the number after a label that begins a line, as in /proc/PID/status.
func field(data []byte, label string) (int64, bool) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), label); ok {
			words := strings.Fields(rest)
			if len(words) == 0 {
				return 0, false
			}
			n, err := strconv.ParseInt(words[0], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// fieldKB is field for a value in KiB, in bytes.
func fieldKB(data []byte, label string) (int64, bool) {
	n, ok := field(data, label)
	return n << 10, ok
}

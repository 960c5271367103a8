package proc

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// MachineState is a reading of the counters of the whole machine, to be compared with another.
type MachineState struct {
	Busy     time.Duration // of the CPUs asked for, summed; 10 ms steps
	Steal    time.Duration // of all CPUs, summed; 10 ms steps
	MemStall time.Duration // pressure stall "some"; 0 where the kernel has no PSI
	IOStall  time.Duration
}

// userHZ is the unit of /proc/stat on every architecture Go runs on.
const userHZ = 100

// MachineReader reads the machine's counters.
type MachineReader struct {
	// irqApart says that this kernel does not charge interrupts to the process they hit
	// (CONFIG_IRQ_TIME_ACCOUNTING). Loopback does its work in soft interrupts: counted as
	// busy there, it would look like foreign work.
	irqApart bool
}

// NewMachineReader finds out how this kernel accounts for interrupts.
func NewMachineReader() MachineReader {
	return MachineReader{irqApart: kernelHas("CONFIG_IRQ_TIME_ACCOUNTING=y")}
}

// Read takes a reading; Busy covers only the given CPUs: what other CPUs do is not in the way.
func (m MachineReader) Read(cpus []int) (MachineState, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return MachineState{}, fmt.Errorf("machine state: %w", err)
	}
	state, err := m.parse(data, cpus)
	if err != nil {
		return MachineState{}, err
	}
	state.MemStall, state.IOStall = stall("/proc/pressure/memory"), stall("/proc/pressure/io")
	return state, nil
}

// parse reads the lines "cpuN user nice system idle iowait irq softirq steal ...".
func (m MachineReader) parse(stat []byte, cpus []int) (MachineState, error) {
	var state MachineState
	found := 0
	for line := range strings.Lines(string(stat)) {
		words := strings.Fields(line)
		if len(words) < 9 || !strings.HasPrefix(words[0], "cpu") {
			continue
		}
		var ticks [8]int64
		for i := range ticks {
			ticks[i], _ = strconv.ParseInt(words[i+1], 10, 64)
		}
		cpu, err := strconv.Atoi(words[0][len("cpu"):])
		if err != nil { // the line "cpu": the sum of all
			state.Steal = time.Duration(ticks[7]) * (time.Second / userHZ)
			continue
		}
		if !slices.Contains(cpus, cpu) {
			continue
		}
		found++
		busy := ticks[0] + ticks[1] + ticks[2]
		if !m.irqApart {
			busy += ticks[5] + ticks[6]
		}
		state.Busy += time.Duration(busy) * (time.Second / userHZ)
	}
	if found != len(cpus) {
		return state, fmt.Errorf("machine state: /proc/stat shows %d of the CPUs %v", found, cpus)
	}
	return state, nil
}

// stall reads the total of the line "some ... total=MICROSECONDS".
func stall(path string) time.Duration {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(data), "\n")
	_, total, ok := strings.Cut(line, "total=")
	micros, err := strconv.ParseInt(total, 10, 64)
	if !ok || !strings.HasPrefix(line, "some ") || err != nil {
		return 0
	}
	return time.Duration(micros) * time.Microsecond
}

// Kernel is what the kernel holds, machine-wide, in bytes.
type Kernel struct {
	Slab    int64 // sockets, files, timers, entries of epoll: its own objects
	Stacks  int64 // of threads, with their page tables
	Sockets int64 // bytes on their way in TCP buffers
}

// Sum is all of it.
func (k Kernel) Sum() int64 { return k.Slab + k.Stacks + k.Sockets }

// KernelMemory reads what the kernel holds for sockets and threads.
func KernelMemory() (Kernel, error) {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return Kernel{}, fmt.Errorf("kernel memory: %w", err)
	}
	var values [3]int64
	for i, label := range []string{"Slab:", "KernelStack:", "PageTables:"} {
		n, ok := fieldKB(info, label)
		if !ok {
			return Kernel{}, fmt.Errorf("kernel memory: no %s in /proc/meminfo", label)
		}
		values[i] = n
	}
	sockets, err := socketMemory()
	return Kernel{Slab: values[0], Stacks: values[1] + values[2], Sockets: sockets}, err
}

// socketMemory reads the pages of TCP buffers from the line "TCP: inuse 5 ... mem 2".
func socketMemory() (int64, error) {
	stat, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0, fmt.Errorf("socket memory: %w", err)
	}
	for line := range strings.Lines(string(stat)) {
		words := strings.Fields(line)
		if i := slices.Index(words, "mem"); i > 0 && i+1 < len(words) && words[0] == "TCP:" {
			pages, err := strconv.ParseInt(words[i+1], 10, 64)
			return pages * int64(os.Getpagesize()), err
		}
	}
	return 0, errors.New("socket memory: no TCP line with mem in /proc/net/sockstat")
}

// kernelHas looks for a line in the configuration of the running kernel; unknown is false.
func kernelHas(line string) bool {
	return bytes.Contains(kernelConfig(), []byte("\n"+line+"\n"))
}

func kernelConfig() []byte {
	if file, err := os.Open("/proc/config.gz"); err == nil {
		defer file.Close()
		if unzip, err := gzip.NewReader(file); err == nil {
			if data, err := io.ReadAll(unzip); err == nil {
				return data
			}
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return nil
	}
	data, err := os.ReadFile("/boot/config-" + unix.ByteSliceToString(u.Release[:]))
	if err != nil {
		return nil
	}
	return data
}

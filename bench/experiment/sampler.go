package experiment

import (
	"fmt"
	"strings"
	"time"

	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/loadgen"
)

// sampler reads what the server costs at the moments netload announces. One goroutine calls
// phase; the results are read after the generator has exited.
//
//	connected ── idle memory     warmup ── count on     measure ── count off, first reading
//	                                                    drain   ── second reading, memory
type sampler struct {
	server  []int // process ids
	cpus    []int
	machine proc.MachineReader
	counter *proc.Counter // nil: system calls are not counted
	settle  time.Duration

	memoryBase, memoryIdle, memoryEnd proc.Memory
	kernelBase, kernelIdle            proc.Kernel
	okAtWarmup, okAtMeasure           uint64
	calls                             uint64
	counted                           bool
	first, second                     reading
	trouble                           []error // what could not be read
}

// reading is everything that is compared between the two edges of the window.
type reading struct {
	edge     time.Duration // when the generator says the edge was
	at       time.Duration // when the CPU clock was read
	taken    bool
	cpu      proc.CPU
	switches proc.Switches
	machine  proc.MachineState
}

// beforeConnections reads the memory of the server that has just come up.
func (s *sampler) beforeConnections() {
	s.memoryBase, s.kernelBase = s.memory()
}

// phase takes the reading that belongs to a moment of the load.
func (s *sampler) phase(p proc.Phase) {
	switch p.Name {
	case proc.PhaseConnected:
		// Most of the silence lets the last accepts and frees pass; the rest is for reading.
		time.Sleep(s.settle * 2 / 3)
		s.memoryIdle, s.kernelIdle = s.memory()
	case proc.PhaseWarmup:
		s.okAtWarmup = p.OK
		if s.counter != nil {
			s.note(s.counter.Enable())
		}
	case proc.PhaseMeasure:
		s.okAtMeasure = p.OK
		if s.counter != nil {
			var err error
			s.calls, err = s.counter.Stop()
			s.counted = err == nil
			s.note(err)
		}
		s.first = s.read(p.At)
	case proc.PhaseDrain:
		s.second = s.read(p.At)
		s.memoryEnd, _ = s.memory()
	}
}

func (s *sampler) read(edge time.Duration) reading {
	r := reading{edge: edge, at: proc.Monotonic(), taken: true}
	var err error
	r.cpu, err = proc.ReadCPU(s.server...) // first: everything after it takes time
	s.note(err)
	r.machine, err = s.machine.Read(s.cpus)
	s.note(err)
	r.switches, err = proc.ReadSwitches(s.server...)
	s.note(err)
	return r
}

func (s *sampler) memory() (proc.Memory, proc.Kernel) {
	memory, err := proc.ReadMemory(s.server...)
	s.note(err)
	kernel, err := proc.KernelMemory()
	s.note(err)
	return memory, kernel
}

func (s *sampler) note(err error) {
	if err != nil {
		s.trouble = append(s.trouble, err)
	}
}

// lateShare is how much of the window a reading may be late before the record says so.
const lateShare = 0.02

// fill writes the summary and the readings into rec, or says why they are not a measurement.
func (s *sampler) fill(rec *record.Record, sum loadgen.Summary) (why string) {
	if sum.Requests.OK == 0 {
		return fmt.Sprintf("no verified reply; errors %v, connections failed %v, time-outs %d; the generator says: %s",
			sum.Requests.Errors, sum.Connections.Failed, sum.Requests.Timeouts, strings.Join(sum.Reasons, "; "))
	}
	if !s.first.taken || !s.second.taken {
		return "the load generator did not announce its measured window"
	}
	rec.Load = sum
	s.fillUsage(rec)
	window := s.second.edge - s.first.edge
	s.fillMachine(&rec.Machine, window, sum)
	if late := max(s.first.at-s.first.edge, s.second.at-s.second.edge); float64(late) > lateShare*float64(window) {
		rec.Warnings = append(rec.Warnings,
			fmt.Sprintf("server CPU was read %v late in a window of %v", late.Round(time.Millisecond), window))
	}
	for _, err := range s.trouble {
		rec.Warnings = append(rec.Warnings, err.Error())
	}
	return ""
}

// fillUsage cuts the readings to the window: they come a little after its edges, by as long as
// it takes to read a line from a pipe on a busy machine.
func (s *sampler) fillUsage(rec *record.Record) {
	u := &rec.Server
	cut := float64(s.second.edge-s.first.edge) / float64(max(s.second.at-s.first.at, 1))
	total, user, sys := s.second.cpu.Since(s.first.cpu)
	u.CPUS, u.CPUUserS, u.CPUSysS = cut*total.Seconds(), cut*user.Seconds(), cut*sys.Seconds()
	switches := s.second.switches.Since(s.first.switches)
	u.Voluntary, u.Involuntary = switches.Voluntary, switches.Involuntary
	u.RSSBase, u.RSSIdle, u.RSSPeak = s.memoryBase.RSS, s.memoryIdle.RSS, s.memoryEnd.RSS
	u.AnonBase, u.AnonIdle, u.AnonPeak = s.memoryBase.Anon, s.memoryIdle.Anon, s.memoryEnd.Anon
	u.KernelIdle = s.kernelIdle.Sum() - s.kernelBase.Sum()
	u.StackIdle = s.kernelIdle.Stacks - s.kernelBase.Stacks
	u.Threads = s.memoryEnd.Threads
	if s.counted && s.okAtMeasure > s.okAtWarmup {
		u.Syscalls = float64(s.calls) / float64(s.okAtMeasure-s.okAtWarmup) * float64(rec.Replies())
	}
}

func (s *sampler) fillMachine(m *record.Machine, window time.Duration, sum loadgen.Summary) {
	from, to := s.first.machine, s.second.machine
	served, _, _ := s.second.cpu.Since(s.first.cpu)
	foreign := (to.Busy - from.Busy - served).Seconds() - sum.Generator.CPUS
	m.ForeignCPU = max(foreign/window.Seconds(), 0)
	m.StealS = (to.Steal - from.Steal).Seconds()
	m.MemStallS = (to.MemStall - from.MemStall).Seconds()
	m.IOStallS = (to.IOStall - from.IOStall).Seconds()
}

package experiment

import (
	"fmt"
	"strings"
	"time"

	"iomodels/bench/proc"
	"iomodels/bench/record"
	"iomodels/bench/slice"
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
	window                            slice.Window
	trouble                           []error // what could not be read
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
		s.window.From = s.look(p.At)
	case proc.PhaseDrain:
		s.window.To = s.look(p.At)
		s.memoryEnd, _ = s.memory()
	}
}

func (s *sampler) look(at time.Duration) slice.Edge {
	edge := slice.Look(s.machine, s.server, s.cpus, at)
	s.note(edge.Err)
	return edge
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
	if !s.window.Whole() {
		return s.window.Err().Error()
	}
	rec.Load = sum
	s.fillUsage(rec)
	rec.Machine = s.window.Machine(sum.Generator.CPUS)
	if late, of := s.window.Late(), s.window.Length(); float64(late) > lateShare*float64(of) {
		rec.Warnings = append(rec.Warnings,
			fmt.Sprintf("server CPU was read %v late in a window of %v", late.Round(time.Millisecond), of))
	}
	for _, err := range s.trouble {
		rec.Warnings = append(rec.Warnings, err.Error())
	}
	return ""
}

func (s *sampler) fillUsage(rec *record.Record) {
	u := &rec.Server
	s.window.Fill(u)
	u.RSSBase, u.RSSIdle, u.RSSPeak = s.memoryBase.RSS, s.memoryIdle.RSS, s.memoryEnd.RSS
	u.AnonBase, u.AnonIdle, u.AnonPeak = s.memoryBase.Anon, s.memoryIdle.Anon, s.memoryEnd.Anon
	u.KernelIdle = s.kernelIdle.Sum() - s.kernelBase.Sum()
	u.StackIdle = s.kernelIdle.Stacks - s.kernelBase.Stacks
	u.Threads = s.memoryEnd.Threads
	if s.counted && s.okAtMeasure > s.okAtWarmup {
		u.Syscalls = float64(s.calls) / float64(s.okAtMeasure-s.okAtWarmup) * float64(rec.Replies())
	}
}

package slice

import (
	"errors"
	"time"

	"iomodels/bench/proc"
	"iomodels/bench/record"
)

// Edge is everything that is read at one end of a measured window.
type Edge struct {
	At       time.Duration // when the generator says the edge was
	Read     time.Duration // when the CPU clock was read: a little later
	CPU      proc.CPU
	Switches proc.Switches
	Machine  proc.MachineState
	Err      error // what could not be read
	taken    bool
}

// Look reads the edge that the generator has announced for the time at; cpus are those of both
// sides, on which anybody else is foreign.
func Look(machine proc.MachineReader, pids, cpus []int, at time.Duration) Edge {
	e := Edge{At: at, Read: proc.Monotonic(), taken: true}
	var errCPU, errMachine, errSwitches error
	e.CPU, errCPU = proc.ReadCPU(pids...) // first: everything after it takes time
	e.Machine, errMachine = machine.Read(cpus)
	e.Switches, errSwitches = proc.ReadSwitches(pids...)
	e.Err = errors.Join(errCPU, errMachine, errSwitches)
	return e
}

// Window is what happened between two edges.
type Window struct{ From, To Edge }

// Whole reports whether both edges were announced and read.
func (w Window) Whole() bool { return w.From.taken && w.To.taken }

// Err says why the window is no measurement.
func (w Window) Err() error {
	if !w.Whole() {
		return errors.New("the load generator did not announce its measured window")
	}
	return errors.Join(w.From.Err, w.To.Err)
}

// Length is the length of the measured part, by the generator's clock.
func (w Window) Length() time.Duration { return w.To.At - w.From.At }

// Late is how long after its edge the later of the readings came.
func (w Window) Late() time.Duration { return max(w.From.Read-w.From.At, w.To.Read-w.To.At) }

// Fill writes CPU time and context switches of the server, cut to the window: readings come a
// little after its edges, by as long as it takes to read a line from a pipe on a busy machine.
func (w Window) Fill(u *record.Usage) {
	cut := float64(w.Length()) / float64(max(w.To.Read-w.From.Read, 1))
	total, user, sys := w.To.CPU.Since(w.From.CPU)
	u.CPUS, u.CPUUserS, u.CPUSysS = cut*total.Seconds(), cut*user.Seconds(), cut*sys.Seconds()
	switches := w.To.Switches.Since(w.From.Switches)
	u.Voluntary, u.Involuntary = switches.Voluntary, switches.Involuntary
}

// Machine is what else went on; generatorS is the CPU time of the generator in the window.
func (w Window) Machine(generatorS float64) record.Machine {
	from, to := w.From.Machine, w.To.Machine
	served, _, _ := w.To.CPU.Since(w.From.CPU)
	foreign := (to.Busy - from.Busy - served).Seconds() - generatorS
	return record.Machine{
		ForeignCPU: max(foreign/w.Length().Seconds(), 0),
		StealS:     (to.Steal - from.Steal).Seconds(),
		MemStallS:  (to.MemStall - from.MemStall).Seconds(),
		IOStallS:   (to.IOStall - from.IOStall).Seconds(),
	}
}

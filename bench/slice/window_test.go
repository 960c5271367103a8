package slice

import (
	"math"
	"testing"
	"time"

	"iomodels/bench/proc"
	"iomodels/bench/record"
)

// TestWindowIsCutToItsEdges: 300 ms, read late by 30 ms at the end, in which the server ran 132 ms
// and the generator 150 ms of the 330 ms that somebody was busy.
func TestWindowIsCutToItsEdges(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	w := Window{
		From: Edge{At: ms(1000), Read: ms(1000), CPU: proc.CPU{Total: ms(5000)}, taken: true},
		To: Edge{
			At: ms(1300), Read: ms(1330), CPU: proc.CPU{Total: ms(5132)}, taken: true,
			Machine: proc.MachineState{Busy: ms(330), Steal: ms(20), MemStall: ms(3)},
		},
	}
	var u record.Usage
	w.Fill(&u)
	if math.Abs(u.CPUS-0.120) > 1e-9 || w.Length() != ms(300) || w.Late() != ms(30) || w.Err() != nil {
		t.Errorf("%v s of CPU time, %v long, %v late, %v", u.CPUS, w.Length(), w.Late(), w.Err())
	}
	m := w.Machine(0.150)
	if math.Abs(m.ForeignCPU-0.048/0.3) > 1e-9 || m.StealS != 0.02 || m.MemStallS != 0.003 {
		t.Errorf("%+v", m)
	}
	if quiet := w.Machine(0.3); quiet.ForeignCPU != 0 {
		t.Errorf("less than nothing: %v", quiet.ForeignCPU)
	}
	if (Window{To: w.To}).Err() == nil {
		t.Error("a window with one edge was accepted")
	}
}

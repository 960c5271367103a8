package loadgen

import (
	"iomodels/loadgen/engine"
	"iomodels/loadgen/pace"
)

// mutant is a defect that other generators have, put into this one by a test: a self-test that
// does not notice it proves nothing. Only tests can make one; nil is no defect.
type mutant struct {
	schedule func(pace.Schedule) pace.Schedule // distorts when requests are due
	tally    func(*engine.Tally)               // distorts what was counted
}

func (m *mutant) paced(s pace.Schedule) pace.Schedule {
	if m == nil || m.schedule == nil {
		return s
	}
	return m.schedule(s)
}

func (m *mutant) counted(t *engine.Tally) *engine.Tally {
	if m != nil && m.tally != nil {
		m.tally(t)
	}
	return t
}

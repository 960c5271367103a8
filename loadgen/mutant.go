package loadgen

import (
	"iomodels/loadgen/conns"
	"iomodels/loadgen/engine"
	"iomodels/loadgen/pace"
)

// mutant is a defect that other generators have, put into this one by a test: a self-test that
// does not notice it proves nothing. It can also be a want that a test could not bring about
// without troubling the whole machine. Only tests can make one; nil is no defect.
type mutant struct {
	schedule func(pace.Schedule) pace.Schedule // distorts when requests are due
	tally    func(*engine.Tally)               // distorts what was counted
	dialer   func(*conns.Dialer)               // takes local ports away
}

func (m *mutant) paced(s pace.Schedule) pace.Schedule {
	if m == nil || m.schedule == nil {
		return s
	}
	return m.schedule(s)
}

func (m *mutant) dialing(d *conns.Dialer) *conns.Dialer {
	if m != nil && m.dialer != nil {
		m.dialer(d)
	}
	return d
}

func (m *mutant) counted(t *engine.Tally) *engine.Tally {
	if m != nil && m.tally != nil {
		m.tally(t)
	}
	return t
}

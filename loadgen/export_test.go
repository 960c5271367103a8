package loadgen

import (
	"math"
	"time"

	"iomodels/loadgen/engine"
	"iomodels/loadgen/latency"
	"iomodels/loadgen/pace"
)

// ClosedLoopClock measures the response from the send, not from when the request was due. That
// is what most generators do, and what hides the stalls of a server.
func (o RunOptions) ClosedLoopClock() RunOptions {
	o.mutant = &mutant{tally: func(t *engine.Tally) {
		for i, service := range t.Service {
			t.Response[i] = latency.New(latency.Exact)
			t.Response[i].Merge(service)
		}
	}}
	return o
}

// MillisecondPacing rounds due times up to whole milliseconds, as timers of coarse resolution do.
func (o RunOptions) MillisecondPacing() RunOptions {
	o.mutant = &mutant{schedule: func(s pace.Schedule) pace.Schedule { return coarse{s} }}
	return o
}

type coarse struct{ exact pace.Schedule }

func (c coarse) Due(n uint64) (time.Duration, bool) {
	at, paced := c.exact.Due(n)
	return (at + time.Millisecond - 1).Truncate(time.Millisecond), paced
}

// ForgottenInFlight drops what is unanswered at the end, as generators do that stop at the
// deadline and count what has come. It forgets consistently: its own counts still add up.
func (o RunOptions) ForgottenInFlight() RunOptions {
	o.mutant = &mutant{tally: func(t *engine.Tally) {
		p := &t.Measured
		lost := p.InFlight + p.Timeouts
		p.Sent -= lost
		p.Scheduled -= lost + p.Unsent
		p.InFlight, p.Timeouts, p.Unsent = 0, 0, 0
		t.Censored, t.CensoredMin = 0, math.MaxInt64
		for i, answered := range t.Service {
			t.Response[i] = latency.New(latency.Exact)
			t.Response[i].Merge(answered)
		}
	}}
	return o
}

package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"iomodels/loadgen/engine"
	"iomodels/loadgen/latency"
)

// portion is a process's part in a run of several. Its loops are numbered through all processes, so
// the schedules, sources and connections of all together are those of one process with so many
// loops. What they must agree on, when the load begins, they are told.
type portion struct {
	Plan Plan
	Proc int // from 0

	start atomic.Int64 // CLOCK_MONOTONIC, which is the machine's; 0: not told yet
	out   *json.Encoder
	err   error // of writing to out
}

// order is a line to a process, report a line from it.
type order struct {
	Start int64 `json:"start,omitempty"` // the load begins then
	Stop  bool  `json:"stop,omitempty"`  // send no more, drain, and come to an end
}

type report struct {
	Phase    *PhaseEvent    `json:"phase,omitempty"`
	Interval *shareInterval `json:"interval,omitempty"`
	Outcome  *outcome       `json:"outcome,omitempty"` // the last line
}

// shareInterval is an interval with what its percentiles are made of.
type shareInterval struct {
	Interval
	AtNS     int64              `json:"at_ns"` // CLOCK_MONOTONIC at its end
	Response *latency.Histogram `json:"response"`
}

// Share carries out one process's share of a plan that Run has spread over several. It reads what
// it is to do, and later when, from in, and reports to out. When in ends, so does the share: who
// would have read its report is gone.
func Share(ctx context.Context, in io.Reader, out io.Writer) error {
	s := &portion{out: json.NewEncoder(out)}
	orders := json.NewDecoder(in)
	if err := orders.Decode(s); err != nil {
		return fmt.Errorf("read the share of a plan: %w", err)
	}
	r, err := prepare(s.Plan, RunOptions{}, s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with in, at the latest when the process does
		for {
			var o order
			if orders.Decode(&o) != nil {
				r.control.Quit.Store(true)
				return
			}
			if o.Start != 0 {
				s.start.Store(o.Start)
			}
			if o.Stop {
				cancel()
			}
		}
	}()
	o, err := r.carryOut(ctx)
	if err != nil {
		return err
	}
	s.send(report{Outcome: o})
	return s.err
}

func (s *portion) phase(e PhaseEvent) { s.send(report{Phase: &e}) }

func (s *portion) interval(i Interval, at int64, merged *engine.Interval) {
	s.send(report{Interval: &shareInterval{Interval: i, AtNS: at, Response: merged.Response}})
}

func (s *portion) send(r report) {
	if err := s.out.Encode(r); err != nil {
		s.err = errors.Join(s.err, fmt.Errorf("report a share: %w", err))
	}
}

// add merges the outcome of another process. Counts and distributions add up; of what is the
// whole machine's, or a loop's own, the worst counts.
func (o *outcome) add(p *outcome) {
	o.Tally.Add(p.Tally)
	o.Generator.add(p.Generator)
	o.Began = min(o.Began, p.Began)
	if o.AllOpen != 0 && p.AllOpen != 0 {
		o.AllOpen = max(o.AllOpen, p.AllOpen)
	} else {
		o.AllOpen = 0
	}
	o.Measure, o.End = max(o.Measure, p.Measure), max(o.End, p.End)
	o.Held += p.Held
	o.Short = o.Short || p.Short
	o.Gone = o.Gone || p.Gone
	o.Cancelled = o.Cancelled || p.Cancelled
	o.Memory += p.Memory
	o.Growth += p.Growth
}

func (g *Generator) add(p Generator) {
	g.CPUUserS += p.CPUUserS
	g.CPUSysS += p.CPUSysS
	g.CPUS += p.CPUS
	g.RunDelayS += p.RunDelayS
	g.GCPauseS += p.GCPauseS
	g.GCs += p.GCs
	g.StealS = max(g.StealS, p.StealS)
	g.LoopCPUPct = max(g.LoopCPUPct, p.LoopCPUPct)
	g.RunDelayPct = max(g.RunDelayPct, p.RunDelayPct)
}

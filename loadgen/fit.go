package loadgen

import (
	"fmt"

	"iomodels/loadgen/conns"
	"iomodels/loadgen/engine"
	"iomodels/loadgen/uring"
)

// spareDescriptors is what a process needs beside connections: standard streams, the poller, one
// per loop and what the Go runtime opens.
const spareDescriptors = 64

// fit fills in what depends on the machine, transport, processes and source addresses, and refuses
// a plan that this machine cannot carry out, naming the limit and the command that lifts it.
func (p Plan) fit() (Plan, error) {
	target, err := conns.Resolve(p.Addr)
	if err != nil {
		return p, err
	}
	limits, err := conns.ReadLimits()
	if err != nil {
		return p, err
	}
	total, churn := p.Conns+p.Idle+p.Drip, p.RequestsPerConn > 0
	spare := spareDescriptors + 4*p.Loops
	if p.Procs == 0 {
		p.Procs = min(limits.ProcsFor(total, spare), maxProcs)
	}
	if p.Drip > 0 && p.Procs > 1 {
		return p, fmt.Errorf("--drip %d needs a single process, and the plan %d: take fewer connections", p.Drip, p.Procs)
	}
	if p.Procs*p.Loops > p.Conns {
		return p, fmt.Errorf("--procs %d with --loops %d each: no more than one loop per connection", p.Procs, p.Loops)
	}
	if p.Sources > 0 && !target.Loopback() {
		return p, fmt.Errorf("--sources %d: source addresses 127.0.0.2... reach only 127.0.0.0/8, not %s",
			p.Sources, target.Name)
	}
	if p.Sources == 0 && target.Loopback() {
		p.Sources = limits.SourcesFor(total, churn)
	}
	p.Engine = p.transport()
	if p.Sources > conns.MaxSources {
		return p, fmt.Errorf("--sources is %d: want %d or less", p.Sources, conns.MaxSources)
	}
	return p, limits.Check(conns.Need{
		Conns: total, Procs: p.Procs, Spare: spare, Sources: p.Sources, Churn: churn,
		Both: target.Loopback(), Salvo: p.salvo(),
	})
}

// transport chooses an engine. io_uring takes less of a processor in a closed loop of small
// requests, where it carries out many with one call; what it sends leaves somewhat later than it was
// stamped, which in a closed loop is part of being busy. In an open loop the stamps decide, and
// epoll's are nearer to the event. Short connections, pipelines and large replies gain nothing, and
// more connections than a ring has buffers would wait for one another's.
func (p Plan) transport() string {
	if p.Engine != EngineAuto {
		return p.Engine
	}
	m, err := p.mix()
	small := err == nil && max(p.Size, p.replySize(m)) <= engine.LoneRequest
	many := p.Conns+p.Idle > engine.RingBuffers*p.Loops
	if p.open() || !small || many || p.Pipeline > 1 || p.RequestsPerConn > 0 || p.Stamps > 0 ||
		uring.Available() != nil {
		return engine.Epoll
	}
	return engine.Uring
}

// salvo is how many connections the loops begin before the server gets to accept one of them. A
// plan that paces its connects has none.
func (p Plan) salvo() int {
	if p.RampPerS > 0 {
		return 0
	}
	return min(p.Conns+p.Idle, p.allLoops()*conns.Batch)
}

// allLoops is how many loops there are in all processes together.
func (p Plan) allLoops() int { return max(p.Procs, 1) * p.Loops }

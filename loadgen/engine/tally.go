package engine

import (
	"math"

	"iomodels/loadgen/conns"
	"iomodels/loadgen/latency"
	"iomodels/loadgen/wire"
)

// Part is what became of the requests that were due in one part of the run. Nothing is lost:
// Scheduled = Sent + Unsent, and Sent = OK + Timeouts + InFlight + the sum of Failed.
type Part struct {
	Scheduled, Sent, OK, Unsent, Timeouts, InFlight uint64
	Failed                                          [wire.Outcomes]uint64

	Window uint64 // verified replies received in this part, whenever sent
}

// Add sums the parts of several loops.
func (p *Part) Add(o *Part) {
	p.Scheduled += o.Scheduled
	p.Sent += o.Sent
	p.OK += o.OK
	p.Unsent += o.Unsent
	p.Timeouts += o.Timeouts
	p.InFlight += o.InFlight
	p.Window += o.Window
	for i, n := range o.Failed {
		p.Failed[i] += n
	}
}

// Failures is the sum of all error classes.
func (p *Part) Failures() uint64 {
	var sum uint64
	for _, n := range p.Failed {
		sum += n
	}
	return sum
}

// Tally is everything a loop counts. It is read when the loop has ended.
type Tally struct {
	Warmup            Part
	Steps             []Part // of the measured part: one, or as many as there are offered rates
	Measured          Part   // their sum, when the loop has ended
	WindowSent        uint64 // requests due in the measured part and sent in it
	WindowIn          uint64 // bytes received in the measured part
	WindowOut         uint64 // bytes written in the measured part
	TotalIn, TotalOut uint64 // bytes of the whole run
	Area              uint64 // requests in flight, integrated over the measured part, in ns

	Opened, ClosedByPeer uint64
	Answered             uint64 // connections that brought a verified reply
	Peak                 int
	ConnFailed           [conns.Failures]uint64

	// Histograms of the measured part; Response and Service by step and, within it, by kind of
	// request: see Bin. Censored samples, which are lower bounds, are in Response too.
	Response, Service []*latency.Histogram
	Lag               *latency.Histogram // intended to actual send
	Late              *latency.Histogram // intended send to when this loop took notice: its own delay
	Connect           *latency.Histogram
	Censored          uint64
	CensoredMin       int64 // the smallest censored sample

	Stamps Stamps // this loop's clock against the kernel's
}

// Bin is the index of a histogram of Response or Service.
func Bin(step, kind, kinds int) int { return step*kinds + kind }

func newTally(steps, kinds int) *Tally {
	t := &Tally{
		Steps:       make([]Part, steps),
		Lag:         latency.New(latency.Exact),
		Late:        latency.New(latency.Exact),
		Connect:     latency.New(latency.Exact),
		CensoredMin: math.MaxInt64,
		Stamps:      newStamps(),
	}
	for range steps * kinds {
		t.Response = append(t.Response, latency.New(latency.Exact))
		t.Service = append(t.Service, latency.New(latency.Exact))
	}
	return t
}

// Add merges the tally of another loop.
func (t *Tally) Add(o *Tally) {
	t.Warmup.Add(&o.Warmup)
	t.Measured.Add(&o.Measured)
	for i := range t.Steps {
		t.Steps[i].Add(&o.Steps[i])
	}
	t.WindowSent += o.WindowSent
	t.WindowIn += o.WindowIn
	t.WindowOut += o.WindowOut
	t.TotalIn += o.TotalIn
	t.TotalOut += o.TotalOut
	t.Area += o.Area
	t.Opened += o.Opened
	t.ClosedByPeer += o.ClosedByPeer
	t.Answered += o.Answered
	t.Peak += o.Peak
	for i, n := range o.ConnFailed {
		t.ConnFailed[i] += n
	}
	for i := range t.Response {
		t.Response[i].Merge(o.Response[i])
		t.Service[i].Merge(o.Service[i])
	}
	t.Lag.Merge(o.Lag)
	t.Late.Merge(o.Late)
	t.Connect.Merge(o.Connect)
	t.Stamps.Add(&o.Stamps)
	t.Censored += o.Censored
	t.CensoredMin = min(t.CensoredMin, o.CensoredMin)
}

// Interval is what a loop counted since the interval before.
type Interval struct {
	OK, Errors, Opened uint64
	MaxLag             int64
	Response           *latency.Histogram // coarse
}

// NewInterval returns an empty interval.
func NewInterval() *Interval { return &Interval{Response: latency.New(latency.Coarse)} }

// Add merges the interval of another loop.
func (i *Interval) Add(o *Interval) {
	i.OK += o.OK
	i.Errors += o.Errors
	i.Opened += o.Opened
	i.MaxLag = max(i.MaxLag, o.MaxLag)
	i.Response.Merge(o.Response)
}

// Reset empties the interval for its next use.
func (i *Interval) Reset() {
	h := i.Response
	h.Reset()
	*i = Interval{Response: h}
}

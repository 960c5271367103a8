package loadgen

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"iomodels/loadgen/conns"
	"iomodels/loadgen/drip"
	"iomodels/loadgen/engine"
	"iomodels/loadgen/latency"
	"iomodels/loadgen/wire"
)

// outcome is what a run came to, or a process's share of one. It travels between processes.
type outcome struct {
	Tally     *engine.Tally
	Generator Generator // but for what is in Tally
	Began     int64     // CLOCK_MONOTONIC at the first connect
	AllOpen   int64     // when all connections were open; 0: never
	Measure   int64     // when the measured part began
	End       int64     // and when it ended
	Held      uint64    // connections open when the load began
	Short     bool      // not all connections could be opened
	Gone      bool      // the server went away
	Cancelled bool      // by the caller
	Memory    uint64    // resident, at the end of the measured part
	Growth    uint64    // of it, since before the first connect

	Drip *drip.Report // of the slow uploads beside the load; nil: there were none
}

// outcome puts the results of all loops together. The loops have ended.
func (r *run) outcome() *outcome {
	return &outcome{
		Tally: r.tally(), Generator: r.generator(), Began: r.began, AllOpen: r.allOpen,
		Measure: r.control.Measure.Load(), End: r.control.End.Load(), Held: r.held,
		Short: r.short, Gone: r.gone, Cancelled: r.cancelled,
		Memory: r.loaded.resident, Growth: max(r.loaded.resident, r.before.resident) - r.before.resident,
	}
}

// summary describes an outcome, and judges it.
func (r *run) summary(o *outcome) Summary {
	t := o.Tally
	s := Summary{
		Plan:    r.plan,
		BytesIn: t.WindowIn, BytesOut: t.WindowOut, WarmupOK: t.Warmup.OK, WindowOK: t.Measured.Window,
		Requests:    requests(&t.Measured),
		Steps:       r.steps(t),
		Connections: r.connections(t),
		Intervals:   r.intervals,
		Totals:      Totals{OK: t.Warmup.OK + t.Measured.OK, BytesIn: t.TotalIn, BytesOut: t.TotalOut},
		Interrupted: o.Cancelled,
		Drip:        o.Drip,
	}
	s.ElapsedS = max(float64(o.End-o.Measure)/1e9, 0)
	s.Sessions = s.sessions()
	s.RatePerS = perSecond(t.Measured.Window, s.ElapsedS)
	s.Requests.Late = t.Lag.Above(int64(lateAfter))
	s.Connections.OpenS = float64(max(o.AllOpen, o.Began)-o.Began) / 1e9
	h := histograms(t, r.plan.open())
	s.Response, s.Service = describe(h.Response), describe(h.Service)
	s.Lag, s.Connect = describe(h.Lag), describe(h.Connect)
	s.Response.bound(t.Censored, t.CensoredMin)
	s.Kinds = r.kinds(t)
	s.Network, s.Memory = r.network(), r.memory(o)
	s.Stamps = Stamps{
		Connections: min(r.plan.Stamps, r.plan.Conns), Missing: t.Stamps.Missing, Unavailable: t.Stamps.Refused,
		Send: describe(t.Stamps.Send), Receive: describe(t.Stamps.Receive),
	}
	s.Little = little(t, h.Service, s.ElapsedS)
	s.Generator = o.Generator
	s.Generator.LateP99, s.Generator.LateMax = t.Late.Quantile(0.99), t.Late.Max()
	s.Generator.StartNS, s.Generator.EndNS = o.Measure, o.End
	v := judge(facts{
		Summary: s, inTime: t.WindowSent, short: o.Short, held: o.Held, gone: o.Gone,
		lossless: lossless(t), over: h.Response.Over() + h.Lag.Over(),
	})
	s.Verdict, s.Cost, s.Reasons = v.level, v.cost, v.reasons
	if r.opt.Histograms != nil {
		r.opt.Histograms(h)
	}
	return s
}

// lossless reports whether nothing at all failed, so that bytes can be counted in messages.
func lossless(t *engine.Tally) bool {
	for _, p := range []*engine.Part{&t.Warmup, &t.Measured} {
		if p.Failures()+p.Timeouts+p.InFlight > 0 {
			return false
		}
	}
	return t.ConnFailed[conns.Unsolicited] == 0
}

func (r *run) tally() *engine.Tally {
	t := r.loops[0].Tally()
	for _, l := range r.loops[1:] {
		t.Add(l.Tally())
	}
	return r.opt.mutant.counted(t)
}

// histograms merges the kinds of requests. In a closed loop a request is due when it is sent,
// so response and service time are one, and only censored samples were kept apart.
func histograms(t *engine.Tally, open bool) Histograms {
	for i := range t.Service {
		if !open {
			t.Response[i].Merge(t.Service[i])
		}
	}
	return Histograms{
		Response: merged(t.Response), Service: merged(t.Service), Lag: t.Lag, Connect: t.Connect,
	}
}

func merged(parts []*latency.Histogram) *latency.Histogram {
	h := latency.New(latency.Exact)
	for _, part := range parts {
		h.Merge(part)
	}
	return h
}

// kinds describes each kind of request of a mix.
func (r *run) kinds(t *engine.Tally) (kinds []Kind) {
	m, err := r.plan.mix()
	if err != nil || len(m.paths) == 1 {
		return nil
	}
	for i, path := range m.paths {
		of := func(all []*latency.Histogram) Latency {
			var some []*latency.Histogram
			for step := range t.Steps {
				some = append(some, all[engine.Bin(step, i, len(m.paths))])
			}
			return describe(merged(some))
		}
		kinds = append(kinds, Kind{
			Path: path, Share: m.shares[i], Response: of(t.Response), Service: of(t.Service),
		})
	}
	return kinds
}

// steps describes each of several offered rates. A step that an interrupt cut off has what there
// was of it.
func (r *run) steps(t *engine.Tally) (steps []Step) {
	each := r.plan.stepEach().Seconds()
	kinds := len(t.Response) / len(t.Steps)
	for i, offered := range r.plan.Steps {
		from, to := engine.Bin(i, 0, kinds), engine.Bin(i+1, 0, kinds)
		s := Step{
			Offered: offered, RatePerS: perSecond(t.Steps[i].Window, each), Requests: requests(&t.Steps[i]),
			Response: describe(merged(t.Response[from:to])), Service: describe(merged(t.Service[from:to])),
		}
		s.Response.bound(s.Requests.Timeouts+s.Requests.InFlight+s.Requests.Unsent, t.CensoredMin)
		steps = append(steps, s)
	}
	return steps
}

func perSecond(n uint64, seconds float64) float64 {
	if seconds == 0 {
		return 0
	}
	return float64(n) / seconds
}

// network is what the machine's kernel counted since the start. A counter that cannot be read
// any more stays zero.
func (r *run) network() Network {
	now, err := conns.ReadKernel()
	if err != nil {
		return Network{}
	}
	now = now.Since(r.before.kernel)
	return Network{
		SynRetransmits: now.SynRetransmits, ListenOverflows: now.ListenOverflows,
		ListenDrops: now.ListenDrops, TimeWait: now.TimeWait,
	}
}

func requests(p *engine.Part) Requests {
	r := Requests{
		Scheduled: p.Scheduled, Sent: p.Sent, OK: p.OK, Unsent: p.Unsent,
		Timeouts: p.Timeouts, InFlight: p.InFlight, Errors: map[string]uint64{},
	}
	for class, n := range p.Failed {
		if n > 0 {
			r.Errors[wire.Outcome(class).String()] = n
		}
	}
	return r
}

// sessions are the three measures of a balancer.
func (s Summary) sessions() Sessions {
	var opened uint64
	for _, i := range s.Intervals {
		if i.Phase == PhaseMeasure {
			opened += i.Opened
		}
	}
	return Sessions{
		RatePerS: perSecond(opened, s.ElapsedS), Concurrent: s.Connections.Peak,
		BytesPerS: perSecond(s.BytesIn+s.BytesOut, s.ElapsedS),
	}
}

func (r *run) connections(t *engine.Tally) Connections {
	c := Connections{
		Target: r.plan.Conns + r.plan.Idle, Opened: t.Opened, Answered: t.Answered, Peak: t.Peak,
		Failed: map[string]uint64{}, ClosedByPeer: t.ClosedByPeer,
	}
	for class, n := range t.ConnFailed {
		if n > 0 {
			c.Failed[conns.Failure(class).String()] = n
		}
	}
	return c
}

// connectFailures names what went wrong with the connects, most frequent first.
func (r *run) connectFailures() string {
	failed := r.connections(r.tally()).Failed
	if len(failed) == 0 {
		return "no answer"
	}
	return listCounts(failed)
}

// listCounts writes {"eof": 3, "reset": 7} as "reset 7, eof 3".
func listCounts(counts map[string]uint64) string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		if counts[names[i]] != counts[names[j]] {
			return counts[names[i]] > counts[names[j]]
		}
		return names[i] < names[j]
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, counts[name])
	}
	return strings.Join(names, ", ")
}

// reported are the percentiles a Latency has fields for.
var reported = [...]struct {
	name string
	q    float64
}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}, {"p99_99", 0.9999}}

func (l *Latency) at(i int) *int64 {
	return [...]*int64{&l.P50, &l.P90, &l.P99, &l.P999, &l.P9999}[i]
}

// describe turns a histogram into its summary, and marks percentiles that too few samples
// stand behind.
func describe(h *latency.Histogram) Latency {
	l := Latency{Count: h.Count(), Mean: h.Mean(), Max: h.Max()}
	for i, p := range reported {
		*l.at(i) = h.Quantile(p.q)
		if l.Count > 0 && !latency.Supports(l.Count, p.q) {
			l.Marked = append(l.Marked, p.name)
		}
	}
	for _, p := range h.Curve() {
		l.Curve = append(l.Curve, Quantile{Q: p.Q, NS: p.NS})
	}
	return l
}

// bound marks the percentiles that censored samples reach: such a sample would have been larger
// than what was recorded of it, and may have moved them up.
func (l *Latency) bound(censored uint64, least int64) {
	l.Censored = censored
	if censored == 0 {
		return
	}
	for i, p := range reported {
		if *l.at(i) >= least {
			l.Bounds = append(l.Bounds, p.name)
		}
	}
}

func little(t *engine.Tally, service *latency.Histogram, elapsed float64) Little {
	if elapsed == 0 {
		return Little{}
	}
	l := Little{
		InFlight:  float64(t.Area) / 1e9 / elapsed,
		RateXTime: perSecond(t.Measured.Window, elapsed) * service.Mean() / 1e9,
	}
	l.ResidualPct = percent(math.Abs(l.InFlight-l.RateXTime), l.InFlight)
	return l
}

// generator is what the measured part cost this process.
func (r *run) generator() Generator {
	from, to := r.from, r.to
	cpu, delay := r.busiest()
	elapsed := max(float64(r.control.End.Load()-r.control.Measure.Load())/1e9, 0)
	return Generator{
		CPUUserS: to.user - from.user, CPUSysS: to.sys - from.sys, CPUS: float64(to.cpu-from.cpu) / 1e9,
		RunDelayS: float64(to.delay-from.delay) / 1e9, GCPauseS: (to.gcPause - from.gcPause).Seconds(),
		StealS: to.steal - from.steal, GCs: uint32(to.gcs - from.gcs),
		LoopCPUPct: percent(float64(cpu)/1e9, elapsed), RunDelayPct: percent(float64(delay)/1e9, elapsed),
	}
}

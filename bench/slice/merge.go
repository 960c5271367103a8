package slice

import (
	"slices"

	"iomodels/bench/record"
	"iomodels/loadgen"
)

// merge is what the slices of one server were together: counts and CPU times summed, rates and
// percentiles of all requests. Percentiles are never averaged: the distributions are pooled.
func merge(turns []Turn) (loadgen.Summary, record.Usage, record.Machine) {
	first, last := turns[0], turns[len(turns)-1]
	sum, use := first.Summary, last.Usage
	sum.Intervals, sum.Steps, sum.Kinds = nil, nil, nil // a slice has no course worth keeping
	sum.Requests.Errors, sum.Connections.Failed = nil, nil
	use.CPUS, use.CPUUserS, use.CPUSysS, use.Voluntary, use.Involuntary = 0, 0, 0, 0, 0
	var machine record.Machine
	var replied float64
	sum.ElapsedS, sum.RatePerS = 0, 0
	for i, t := range turns {
		s := t.Summary
		sum.ElapsedS += s.ElapsedS
		replied += s.RatePerS * s.ElapsedS
		use.CPUS += t.Usage.CPUS
		use.CPUUserS += t.Usage.CPUUserS
		use.CPUSysS += t.Usage.CPUSysS
		use.Voluntary += t.Usage.Voluntary
		use.Involuntary += t.Usage.Involuntary
		add(&sum, s, i == 0)
		machine.ForeignCPU += t.Machine.ForeignCPU / float64(len(turns))
		machine.StealS += t.Machine.StealS
		machine.MemStallS += t.Machine.MemStallS
		machine.IOStallS += t.Machine.IOStallS
		machine.Tries = max(machine.Tries, t.Machine.Tries)
	}
	if sum.ElapsedS > 0 {
		sum.RatePerS = replied / sum.ElapsedS
	}
	sum.Response = pool(turns, func(s loadgen.Summary) loadgen.Latency { return s.Response })
	sum.Service = bare(pool(turns, func(s loadgen.Summary) loadgen.Latency { return s.Service }))
	sum.Connect = bare(pool(turns, func(s loadgen.Summary) loadgen.Latency { return s.Connect }))
	sum.Lag = bare(pool(turns, func(s loadgen.Summary) loadgen.Latency { return s.Lag }))
	return sum, use, machine
}

// bare drops the curve: that of the response time is kept, and lines stay short.
func bare(l loadgen.Latency) loadgen.Latency {
	l.Curve = nil
	return l
}

// add sums what is counted; the first summary is in sum already, but for its maps.
func add(sum *loadgen.Summary, s loadgen.Summary, first bool) {
	sum.Requests.Errors = addTo(sum.Requests.Errors, s.Requests.Errors)
	sum.Connections.Failed = addTo(sum.Connections.Failed, s.Connections.Failed)
	if first {
		return
	}
	for _, c := range []struct {
		into *uint64
		more uint64
	}{
		{&sum.BytesIn, s.BytesIn},
		{&sum.BytesOut, s.BytesOut},
		{&sum.WarmupOK, s.WarmupOK},
		{&sum.WindowOK, s.WindowOK},
		{&sum.Requests.Scheduled, s.Requests.Scheduled},
		{&sum.Requests.Sent, s.Requests.Sent},
		{&sum.Requests.OK, s.Requests.OK},
		{&sum.Requests.Unsent, s.Requests.Unsent},
		{&sum.Requests.Late, s.Requests.Late},
		{&sum.Requests.Timeouts, s.Requests.Timeouts},
		{&sum.Requests.InFlight, s.Requests.InFlight},
		{&sum.Connections.Opened, s.Connections.Opened},
		{&sum.Connections.Answered, s.Connections.Answered},
		{&sum.Connections.ClosedByPeer, s.Connections.ClosedByPeer},
		{&sum.Totals.OK, s.Totals.OK},
		{&sum.Totals.BytesIn, s.Totals.BytesIn},
		{&sum.Totals.BytesOut, s.Totals.BytesOut},
	} {
		*c.into += c.more
	}
	sum.Connections.Peak = min(sum.Connections.Peak, s.Connections.Peak)
	g, h := &sum.Generator, s.Generator
	g.CPUS, g.CPUUserS, g.CPUSysS = g.CPUS+h.CPUS, g.CPUUserS+h.CPUUserS, g.CPUSysS+h.CPUSysS
	g.RunDelayS, g.GCPauseS, g.StealS = g.RunDelayS+h.RunDelayS, g.GCPauseS+h.GCPauseS, g.StealS+h.StealS
	g.GCs += h.GCs
	g.LoopCPUPct, g.RunDelayPct = max(g.LoopCPUPct, h.LoopCPUPct), max(g.RunDelayPct, h.RunDelayPct)
	g.LateP99, g.LateMax = max(g.LateP99, h.LateP99), max(g.LateMax, h.LateMax)
	sum.Verdict, sum.Cost = worse(sum.Verdict, s.Verdict), worse(sum.Cost, s.Cost)
	for _, reason := range s.Reasons {
		if !slices.Contains(sum.Reasons, reason) {
			sum.Reasons = append(slices.Clip(sum.Reasons), reason)
		}
	}
}

func addTo(sum, more map[string]uint64) map[string]uint64 {
	if sum == nil {
		sum = map[string]uint64{}
	}
	for class, n := range more {
		sum[class] += n
	}
	return sum
}

// worse is the worse of two of the generator's verdicts; one that it does not know is the worst.
func worse(a, b string) string {
	order := []string{"valid", "suspect"}
	for _, v := range []string{a, b} {
		if !slices.Contains(order, v) {
			return v
		}
	}
	if slices.Index(order, a) < slices.Index(order, b) {
		return b
	}
	return a
}

// replies are those that came within the window, whenever they were asked for.
func replies(s loadgen.Summary) uint64 {
	if s.WindowOK > 0 {
		return s.WindowOK
	}
	return s.Requests.OK
}

// pool is the distribution of all requests of the turns, from their percentile curves.
func pool(turns []Turn, of func(loadgen.Summary) loadgen.Latency) loadgen.Latency {
	var parts []loadgen.Latency
	var out loadgen.Latency
	longest := 0
	for i, t := range turns {
		l := of(t.Summary)
		if i == 0 {
			out.Marked = l.Marked
		}
		parts = append(parts, l)
		out.Mean = (out.Mean*float64(out.Count) + l.Mean*float64(l.Count)) / float64(max(out.Count+l.Count, 1))
		out.Count += l.Count
		out.Censored += l.Censored
		out.Max = max(out.Max, l.Max)
		if len(l.Curve) > len(parts[longest].Curve) {
			longest = i
		}
		for _, name := range l.Bounds {
			if !slices.Contains(out.Bounds, name) {
				out.Bounds = append(out.Bounds, name)
			}
		}
	}
	mix := mixture{parts, out.Count}
	for _, p := range []struct {
		q    float64
		into *int64
		own  func(loadgen.Latency) int64
	}{
		{0.50, &out.P50, func(l loadgen.Latency) int64 { return l.P50 }},
		{0.90, &out.P90, func(l loadgen.Latency) int64 { return l.P90 }},
		{0.99, &out.P99, func(l loadgen.Latency) int64 { return l.P99 }},
		{0.999, &out.P999, func(l loadgen.Latency) int64 { return l.P999 }},
		{0.9999, &out.P9999, func(l loadgen.Latency) int64 { return l.P9999 }},
	} {
		*p.into = mix.at(p.q, p.own)
	}
	for _, pt := range parts[longest].Curve {
		out.Curve = append(out.Curve, loadgen.Quantile{Q: pt.Q, NS: mix.at(pt.Q, nil)})
	}
	return out
}

// mixture is several distributions as one, each with the weight of its samples.
type mixture struct {
	parts []loadgen.Latency
	count uint64
}

// at is the value that the share q of all samples does not exceed. Where a part has no curve,
// there is nothing to pool: the largest of the parts' own percentiles stands for it.
func (m mixture) at(q float64, own func(loadgen.Latency) int64) int64 {
	var values []int64
	most := int64(0)
	curves := true
	for _, l := range m.parts {
		if own != nil {
			most = max(most, own(l))
		}
		curves = curves && (len(l.Curve) > 0 || l.Count == 0)
		for _, p := range l.Curve {
			values = append(values, p.NS)
		}
	}
	if !curves || len(values) == 0 {
		return most
	}
	slices.Sort(values)
	// Rounding must not push a quantile that a curve names past the value it names for it.
	const grain = 1e-9
	at, _ := slices.BinarySearchFunc(values, q, func(ns int64, q float64) int {
		if m.below(ns) >= q-grain {
			return 1
		}
		return -1
	})
	return values[min(at, len(values)-1)]
}

// below is the share of all samples that are at most ns.
func (m mixture) below(ns int64) float64 {
	share := 0.0
	for _, l := range m.parts {
		share += float64(l.Count) / float64(m.count) * below(l.Curve, ns)
	}
	return share
}

// below reads a curve backwards, straight between its points.
func below(curve []loadgen.Quantile, ns int64) float64 {
	at, _ := slices.BinarySearchFunc(curve, ns, func(p loadgen.Quantile, ns int64) int {
		if p.NS > ns {
			return 1
		}
		return -1
	})
	switch {
	case at == 0:
		return 0
	case at == len(curve):
		return 1
	}
	a, b := curve[at-1], curve[at]
	return a.Q + (b.Q-a.Q)*float64(ns-a.NS)/float64(b.NS-a.NS)
}

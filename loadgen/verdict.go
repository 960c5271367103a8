package loadgen

import (
	"fmt"
	"math"
	"time"
)

// The verdicts.
const (
	Valid   = "valid"   // nothing speaks against the figures
	Suspect = "suspect" // they may be used with the reason in mind
	Invalid = "invalid" // they do not describe the plan
)

// The limits of a verdict. Times are shares of what they would falsify.
const (
	lateShare    = 0.10                   // of the median service time: own delay, 99 of 100 requests
	lateFloor    = 100 * time.Microsecond // below this nobody can be on time
	lateInvalid  = time.Millisecond       // and above the median service time: not the plan any more
	stallFloor   = 10 * time.Millisecond  // one own delay as long as this shows in the maximum
	rateOff      = 0.005                  // of the scheduled requests
	busyPct      = 95.0                   // CPU of a loop: it may have been the limit
	delayPct     = 5.0                    // of the time, waiting for a processor
	stealPct     = 1.0                    // of the time
	stealFloor   = 0.025                  // s: the counter moves in steps of 10 ms
	failedShare  = 0.01                   // of the requests
	residualPct  = 5.0                    // Little's law
	gcPauseShare = 0.001                  // of the time
)

// facts are what a verdict is made of.
type facts struct {
	Summary
	inTime uint64 // open loop: requests of the measured part that were sent in it
	short  bool   // not all connections could be opened
	held   uint64 // so many were open when the load began
	gone   bool   // the server went away
	over   uint64 // samples above the range of the histograms
	// lossless: not one request failed in the whole run.
	lossless bool
}

// verdict collects reasons; the worst one decides.
type verdict struct {
	level   string
	cost    string // level, but for what concerns speed alone
	reasons []string
}

func (v *verdict) suspect(fires bool, format string, args ...any) {
	v.cost = worse(v.cost, v.add(fires, Suspect, format, args))
}

func (v *verdict) invalid(fires bool, format string, args ...any) {
	v.cost = worse(v.cost, v.add(fires, Invalid, format, args))
}

// slow doubts times and rates, and nothing else: a loop that was late or waited for a processor
// falsifies them, but CPU time is not counted while a thread waits.
func (v *verdict) slow(level string, fires bool, format string, args ...any) {
	v.add(fires, level, format, args)
}

// add returns the level if the reason fires.
func (v *verdict) add(fires bool, level, format string, args []any) string {
	if !fires {
		return Valid
	}
	v.reasons = append(v.reasons, fmt.Sprintf(format, args...))
	v.level = worse(v.level, level)
	return level
}

func worse(a, b string) string {
	for _, level := range []string{Invalid, Suspect} {
		if a == level || b == level {
			return level
		}
	}
	return Valid
}

// judge says how far a result can be trusted, and why not further.
func judge(f facts) verdict {
	v := verdict{level: Valid, cost: Valid, reasons: []string{}}
	v.conservation(f)
	v.server(f)
	v.connections(f)
	if f.Plan.open() {
		v.schedule(f)
		v.pace(f)
	}
	v.machine(f)
	return v
}

// conservation: every request is accounted for, exactly.
func (v *verdict) conservation(f facts) {
	r := f.Requests
	v.invalid(r.Scheduled != r.Sent+r.Unsent, "requests are missing: %d scheduled, but %d sent and %d unsent",
		r.Scheduled, r.Sent, r.Unsent)
	ended := r.OK + r.Timeouts + r.InFlight + sum(r.Errors)
	v.invalid(r.Sent != ended, "requests are missing: %d sent, but %d accounted for", r.Sent, ended)
	samples := r.OK + r.Timeouts + r.InFlight + r.Unsent
	v.invalid(f.Response.Count != samples, "latencies are missing: %d samples for %d requests",
		f.Response.Count, samples)
	if f.Plan.Proto == "echo" && f.lossless {
		size := uint64(f.Plan.Size)
		v.invalid(f.Totals.BytesIn != f.Totals.OK*size || f.Totals.BytesOut != f.Totals.OK*size,
			"bytes are missing: %d out and %d in for %d messages of %d",
			f.Totals.BytesOut, f.Totals.BytesIn, f.Totals.OK, size)
	}
	v.suspect(f.over > 0, "%d latencies were above the histogram's range", f.over)
	v.little(f)
}

// little: requests in flight at the edges of the measured part are counted on one side of the
// law only, so the shorter it is, the more the sides may differ.
func (v *verdict) little(f facts) {
	l := f.Little
	edges := percent(f.Service.Mean/1e9, f.ElapsedS)
	v.suspect(l.ResidualPct > residualPct+edges && math.Abs(l.InFlight-l.RateXTime) > 1,
		"Little's law is off by %.1f %%: %.1f requests in flight, but rate x service time is %.1f:"+
			" the load was not steady", l.ResidualPct, l.InFlight, l.RateXTime)
}

// server: did it answer?
func (v *verdict) server(f facts) {
	r := f.Requests
	failures := f.failures()
	failed := sum(failures)
	many := float64(failed) > failedShare*float64(r.Sent)
	v.invalid(f.gone, "the server went away: no connection was left, and connects failed (%s)",
		listCounts(f.Connections.Failed))
	v.suspect(f.Interrupted, "interrupted after %.1f s", f.ElapsedS)
	v.invalid(r.OK == 0, "no request was answered")
	v.invalid(many, "%d of %d requests failed (%s)", failed, r.Sent, listCounts(failures))
	v.suspect(failed > 0 && !many, "%d of %d requests failed (%s)", failed, r.Sent, listCounts(failures))
}

// failures are all the ways in which a sent request went without a verified reply.
func (f facts) failures() map[string]uint64 {
	all := map[string]uint64{}
	for class, n := range f.Requests.Errors {
		all[class] = n
	}
	for class, n := range map[string]uint64{
		"timeout": f.Requests.Timeouts, "in flight at the end": f.Requests.InFlight,
	} {
		if n > 0 {
			all[class] = n
		}
	}
	return all
}

// connections: were there as many as planned, and did they stay?
func (v *verdict) connections(f facts) {
	c := f.Connections
	v.invalid(f.short, "only %d of %d connections could be opened (%s)",
		f.held, c.Target, listCounts(c.Failed))
	if f.gone {
		return
	}
	v.suspect(c.ClosedByPeer > 0, "the server closed %d connections", c.ClosedByPeer)
	v.suspect(!f.short && len(c.Failed) > 0, "connects failed (%s)", listCounts(c.Failed))
	v.suspect(f.Network.SynRetransmits > 0 && f.Connect.Max >= int64(time.Second),
		"%d SYNs were sent again (%d accept queue overflows, whole machine): connects took seconds",
		f.Network.SynRetransmits, f.Network.ListenOverflows)
}

// schedule: an even schedule has a known number of requests.
func (v *verdict) schedule(f facts) {
	kind, burst, err := f.Plan.arrival()
	if err != nil || kind == ArrivalPoisson || f.Interrupted || f.gone {
		return
	}
	profile := f.Plan.profile()
	want := profile.Due(f.Plan.Warmup+f.Plan.Duration) - profile.Due(f.Plan.Warmup)
	slack := float64(max(burst, 1) + f.Plan.allLoops())
	v.invalid(math.Abs(float64(f.Requests.Scheduled)-want) > slack,
		"%d requests became due, the plan has %.0f", f.Requests.Scheduled, want)
}

// pace: was the generator on time, and could the offered rate be kept?
func (v *verdict) pace(f facts) {
	late := time.Duration(f.Generator.LateP99).Round(time.Microsecond)
	longest := time.Duration(f.Generator.LateMax).Round(time.Microsecond)
	service := time.Duration(f.Service.P50).Round(time.Microsecond)
	const said = "the generator was late: it took notice of 1 in 100 requests %v or more after it was due" +
		" (median service time %v)"
	bad := late > max(service, lateInvalid)
	v.slow(Invalid, bad, said, late, service)
	tolerable := max(time.Duration(lateShare*float64(service)), lateFloor)
	v.slow(Suspect, !bad && late > tolerable, said, late, service)
	v.slow(Suspect, !bad && longest > max(time.Duration(f.Service.P99), stallFloor),
		"the generator stood still once, for %v: the largest response times are its own", longest)
	behind := f.Requests.Scheduled - min(f.inTime, f.Requests.Scheduled)
	v.slow(Suspect, float64(behind) > rateOff*float64(f.Requests.Scheduled),
		"the offered rate was not kept: %d of %d requests found no free connection in time (%d were never"+
			" sent)", behind, f.Requests.Scheduled, f.Requests.Unsent)
}

// machine: did the generator get the processor time it needed?
func (v *verdict) machine(f facts) {
	g := f.Generator
	v.slow(Suspect, g.LoopCPUPct > busyPct, "generator-bound: a loop used %.0f %% of a processor", g.LoopCPUPct)
	why := ": latencies contain its waits"
	if f.Plan.SharedCPU {
		why = ", which it shares with the server on purpose: times and rates contain its waits, cost does not"
	}
	v.slow(Suspect, g.RunDelayPct > delayPct, "a loop waited for a processor %.0f %% of the time%s",
		g.RunDelayPct, why)
	v.slow(Suspect, g.StealS > stealFloor && percent(g.StealS, f.ElapsedS) > stealPct,
		"the hypervisor took %.2f s of the machine", g.StealS)
	v.slow(Suspect, g.GCs > 0 && g.GCPauseS > gcPauseShare*f.ElapsedS,
		"garbage was collected %d times, pausing for %.2f ms", g.GCs, 1e3*g.GCPauseS)
}

func sum(counts map[string]uint64) (total uint64) {
	for _, n := range counts {
		total += n
	}
	return total
}

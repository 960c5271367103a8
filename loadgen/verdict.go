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
	lateInvalid  = time.Millisecond       // ... and above the median service time: not the plan any more
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
	open   bool   // open loop
	inTime uint64 // open loop: requests of the measured part that were sent in it
	short  bool   // not all connections could be opened
	held   uint64 // so many were open when the load began
	gone   bool   // the server went away
	over   uint64 // samples above the range of the histograms
}

// verdict collects reasons; the worst one decides.
type verdict struct {
	level   string
	reasons []string
}

func (v *verdict) suspect(ok bool, format string, args ...any) { v.add(ok, Suspect, format, args) }
func (v *verdict) invalid(ok bool, format string, args ...any) { v.add(ok, Invalid, format, args) }

func (v *verdict) add(fires bool, level, format string, args []any) {
	if !fires {
		return
	}
	v.reasons = append(v.reasons, fmt.Sprintf(format, args...))
	if v.level != Invalid {
		v.level = level
	}
}

// judge says how far a result can be trusted, and why not further.
func judge(f facts) (level string, reasons []string) {
	v := verdict{level: Valid, reasons: []string{}}
	v.conservation(f)
	v.load(f)
	if f.open {
		v.pace(f)
	}
	v.machine(f)
	return v.level, v.reasons
}

// conservation: every request is accounted for, exactly.
func (v *verdict) conservation(f facts) {
	r := f.Requests
	v.invalid(r.Scheduled != r.Sent+r.Unsent, "requests are missing: %d scheduled, but %d sent and %d unsent",
		r.Scheduled, r.Sent, r.Unsent)
	ended := r.OK + r.Timeouts + r.InFlight + sum(r.Errors)
	v.invalid(r.Sent != ended, "requests are missing: %d sent, but %d accounted for", r.Sent, ended)
	samples := r.OK + r.Timeouts + r.InFlight + r.Unsent
	v.invalid(f.Response.Count != samples, "latencies are missing: %d samples for %d requests", f.Response.Count, samples)
	v.suspect(f.over > 0, "%d latencies were above the histogram's range", f.over)
	gap := math.Abs(f.Little.InFlight - f.Little.RateXTime)
	v.suspect(f.Little.ResidualPct > residualPct && gap > 1,
		"Little's law is off by %.1f %%: %.1f requests in flight, but rate x service time is %.1f (was the load steady?)",
		f.Little.ResidualPct, f.Little.InFlight, f.Little.RateXTime)
}

// load: was the plan carried out?
func (v *verdict) load(f facts) {
	r, failed := f.Requests, f.Requests.Timeouts+f.Requests.InFlight+sum(f.Requests.Errors)
	v.invalid(f.gone, "the server went away: no connection was left, and connects failed (%s)", listCounts(f.Connections.Failed))
	v.invalid(f.short, "only %d of %d connections could be opened (%s)",
		f.held, f.Connections.Target, listCounts(f.Connections.Failed))
	v.suspect(f.Interrupted, "interrupted after %.1f s", f.ElapsedS)
	v.invalid(r.OK == 0, "no request was answered")
	v.suspect(failed > 0 && float64(failed) <= failedShare*float64(r.Sent), "%d of %d requests failed (%s)",
		failed, r.Sent, listCounts(f.failures()))
	v.invalid(float64(failed) > failedShare*float64(r.Sent), "%d of %d requests failed (%s)",
		failed, r.Sent, listCounts(f.failures()))
	v.suspect(f.Connections.ClosedByPeer > 0 && !f.gone, "the server closed %d connections", f.Connections.ClosedByPeer)
	v.suspect(!f.short && !f.gone && len(f.Connections.Failed) > 0, "connects failed (%s)", listCounts(f.Connections.Failed))
}

// failures are all the ways in which a sent request can go without a verified reply.
func (f facts) failures() map[string]uint64 {
	all := map[string]uint64{}
	for class, n := range f.Requests.Errors {
		all[class] = n
	}
	for class, n := range map[string]uint64{"timeout": f.Requests.Timeouts, "in flight at the end": f.Requests.InFlight} {
		if n > 0 {
			all[class] = n
		}
	}
	return all
}

// pace: was the generator on time, and could the offered rate be kept?
func (v *verdict) pace(f facts) {
	late, longest := time.Duration(f.Generator.LateP99), time.Duration(f.Generator.LateMax)
	service := time.Duration(f.Service.P50)
	bad := late > max(service, lateInvalid)
	v.invalid(bad, "the generator was late: 1 of 100 requests was due %v or more before it took notice (median service time %v)",
		late, service)
	v.suspect(!bad && late > max(time.Duration(lateShare*float64(service)), lateFloor),
		"the generator was a little late: 1 of 100 requests was due %v or more before it took notice (median service time %v)",
		late, service)
	v.suspect(!bad && longest > max(time.Duration(f.Service.P99), stallFloor),
		"the generator stood still once, for %v: the largest response times are its own", longest)
	behind := f.Requests.Scheduled - min(f.inTime, f.Requests.Scheduled)
	v.suspect(float64(behind) > rateOff*float64(f.Requests.Scheduled),
		"the offered rate was not kept: %d of %d requests found no free connection in time (%d were never sent)",
		behind, f.Requests.Scheduled, f.Requests.Unsent)
}

// machine: did the generator get the processor time it needed?
func (v *verdict) machine(f facts) {
	g := f.Generator
	v.suspect(g.LoopCPUPct > busyPct, "generator-bound: a loop used %.0f %% of a processor", g.LoopCPUPct)
	v.suspect(g.RunDelayPct > delayPct, "a loop waited for a processor %.0f %% of the time: latencies contain its waits", g.RunDelayPct)
	v.suspect(g.StealS > stealFloor && percent(g.StealS, f.ElapsedS) > stealPct, "the hypervisor took %.2f s", g.StealS)
	v.suspect(g.GCs > 0 && g.GCPauseS > gcPauseShare*f.ElapsedS, "garbage was collected %d times, pausing %.2f ms",
		g.GCs, 1e3*g.GCPauseS)
}

func sum(counts map[string]uint64) (total uint64) {
	for _, n := range counts {
		total += n
	}
	return total
}

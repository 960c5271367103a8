package loadgen

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"iomodels/loadgen/latency"
)

// Objective is what the response times of a load must keep: a percentile below a limit.
type Objective struct {
	Percentile string  // as in Latency: p99_9
	Q          float64 // 0.999
	Limit      time.Duration
}

// ParseObjective reads "p99<5ms".
func ParseObjective(text string) (Objective, error) {
	name, limit, ok := strings.Cut(strings.ReplaceAll(text, " ", ""), "<")
	d, err := time.ParseDuration(strings.TrimPrefix(limit, "="))
	for _, p := range reported {
		if ok && err == nil && d > 0 && name == strings.ReplaceAll(p.name, "_", ".") {
			return Objective{Percentile: p.name, Q: p.q, Limit: d}, nil
		}
	}
	return Objective{}, fmt.Errorf("--slo is %q: want a percentile (p50, p90, p99, p99.9 or p99.99) and its"+
		" limit, such as p99<5ms", text)
}

func (o Objective) name() string { return strings.ReplaceAll(o.Percentile, "_", ".") }

// String writes the objective as ParseObjective reads it.
func (o Objective) String() string { return o.name() + "<" + o.Limit.String() }

// The bounds of a search.
const (
	maxProbes   = 24
	firstRate   = 100.0 // per second, unless the plan has a rate
	climb       = 4.0   // from one rate to the next, until one is too high
	closeEnough = 1.05  // highest kept and lowest missed rate: then the search ends
	patientFor  = 2     // repetitions of a probe in which the generator was in its own way
	answered    = 0.99  // share of the replies that must come while the load lasts
)

// FindRate searches for the largest offered rate that keeps the objective. It begins at
// plan.Rate, climbs until a rate is too high, and then halves the distance until the highest
// rate that was kept and the lowest that was not are within 5 %: 24 probes at most, each a whole
// Run. A probe that missed because of the generator itself is repeated, twice at most.
// FindRate returns the Summary of the best probe, or of the lowest rate if none kept it, with
// Search filled in. tried, if not nil, is told of each probe.
func FindRate(ctx context.Context, plan Plan, o Objective, opt RunOptions, tried func(Probe),
) (Summary, error) {
	return findRate(ctx, plan, o, opt, tried, Run)
}

type runner func(context.Context, Plan, RunOptions) (Summary, error)

func findRate(ctx context.Context, plan Plan, o Objective, opt RunOptions, tried func(Probe), run runner,
) (Summary, error) {
	plan, err := plan.forSearch(o)
	if err != nil {
		return Summary{}, err
	}
	search := Search{Objective: o.String()}
	var best Summary
	var behind Histograms // the distributions of best
	low, high, untold := 0.0, math.Inf(1), 0
	for len(search.Probes) < maxProbes && high/low > closeEnough && !best.Interrupted {
		var h Histograms
		one := opt
		one.Histograms = func(all Histograms) { h = all }
		s, err := run(ctx, plan, one)
		if err != nil {
			return Summary{}, fmt.Errorf("at %v requests per second: %w", plan.Rate, err)
		}
		p := o.judge(plan.Rate, s)
		search.Probes = append(search.Probes, p)
		if tried != nil {
			tried(p)
		}
		if p.Kept || low == 0 {
			best, behind = s, h
		}
		best.Interrupted = s.Interrupted
		if !p.Kept && tellsNothing(s) && untold < patientFor {
			untold++
			continue
		}
		untold = 0
		if p.Kept {
			low = plan.Rate
		} else {
			high, search.Limit = plan.Rate, p.Why
		}
		if low == 0 {
			break // not even the lowest rate
		}
		plan.Rate = between(low, high)
	}
	search.Kept, search.RatePerS = low > 0, low
	best.Search = &search
	if opt.Histograms != nil {
		opt.Histograms(behind)
	}
	return best, nil
}

// tellsNothing reports whether the generator was in its own way. That can only enlarge a response
// time, so an objective that was kept is kept; of one that was missed nothing is known, and the
// rate is tried again.
func tellsNothing(s Summary) bool { return s.Verdict == Invalid && s.Cost != Invalid }

// forSearch checks and completes the plan of a search.
func (p Plan) forSearch(o Objective) (Plan, error) {
	if len(p.Steps) > 0 {
		return p, fmt.Errorf("--slo and --steps exclude each other: a search finds its rates")
	}
	chosen := p.Rate > 0
	if !chosen {
		p.Rate = firstRate
	}
	p, err := p.WithDefaults()
	if err != nil {
		return p, err
	}
	if p.Warmup == 0 {
		p.Warmup = p.Duration / 5 // a server needs a moment to get over the probe before
	}
	enough := p.Rate
	for !latency.Supports(uint64(enough*p.Duration.Seconds()), o.Q) {
		enough *= 1.1
	}
	if chosen && enough > p.Rate {
		return p, fmt.Errorf("--slo %v: at --rate %v, %v has too few samples for %s: want a rate of %.0f, or a"+
			" longer --duration", o, p.Rate, p.Duration, o.name(), math.Ceil(enough))
	}
	p.Rate = readable(enough)
	return p, nil
}

// between is the next rate to probe.
func between(low, high float64) float64 {
	if math.IsInf(high, 1) {
		return readable(low * climb)
	}
	return readable(math.Sqrt(low * high))
}

// readable rounds a rate to three digits, upwards.
func readable(rate float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(rate))-2)
	return math.Ceil(rate/unit*(1-1e-12)) * unit
}

// judge says whether a run kept the objective, and if not, why.
func (o Objective) judge(rate float64, s Summary) Probe {
	p := Probe{Offered: rate, RatePerS: s.RatePerS, Verdict: s.Verdict}
	for i, r := range reported {
		if r.name == o.Percentile {
			p.Percentile = *s.Response.at(i)
		}
	}
	switch r := s.Requests; {
	case s.Interrupted:
		p.Why = "interrupted"
	case s.Cost == Invalid:
		p.Why = "the run is invalid: " + s.Reasons[0]
	case slices.Contains(s.Response.Marked, o.Percentile):
		p.Why = "too few samples for " + o.name() + ": " + strconv.FormatUint(s.Response.Count, 10)
	case p.Percentile >= int64(o.Limit):
		p.Why = fmt.Sprintf("%s is %v", o.name(), time.Duration(p.Percentile).Round(time.Microsecond))
		if tellsNothing(s) {
			p.Why += ", but the generator was in its own way"
		}
	case float64(s.WindowOK) < answered*float64(r.Scheduled):
		p.Why = fmt.Sprintf("of %d requests only %d were answered while the load lasted", r.Scheduled, s.WindowOK)
	default:
		p.Kept = true
	}
	return p
}

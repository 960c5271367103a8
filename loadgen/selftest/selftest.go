// Package selftest proves the load generator: it runs experiments whose results are known
// beforehand, and compares.
//
// # Idea
//
// Most tools are trusted because they print numbers. Here every number the generator prints is
// held against one that was computed without it: by arithmetic, by queueing theory, or by a
// server whose latencies are known because it makes them (package oracle).
//
//	arithmetic     1-3    histogram, schedules, Poisson process, against closed forms
//	pacing         4-5    what the server sees arrive, against the schedule
//	percentiles    6-12   known delays, stalls and queues, against theory
//	nothing lost  13-17   every request and byte accounted for, on both sides
//	knows itself  18-22   the generator's own trouble must show in its verdict
//	connections   23-26   connects, ports, descriptors, churn
//	comparing     27-29   warm-up, confidence, and telling two servers apart
//
// # How to read the table
//
// An experiment has one or more checks: expected value, tolerance, measured value. It passes
// when all of them do. A tolerance never gives way. When one is missed, and threads that do
// nothing but sleep and look at the clock were woken late by the machine in the same experiment,
// enough to explain the deviation, the check says "not met here" with that measurement;
// without such a witness it fails.
//
// A window of time in which the witnesses saw the machine disturbed is measured again: a whole
// experiment if it is short, and one run of many if it is long. That is decided by what the
// witnesses saw and never by what the window showed: to repeat what failed until it passes would
// be luck. There is a time for repetitions; when it is spent, what was measured counts.
//
// # What to watch
//
// The witnesses are independent of generator and oracle. If their own figures could excuse them,
// a generator that is broken enough would pass.
package selftest

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"iomodels/loadgen"
	"iomodels/loadgen/oracle"
)

// Experiment is one row of the table.
type Experiment struct {
	Number int
	Name   string
	Shows  string // what a pass proves
	Setup  string // what is done, with sample sizes
	Quick  bool   // of the quick set
	run    func(t *Trial) error
}

// Lab is where experiments are carried out.
type Lab struct {
	// Program returns this program with other arguments: "oracle", or the flags of a run.
	// nil: no other process can be started, and oracles live in this one.
	Program func(args ...string) *exec.Cmd
	// Run is the generator under test; nil: loadgen.Run. Tests put broken ones here.
	Run func(context.Context, loadgen.Plan, loadgen.RunOptions) (loadgen.Summary, error)
	// Scale shortens experiments that do not fix their own length; 0: 1.
	Scale float64
	// Rate lowers the rate of the pacing experiments, for generators slowed down by a race detector; 0: 1.
	Rate float64
	// Witness watches the machine in every experiment, so that deviations can be explained.
	Witness bool
	// Spare is the time that is left for measuring again what the machine disturbed; nil: none.
	Spare *time.Duration

	watch func() *witness // tests put others here
}

// Result is what an experiment showed.
type Result struct {
	Experiment
	Checks []Check
	Tries  int           // how often it was carried out: the checks are those of the last time
	Again  int           // parts of it, in the last time, that were carried out again
	Took   time.Duration // of all tries
	Err    error         // it could not be carried out
}

// OK reports whether nothing failed. A check that the machine forbids does not fail.
func (r Result) OK() bool {
	for _, c := range r.Checks {
		if c.Status == Failed {
			return false
		}
	}
	return r.Err == nil && len(r.Checks) > 0
}

// Find returns the check of that name.
func (r Result) Find(what string) (Check, bool) {
	for _, c := range r.Checks {
		if c.What == what {
			return c, true
		}
	}
	return Check{}, false
}

// A try that took longest is not repeated, and none more often than maxTries.
const (
	longest  = 25 * time.Second
	maxTries = 3
)

// Do carries out one experiment.
func (l Lab) Do(ctx context.Context, e Experiment) Result {
	if l.Run == nil {
		l.Run = loadgen.Run
	}
	if l.watch == nil {
		l.watch = watch
	}
	l.Scale, l.Rate = cmp.Or(l.Scale, 1), cmp.Or(l.Rate, 1)
	from := time.Now()
	for try := 1; ; try++ {
		began := time.Now()
		r, seen := l.once(ctx, e)
		r.Tries, r.Took = try, time.Since(from)
		took := time.Since(began)
		done := r.Err != nil || !seen.disturbed() || !r.timed()
		if done || try == maxTries || took > longest || !l.spend(took) {
			return r
		}
	}
}

// once returns what an experiment showed, and what was seen since its last section began.
func (l Lab) once(ctx context.Context, e Experiment) (Result, sightings) {
	t := &Trial{lab: l, ctx: ctx}
	if l.Witness {
		t.witness = l.watch()
	}
	err := e.run(t)
	err = joinErrors(err, t.cleanUp())
	seen := t.settle()
	return Result{Experiment: e, Checks: t.checks, Again: t.again, Err: err}, seen
}

// spend reports whether there is time to measure something again, and takes it.
func (l Lab) spend(time time.Duration) bool {
	if l.Spare == nil || *l.Spare < time {
		return false
	}
	*l.Spare -= time
	return true
}

// timed reports whether the machine's lateness can be in anything that was checked.
func (r Result) timed() bool {
	return slices.ContainsFunc(r.Checks, func(c Check) bool { return c.timed })
}

// spoilt reports whether the machine kept a tolerance from being met.
func (r Result) spoilt() bool {
	return slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Status == NotMet })
}

// All returns the experiments, in order.
func All() []Experiment {
	var all []Experiment
	for _, group := range [][]Experiment{
		arithmetic(), pacing(), percentiles(), stalls(), queues(), nothingLost(), knowsItself(),
		connections(), comparing(),
	} {
		all = append(all, group...)
	}
	sortByNumber(all)
	return all
}

// oracle starts an oracle that ends with the experiment.
func (t *Trial) oracle(spec oracle.Spec) (*oracle.Handle, error) {
	var h *oracle.Handle
	var err error
	if t.lab.Program == nil {
		h, err = oracle.StartHere(spec)
	} else {
		h, err = oracle.Start(t.lab.Program("oracle"), spec)
	}
	if err != nil {
		return nil, err
	}
	t.later(h.Stop)
	return h, nil
}

// load carries out a plan, against the first address of the oracle unless it has one.
func (t *Trial) load(h *oracle.Handle, p loadgen.Plan) (measurement, error) {
	return t.watched(h, p, nil)
}

// watched is load with somebody who is told when a phase begins.
func (t *Trial) watched(h *oracle.Handle, p loadgen.Plan, phase func(loadgen.PhaseEvent),
) (measurement, error) {
	if p.Addr == "" {
		p.Addr = h.Addrs[0]
	}
	var m measurement
	var err error
	m.Summary, err = t.lab.Run(t.ctx, p, loadgen.RunOptions{
		Phase: phase, Histograms: func(h loadgen.Histograms) { m.Histograms = h },
	})
	if err == nil && m.Interrupted {
		err = fmt.Errorf("interrupted: %w", t.ctx.Err())
	}
	return m, err
}

// known carries out a plan against an oracle of its own, and returns what both sides know.
func (t *Trial) known(spec oracle.Spec, p loadgen.Plan) (measurement, oracle.Report, error) {
	if spec.Proto == "" {
		spec.Proto = p.Proto
	}
	spec.Log = int(1.1*p.Rate*(p.Duration+p.Warmup).Seconds()) + 1000
	h, err := t.oracle(spec)
	if err != nil {
		return measurement{}, oracle.Report{}, err
	}
	m, err := t.load(h, p)
	if err != nil {
		return m, oracle.Report{}, err
	}
	r, err := h.Report()
	return m, r, joinErrors(err, t.cleanUp())
}

// measurement is what the generator says.
type measurement struct {
	loadgen.Summary
	Histograms loadgen.Histograms
}

// trip is what lies between the two views of a request in ns: the way there, the way back and
// two wake-ups, as the difference of the medians. A pause of the machine is not in it.
func trip(m measurement, r oracle.Report) float64 { return float64(m.Service.P50 - r.Held.P50) }

// offset is by how much a response time usually exceeds what the oracle's rule says, in ns: the
// trip, the oracle's release error, and how late requests were sent. Checks that subtract it
// bound it too: a generator that adds to what it measures must not hide in it.
func offset(m measurement, r oracle.Report) float64 {
	return trip(m, r) + float64(r.Late.P50+m.Lag.P50)
}

// base is the shortest round trip in ns, but for one in a hundred.
func base(m measurement, r oracle.Report) float64 {
	return float64(m.Histograms.Service.Quantile(0.01) - r.Held.P1)
}

// bounded checks the offset that other checks subtract.
func (t *Trial) bounded(m measurement, r oracle.Report) {
	t.most("round trip, lag and release error, subtracted", " us", 300, us(offset(m, r)),
		noise{q: 0.5, times: passes, unit: 1e3})
}

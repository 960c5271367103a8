// Package experiment runs a matrix: visit after visit, each with fresh processes, each saved
// before the next begins.
//
// Runner decides what comes next: the order within blocks, what a resumed run still lacks, what
// was disturbed and is measured again. It knows no process; Measure is a function, so the
// orchestration is tested without a server. Rig is the real Measure: a server and a generator
// on their CPUs, sampled at the edges of the measured window.
//
//	plan ─▶ skip what cannot run here ─▶ for each visit: measure ─▶ disturbed? ─▶ save
//	                                                ▲                  │ a few times
//	                                                └──────────────────┘
package experiment

import (
	"context"
	"fmt"
	"math"
	"time"

	"iomodels/bench"
	"iomodels/bench/record"
)

// Runner works through a plan. Its functions are called from one goroutine.
type Runner struct {
	// Measure makes one visit. A server or generator that breaks is a Record with Failed; an
	// error means that ctx ended and there is nothing to record.
	Measure func(ctx context.Context, visit bench.Visit) (record.Record, error)
	// Save makes a record durable. Its error ends the run: measuring what cannot be kept is
	// a waste of somebody's machine.
	Save func(record.Record) error
	// Unable says why this machine cannot run a cell, with the remedy; "" if it can.
	Unable func(record.Cell) string
	// Disturbed says what disturbed a measurement, judging by Record.Machine alone.
	Disturbed func(record.Record) string
	Progress  func(Progress) // before each visit and after the last; nil: silent
	Seed      uint64
	Done      []record.Record // of the run that is resumed
	Stop      <-chan struct{} // closed: finish the visit that is being made, then return
	Until     time.Time       // nothing is repeated that would make the run end later; zero: no bound
	now       func() time.Time
}

// Progress is where a run stands.
type Progress struct {
	Visit   bench.Visit   // about to be made, or just made
	At      int           // its number within the visits of this call, from 1
	Of      int           // how many visits this call makes
	Record  record.Record // of Visit if Made
	Made    bool
	Left    time.Duration // estimate for what remains
	Retried int           // measurements repeated so far
}

// Result counts what a run did.
type Result struct {
	Measured, Failed, Skipped int
	Retried                   int // measurements thrown away because something disturbed them
	Resumed                   int // visits that were there before
	Left                      int // visits not made because the run was stopped
}

// maxTries bounds how often one visit is measured in search of a quiet moment.
const maxTries = 3

// retryShare bounds all repetitions together: on a machine that is never quiet a run must not
// take three times as long to say so.
const retryShare = 0.1

// allowance is what is left for repetitions: a number of them, and time.
type allowance struct {
	left  int
	clock *estimate
	until time.Time
}

// take uses up one repetition of the visit under way, or says why there is none. It does not know
// what was measured. The clock still counts that visit as to be made: it stands for the repetition.
func (a *allowance) take(now time.Time) (refused string) {
	switch {
	case a.left == 0:
		return "a tenth of the run was already"
	case !a.until.IsZero() && now.Add(a.clock.left(now)).After(a.until):
		return "the run would take too long"
	}
	a.left--
	return ""
}

// Run makes every visit of the plan that is not done. It returns early when Stop is closed or
// ctx ends (then without the visit under way), and with an error if a record cannot be saved.
func (r *Runner) Run(ctx context.Context, m bench.Matrix) (Result, error) {
	if r.now == nil {
		r.now = time.Now
	}
	rest := r.Outstanding(m)
	result := Result{Resumed: rest.Done}
	for _, rec := range rest.Unable {
		if err := r.Save(rec); err != nil {
			return result, err
		}
		result.Skipped++
	}
	clock := newEstimate(rest.Visits, r.now())
	repeats := &allowance{int(math.Ceil(retryShare * float64(len(rest.Visits)))), clock, r.Until}
	for i, visit := range rest.Visits {
		progress := Progress{
			Visit: visit, At: i + 1, Of: len(rest.Visits), Left: clock.left(r.now()), Retried: result.Retried,
		}
		r.report(progress)
		var rec record.Record
		err := context.Canceled
		if !r.stopped(ctx) {
			rec, err = r.calmest(ctx, visit, repeats)
		}
		if err != nil {
			result.Left = len(rest.Visits) - i
			return result, nil
		}
		if err := r.Save(rec); err != nil {
			return result, err
		}
		result.count(rec)
		clock.made(visit)
		progress.Record, progress.Made, progress.Left = rec, true, clock.left(r.now())
		r.report(progress)
	}
	return result, nil
}

// Rest is what a run still has to do.
type Rest struct {
	Unable []record.Record // cells that cannot run here: one record stands for all blocks
	Visits []bench.Visit   // to be made, in order
	Done   int             // visits that the resumed run has made
}

// Outstanding finds out what is left of a plan. Cells that cannot run here come first, so that
// they are on record whatever happens next.
func (r *Runner) Outstanding(m bench.Matrix) Rest {
	var rest Rest
	done := map[record.Key]bool{}
	skipped := map[record.Cell]bool{}
	for _, rec := range r.Done {
		done[rec.Key()] = true
		skipped[rec.Cell] = skipped[rec.Cell] || rec.Skipped != ""
	}
	for _, step := range m.Steps {
		first := bench.Visit{Step: step}.Key()
		if skipped[step.Cell] || done[first] {
			continue
		}
		if why := r.Unable(step.Cell); why != "" {
			skipped[step.Cell] = true
			rest.Unable = append(rest.Unable, record.Record{Cell: step.Cell, Started: time.Now().UTC(), Skipped: why})
		}
	}
	for _, visit := range m.Order(r.Seed) {
		switch {
		case skipped[visit.Step.Cell]:
		case done[visit.Key()]:
			rest.Done++
		default:
			rest.Visits = append(rest.Visits, visit)
		}
	}
	return rest
}

// calmest measures a visit, again while something disturbs it, and returns the measurement
// that was not disturbed, or else the one with the least foreign work.
func (r *Runner) calmest(ctx context.Context, visit bench.Visit, repeats *allowance) (record.Record, error) {
	var best record.Record
	for try := 1; ; try++ {
		rec, err := r.Measure(ctx, visit)
		if err != nil {
			return rec, err
		}
		if !rec.OK() || r.Disturbed(rec) == "" { // a failure is never measured away
			rec.Machine.Tries = try
			return rec, nil
		}
		if try == 1 || rec.Machine.ForeignCPU < best.Machine.ForeignCPU {
			best = rec
		}
		best.Machine.Tries = try
		refused := fmt.Sprintf("%d times were enough", maxTries)
		switch {
		case r.stopped(ctx):
			refused = "the run was stopped"
		case try < maxTries:
			refused = repeats.take(r.now())
		}
		if refused != "" {
			best.Warnings = append(best.Warnings, "disturbed: "+r.Disturbed(best)+"; not measured again: "+refused)
			return best, nil
		}
	}
}

func (r *Runner) stopped(ctx context.Context) bool {
	select {
	case <-r.Stop:
		return true
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

func (r *Runner) report(p Progress) {
	if r.Progress != nil {
		r.Progress(p)
	}
}

// Plus is what two parts of a run did together.
func (result Result) Plus(more Result) Result {
	return Result{
		Measured: result.Measured + more.Measured, Failed: result.Failed + more.Failed,
		Skipped: result.Skipped + more.Skipped, Retried: result.Retried + more.Retried,
		Resumed: result.Resumed + more.Resumed, Left: result.Left + more.Left,
	}
}

func (result *Result) count(rec record.Record) {
	result.Retried += max(rec.Machine.Tries-1, 0)
	switch {
	case rec.Failed != "":
		result.Failed++
	case rec.Skipped != "":
		result.Skipped++
	default:
		result.Measured++
	}
}

// estimate tells the time left from how the visits made so far took against their plan.
type estimate struct {
	begin         time.Time
	planned, done time.Duration
}

// trust is how much planned time counts as if it had taken exactly as planned, so that the
// first visits do not make the estimate jump.
const trust = 10 * time.Second

func newEstimate(visits []bench.Visit, now time.Time) *estimate {
	return &estimate{begin: now, planned: bench.Estimate(visits)}
}

func (e *estimate) made(v bench.Visit) { e.done += v.Step.Estimate() }

func (e *estimate) left(now time.Time) time.Duration {
	pace := float64(now.Sub(e.begin)+trust) / float64(e.done+trust)
	return time.Duration(float64(e.planned-e.done) * pace)
}

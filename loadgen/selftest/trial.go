package selftest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The statuses of a check.
const (
	Passed = "pass"
	Failed = "FAIL"
	NotMet = "not met here" // and the reason follows
)

// Check is one comparison.
type Check struct {
	What, Expected, Tolerance, Measured string
	Status                              string
	Reason                              string  // of NotMet
	off                                 float64 // beyond the tolerance; NaN: no number
	unit                                string  // of off
	noise                               noise
	timed                               bool // lateness of the machine can be in it
}

// Trial is an experiment being carried out.
type Trial struct {
	lab     Lab
	ctx     context.Context
	checks  []Check
	settled int       // so many of the checks have been settled
	witness *witness  // of those that have not
	seen    sightings // by earlier witnesses of those, of parts that counted
	again   int       // parts that were repeated
	closers []func() error
}

// seconds is a length that Lab.Scale shortens.
func (t *Trial) seconds(s float64) time.Duration {
	return time.Duration(s * t.lab.Scale * float64(time.Second)).Round(100 * time.Millisecond)
}

// rounds is a number of repetitions that Lab.Scale lowers.
func (t *Trial) rounds(n int) int { return max(int(math.Round(float64(n)*t.lab.Scale)), 2) }

// later has f called when the experiment is over.
func (t *Trial) later(f func() error) { t.closers = append(t.closers, f) }

// cleanUp calls what was to be called later.
func (t *Trial) cleanUp() (err error) {
	for _, f := range slices.Backward(t.closers) {
		err = errors.Join(err, f())
	}
	t.closers = nil
	return err
}

// near checks a number. unit stands behind the numbers.
func (t *Trial) near(what, unit string, want, tolerance, got float64, n noise) {
	off := math.Abs(got-want) - tolerance
	c := Check{
		What: what, Expected: number(want) + unit, Tolerance: "±" + number(tolerance) + unit,
		Measured: number(got) + unit, Status: Passed, off: off, unit: unit, noise: n, timed: n.times > 0,
	}
	if !(off <= 0) {
		c.Status = Failed
	}
	if got < want && !n.below {
		c.noise = noise{}
	}
	t.checks = append(t.checks, c)
}

// within checks a number in percent of what is expected.
func (t *Trial) within(what, unit string, want, percent, got float64, n noise) {
	t.near(what, unit, want, want*percent/100, got, n)
	t.checks[len(t.checks)-1].Tolerance = "±" + number(percent) + " %"
}

// most checks that a number is not larger than it may be.
func (t *Trial) most(what, unit string, limit, got float64, n noise) {
	c := Check{
		What: what, Expected: "at most " + number(limit) + unit, Tolerance: "-",
		Measured: number(got) + unit, Status: Passed, off: got - limit, unit: unit, noise: n,
		timed: n.times > 0,
	}
	if !(got <= limit) {
		c.Status = Failed
	}
	t.checks = append(t.checks, c)
}

// least checks that a number is not smaller than it must be.
func (t *Trial) least(what, unit string, limit, got float64) {
	t.holds(what, "at least "+number(limit)+unit, number(got)+unit, got >= limit)
}

// mostOf checks that a number of runs has a property. Of the others, the machine explains spoilt.
func (t *Trial) mostOf(what string, limit float64, got, spoilt int) {
	t.least(what, "", limit, float64(got))
	if c := &t.checks[len(t.checks)-1]; c.Status == Failed && float64(got+spoilt) >= limit {
		c.Status = NotMet
		c.Reason = fmt.Sprintf("in %d of the others the machine woke a sleeping thread so late that it explains"+
			" them", spoilt)
	}
}

// exactly checks a count.
func (t *Trial) exactly(what string, want, got uint64) {
	t.holds(what, strconv.FormatUint(want, 10), strconv.FormatUint(got, 10), want == got)
	t.checks[len(t.checks)-1].Tolerance = "exact"
}

// holds checks whatever is no number.
func (t *Trial) holds(what, want, got string, ok bool) {
	c := Check{What: what, Expected: want, Tolerance: "-", Measured: got, Status: Passed}
	if !ok {
		c.Status = Failed
	}
	t.checks = append(t.checks, c)
}

// part carries out a part of an experiment, and again if the machine disturbed it: whatever it
// showed, or the luck of the outcome would decide. It returns what was seen the last time.
func (t *Trial) part(do func() error) (sightings, error) {
	if t.witness == nil {
		return nil, do()
	}
	t.seen = t.seen.and(t.witness.stop())
	for {
		t.witness = t.lab.watch()
		began := time.Now()
		err := do()
		seen := t.witness.stop()
		if err == nil && seen.disturbed() && t.lab.spend(time.Since(began)) {
			t.again++
			continue
		}
		t.seen = t.seen.and(seen)
		t.witness = t.lab.watch()
		return seen, err
	}
}

// section ends a group of checks: what disturbs the next one does not excuse this one.
func (t *Trial) section() {
	if t.witness != nil {
		t.settle()
		t.witness = t.lab.watch()
	}
}

// settle asks the witness about the checks that were missed, now that it has seen everything.
func (t *Trial) settle() (seen sightings) {
	if t.witness == nil {
		return nil
	}
	seen, t.seen = t.seen.and(t.witness.stop()), nil
	from := t.settled
	t.settled = len(t.checks)
	for i := range t.checks[from:] {
		c := &t.checks[from+i]
		if c.Status != Failed || c.noise.times == 0 || math.IsNaN(c.off) {
			continue
		}
		if allowed, by := c.noise.excuses(seen); c.off <= allowed {
			c.Status = NotMet
			c.Reason = fmt.Sprintf("meanwhile the machine woke a sleeping thread late (p90 %s, p99 %s, at most"+
				" %s, of %d wake-ups), which explains %s%s", duration(by.Quantile(0.9)),
				duration(by.Quantile(0.99)), duration(by.Max()), by.Count(), number(allowed), c.unit)
		}
	}
	return seen
}

// share writes a quantile as the percentile it is.
func share(q float64) string {
	if q >= 1 {
		return "maximum"
	}
	return "p" + strconv.FormatFloat(math.Round(q*1e6)/1e4, 'f', -1, 64)
}

// number writes what people can read: four digits, and no exponent.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits := 3 - int(math.Floor(math.Log10(math.Abs(v))))
	return strconv.FormatFloat(v, 'f', min(max(digits, 0), 9), 64)
}

// duration writes ns with three digits.
func duration(ns int64) string {
	d := time.Duration(ns)
	for unit := time.Nanosecond; unit <= time.Second; unit *= 10 {
		if d < 1000*unit {
			return strings.ReplaceAll(d.Round(unit).String(), "µ", "u")
		}
	}
	return d.Round(time.Second).String()
}

func joinErrors(errs ...error) error { return errors.Join(errs...) }

func sortByNumber(all []Experiment) {
	slices.SortStableFunc(all, func(a, b Experiment) int { return cmp.Compare(a.Number, b.Number) })
}

// ms and us turn nanoseconds into the units of the table.
func ms(ns float64) float64 { return ns / 1e6 }
func us(ns float64) float64 { return ns / 1e3 }

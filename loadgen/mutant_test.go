package loadgen_test

import (
	"context"
	"strings"
	"testing"

	"iomodels/loadgen"
	"iomodels/loadgen/selftest"
)

// TestSelftestNoticesEachMutant breaks the generator in three ways that real ones are broken,
// and demands that the experiment made to show it goes red, on the very check that is about it.
// The sound generator passes that check, in the same short experiment.
func TestSelftestNoticesEachMutant(t *testing.T) {
	for _, c := range []struct {
		name       string
		mutate     func(loadgen.RunOptions) loadgen.RunOptions
		experiment int
		check      string
	}{
		{"closed-loop clock", loadgen.RunOptions.ClosedLoopClock, 10, "p95"},
		{"millisecond pacing", loadgen.RunOptions.MillisecondPacing, 4, "median gap"},
		{"forgotten in-flight", loadgen.RunOptions.ForgottenInFlight, 14, "black hole"},
		{
			"forgotten in-flight, silent end", loadgen.RunOptions.ForgottenInFlight, 17,
			"unanswered = what the oracle left unanswered",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			soundPasses(t, c.experiment, c.check)
			lab := selftest.Lab{Run: generator(c.mutate)}
			if got := carryOut(t, lab, c.experiment, c.check); got.Status != selftest.Failed {
				t.Errorf("the mutant is not noticed: %+v", got)
			}
		})
	}
}

// soundPasses demands that the sound generator passes the check. A busy machine can spoil that,
// so it gets some tries; if the witness says each time that it was the machine, nothing is shown.
func soundPasses(t *testing.T, experiment int, check string) {
	t.Helper()
	sound := generator(func(o loadgen.RunOptions) loadgen.RunOptions { return o })
	var got selftest.Check
	for range 5 {
		got = carryOut(t, selftest.Lab{Run: sound, Witness: true}, experiment, check)
		if got.Status == selftest.Passed {
			return
		}
	}
	if got.Status == selftest.NotMet {
		t.Skipf("the machine is too busy to tell: %s", got.Reason)
	}
	t.Fatalf("the sound generator fails: %+v", got)
}

// generator is the one under test, changed.
func generator(change func(loadgen.RunOptions) loadgen.RunOptions,
) func(context.Context, loadgen.Plan, loadgen.RunOptions) (loadgen.Summary, error) {
	return func(ctx context.Context, p loadgen.Plan, o loadgen.RunOptions) (loadgen.Summary, error) {
		return loadgen.Run(ctx, p, change(o))
	}
}

// carryOut carries out a short form of an experiment, and returns one of its checks.
func carryOut(t *testing.T, lab selftest.Lab, number int, check string) selftest.Check {
	t.Helper()
	lab.Scale, lab.Rate = 0.1, 0.25 // under a race detector, on a machine that does other things too
	e := selftest.All()[number-1]
	r := lab.Do(t.Context(), e)
	if r.Err != nil {
		t.Fatalf("%s: %v", e.Name, r.Err)
	}
	c, found := r.Find(check)
	if !found {
		var text strings.Builder
		_ = r.Text(&text)
		t.Fatalf("no check %q in\n%s", check, text.String())
	}
	return c
}

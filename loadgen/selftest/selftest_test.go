package selftest

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"iomodels/loadgen/latency"
	"iomodels/loadgen/oracle"
)

// The test binary is the oracle too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "oracle" {
		if err := oracle.Serve(os.Stdin, os.Stdout); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func lab(t *testing.T) Lab {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A tenth: sorting ten million values takes a minute under the race detector.
	return Lab{Program: func(args ...string) *exec.Cmd { return exec.Command(self, args...) }, Scale: 0.1}
}

// TestQuick is the quick set: what does not depend on how busy the machine is.
func TestQuick(t *testing.T) {
	l := lab(t)
	for _, e := range All() {
		if !e.Quick {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			r := l.Do(t.Context(), e)
			var text strings.Builder
			if err := r.Text(&text); err != nil {
				t.Fatal(err)
			}
			if !r.OK() {
				t.Error(text.String())
			}
			t.Log(text.String())
		})
	}
}

func TestExperimentsAreNumberedAndExplained(t *testing.T) {
	for i, e := range All() {
		if e.Number != i+1 {
			t.Errorf("experiment %d has number %d", i+1, e.Number)
		}
		if e.Name == "" || e.Shows == "" || e.Setup == "" || e.run == nil {
			t.Errorf("experiment %d is not complete", e.Number)
		}
	}
	if n := len(All()); n != 29 {
		t.Errorf("%d experiments, want 29", n)
	}
}

// try carries out checks without an experiment.
func try(witness *witness, checks func(t *Trial)) []Check {
	trial := &Trial{witness: witness, lab: Lab{Scale: 1}}
	checks(trial)
	trial.settle()
	return trial.checks
}

func TestChecksCanFail(t *testing.T) {
	for name, c := range map[string]struct {
		check func(t *Trial)
		want  string
	}{
		"near, inside":     {func(t *Trial) { t.near("x", "", 5, 1, 6, noise{}) }, Passed},
		"near, outside":    {func(t *Trial) { t.near("x", "", 5, 1, 6.01, noise{}) }, Failed},
		"near, no number":  {func(t *Trial) { t.near("x", "", 5, 1, nan(), noise{q: 1, times: 1e9, unit: 1}) }, Failed},
		"within, inside":   {func(t *Trial) { t.within("x", "", 100, 1, 99, noise{}) }, Passed},
		"within, outside":  {func(t *Trial) { t.within("x", "", 100, 1, 98.9, noise{}) }, Failed},
		"most, inside":     {func(t *Trial) { t.most("x", "", 5, 5, noise{}) }, Passed},
		"most, outside":    {func(t *Trial) { t.most("x", "", 5, 5.1, noise{}) }, Failed},
		"most, no number":  {func(t *Trial) { t.most("x", "", 5, nan(), noise{}) }, Failed},
		"least, outside":   {func(t *Trial) { t.least("x", "", 5, 4.9) }, Failed},
		"exactly, off one": {func(t *Trial) { t.exactly("x", 5, 6) }, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			if got := try(watch(), c.check)[0]; got.Status != c.want {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

func nan() float64 { return stallQuantile(0, 0, 0, 0) }

// TestOnlyTheMachineExcuses: a deviation is excused if the witness was woken as late, and no
// further.
func TestOnlyTheMachineExcuses(t *testing.T) {
	late := func(ns int64) *witness {
		w := watch()
		h := w.stop()
		h.Reset()
		for range 1000 {
			h.Record(ns)
		}
		w.done <- h // settle stops it once more
		return w
	}
	miss := func(t *Trial) { t.near("x", " ms", 5, 1, 6.5, noise{q: 0.5, times: 2, unit: 1e6}) }
	if got := try(late(250_000+3000), miss)[0]; got.Status != NotMet || !strings.Contains(got.Reason, "of 1000 wake-ups") {
		t.Errorf("%+v, want %s", got, NotMet)
	}
	if got := try(late(240_000), miss)[0]; got.Status != Failed {
		t.Errorf("%+v, want %s", got, Failed)
	}
	low := func(t *Trial) { t.near("x", " ms", 5, 1, 3.5, noise{q: 0.5, times: 2, unit: 1e6}) }
	if got := try(late(1e9), low)[0]; got.Status != Failed {
		t.Errorf("%+v: lateness excuses what is too fast", got)
	}
	if got := try(nil, miss)[0]; got.Status != Failed {
		t.Errorf("%+v without a witness, want %s", got, Failed)
	}
}

// TestAllowanceIsTheUnionBound: how far lateness can move a figure, for shares of late wake-ups
// that are easy to reckon with.
func TestAllowanceIsTheUnionBound(t *testing.T) {
	seen := latency.New(latency.Exact)
	for i := range 1000 { // 1 % of the wake-ups are 8 ms late, the others 1 us
		seen.Record(int64(1000 + count(i%100 == 0)*7_999_000))
	}
	steps := func(q float64) float64 { return math.Floor(10 * q) }
	for name, c := range map[string]struct {
		n    noise
		want float64
	}{
		"nothing":                            {noise{}, 0},
		"1 % of 4 is more than 1 %":          {noise{q: 0.99, times: 4, unit: 1e6}, 32},
		"1 % of 4 is less than 5 %":          {noise{q: 0.95, times: 4, unit: 1e6}, 0.004},
		"the maximum":                        {noise{q: 1, times: 2, unit: 1e6}, 16},
		"the truth rises":                    {noise{q: 0.49, times: 4, unit: 1e6, truth: steps}, 1.004},
		"the truth does not rise so soon":    {noise{q: 0.42, times: 4, unit: 1e6, truth: steps}, 0.004},
		"a queue carries it off":             {noise{q: 0.42, times: 4, unit: 1e6, truth: steps, spread: 5}, 2.004},
		"the mean":                           {noise{kind: ofMean, times: 4, unit: 1e6}, 4 * 0.08099},
		"the share that 1 % of 4 add":        {noise{kind: ofShare, times: 4, room: 20e6}, 4},
		"the share that none can add":        {noise{kind: ofShare, times: 4, room: 40e6}, 0},
		"the standard deviation of lateness": {noise{kind: ofSpread, times: 2, unit: 1e6}, 2 * 0.8},
	} {
		if got := c.n.allows(seen); math.Abs(got-c.want) > 0.01*c.want {
			t.Errorf("%s: allows %v, want %v", name, got, c.want)
		}
	}
}

// TestSectionsHaveWitnessesOfTheirOwn: a disturbance excuses only what was measured in it.
func TestSectionsHaveWitnessesOfTheirOwn(t *testing.T) {
	miss := func(t *Trial) { t.near("x", " ms", 5, 1, 6.5, noise{q: 0.5, times: 2, unit: 1e6}) }
	checks := try(watch(), func(t *Trial) {
		h := t.witness.stop()
		h.Reset()
		h.Record(1e9)
		t.witness.done <- h
		miss(t)
		t.section()
		h = t.witness.stop()
		h.Reset()
		h.Record(1000)
		t.witness.done <- h
		miss(t)
	})
	if checks[0].Status != NotMet || checks[1].Status != Failed {
		t.Errorf("%+v", checks)
	}
}

func TestSpoiltRunsExcuse(t *testing.T) {
	for want, got := range map[string][2]int{Passed: {9, 0}, NotMet: {7, 2}, Failed: {7, 1}} {
		c := try(nil, func(t *Trial) { t.mostOf("x", 9, got[0], got[1]) })[0]
		if c.Status != want {
			t.Errorf("%d of 9 and %d spoilt: %+v, want %s", got[0], got[1], c, want)
		}
	}
}

// TestOnlyASpoiltTryIsRepeated: repeating what failed would let it pass by luck.
func TestOnlyASpoiltTryIsRepeated(t *testing.T) {
	for _, c := range []struct {
		first, second, want string
		tries               int
	}{
		{NotMet, Passed, Passed, 2},
		{NotMet, Failed, Failed, 2},
		{NotMet, NotMet, NotMet, 3},
		{Failed, Passed, Failed, 1},
		{Passed, Failed, Passed, 1},
	} {
		n := 0
		e := Experiment{run: func(t *Trial) error {
			n++
			status := c.second
			if n == 1 {
				status = c.first
			}
			t.checks = append(t.checks, Check{Status: status})
			return nil
		}}
		r := Lab{Tries: 3}.Do(t.Context(), e)
		if got := r.Checks[0].Status; got != c.want || r.Tries != c.tries || n != c.tries {
			t.Errorf("%s, then %s: %s after %d tries (%d)", c.first, c.second, got, r.Tries, n)
		}
	}
}

func TestErrorsFailAnExperiment(t *testing.T) {
	stuck := Experiment{Number: 1, run: func(*Trial) error { return errors.New("no luck") }}
	nothing := Experiment{Number: 2, run: func(*Trial) error { return nil }}
	for _, e := range []Experiment{stuck, nothing} {
		if r := (Lab{}).Do(t.Context(), e); r.OK() {
			t.Errorf("experiment %d passes", e.Number)
		}
	}
}

func TestInterruptEndsAnExperiment(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, e := range All() {
		if e.Number == 16 {
			if r := lab(t).Do(ctx, e); r.Err == nil {
				t.Error("an interrupted experiment has a result")
			}
		}
	}
}

func TestReportIsWrittenBetweenTheMarkers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.md")
	before, after := "# Title\n\n", "\n\nThe end.\n"
	if err := os.WriteFile(file, []byte(before+beginMark+"\nold\n"+endMark+after), 0o600); err != nil {
		t.Fatal(err)
	}
	report := Report{Began: time.Unix(0, 0), Took: time.Minute, Where: Here(), Results: []Result{
		{Experiment: All()[0], Checks: []Check{{What: "a|b", Status: Passed}, {What: "c", Status: NotMet, Reason: "d"}}},
		{Experiment: All()[1], Err: errors.New("no luck")},
	}}
	if err := report.WriteInto(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.HasPrefix(got, before+beginMark) || !strings.HasSuffix(got, endMark+after) || strings.Contains(got, "\nold\n") {
		t.Errorf("the document is\n%s", got)
	}
	for _, want := range []string{
		`a\|b`, "not met here: d", "no luck", "1970-01-01", report.Where.Kernel,
		"1 of 2 experiments hold; of 2 checks 1 pass, 1 are not met here, 0 fail",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the document lacks %q:\n%s", want, got)
		}
	}
	if report.OK() {
		t.Error("a report with an error is OK")
	}
	if err := report.WriteInto(filepath.Join(t.TempDir(), "none.md")); err == nil {
		t.Error("written into a file that is not there")
	}
}

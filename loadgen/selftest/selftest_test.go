package selftest

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	return Lab{
		Program: func(args ...string) *exec.Cmd { return exec.Command(self, args...) }, Scale: 0.1, Witness: true,
	}
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
	trial := &Trial{witness: witness, lab: Lab{Scale: 1, watch: watch}}
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

// saw is a witness that has seen n wake-ups so late, a processor for each number.
func saw(n int, ns ...int64) *witness {
	w := &witness{}
	for _, late := range ns {
		h := latency.New(latency.Coarse)
		for range n {
			h.Record(late)
		}
		w.seen = append(w.seen, h)
	}
	return w
}

func TestWitnessesSeeEveryProcessor(t *testing.T) {
	w := watch()
	time.Sleep(5 * time.Millisecond)
	seen := w.stop()
	if len(seen) == 0 || len(seen) > runtime.NumCPU() {
		t.Errorf("%d witnesses on %d processors", len(seen), runtime.NumCPU())
	}
	for i, h := range seen {
		if h.Count() == 0 {
			t.Errorf("witness %d saw nothing", i)
		}
	}
}

// TestOnlyTheMachineExcuses: a deviation is excused if a witness was woken as late, and no
// further.
func TestOnlyTheMachineExcuses(t *testing.T) {
	miss := func(t *Trial) { t.near("x", " ms", 5, 1, 6.5, noise{q: 0.5, times: 2, unit: 1e6}) }
	low := func(t *Trial) { t.near("x", " ms", 5, 1, 3.5, noise{q: 0.5, times: 2, unit: 1e6}) }
	for name, c := range map[string]struct {
		witness *witness
		check   func(t *Trial)
		want    string
	}{
		"late enough":                       {saw(1000, 253_000), miss, NotMet},
		"late enough on one processor":      {saw(1000, 1, 253_000, 2), miss, NotMet},
		"not late enough":                   {saw(1000, 240_000), miss, Failed},
		"not late enough on any processor":  {saw(1000, 240_000, 230_000), miss, Failed},
		"lateness excuses nothing too fast": {saw(1000, 1e9), low, Failed},
		"no witness":                        {nil, miss, Failed},
	} {
		got := try(c.witness, c.check)[0]
		if got.Status != c.want || got.Status == NotMet && !strings.Contains(got.Reason, "of 1000 wake-ups") {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
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

// watching hands out witnesses one by one.
func watching(all ...*witness) func() *witness {
	return func() *witness {
		w := all[0]
		all = all[1:]
		return w
	}
}

// TestSectionsHaveWitnessesOfTheirOwn: a disturbance excuses only what was measured in it.
func TestSectionsHaveWitnessesOfTheirOwn(t *testing.T) {
	miss := func(t *Trial) { t.near("x", " ms", 5, 1, 6.5, noise{q: 0.5, times: 2, unit: 1e6}) }
	trial := &Trial{witness: saw(1, 1e9), lab: Lab{watch: watching(saw(1, 1000))}}
	miss(trial)
	trial.section()
	miss(trial)
	trial.settle()
	if c := trial.checks; c[0].Status != NotMet || c[1].Status != Failed {
		t.Errorf("%+v", c)
	}
}

// TestPartsAreRepeatedBlindly: a run of an experiment is repeated for what the witnesses saw, while
// there is time, and what they saw of a run that does not count excuses nothing.
func TestPartsAreRepeatedBlindly(t *testing.T) {
	const quiet, loud = 1000, 50_000_000
	spare := time.Hour
	for name, c := range map[string]struct {
		seen  []int64 // before, then in each run, and after
		spare *time.Duration
		runs  int
		want  string
	}{
		"quiet":             {[]int64{quiet, quiet, quiet}, &spare, 1, Failed},
		"loud, then quiet":  {[]int64{quiet, loud, quiet, quiet}, &spare, 2, Failed},
		"loud, and no time": {[]int64{quiet, loud, quiet}, nil, 1, NotMet},
	} {
		var all []*witness
		for _, ns := range c.seen {
			all = append(all, saw(100, ns))
		}
		trial := &Trial{witness: all[0], lab: Lab{Spare: c.spare, watch: watching(all[1:]...)}}
		runs := 0
		if _, err := trial.part(func() error { runs++; return nil }); err != nil {
			t.Fatal(err)
		}
		trial.near("x", " ms", 5, 1, 16, noise{q: 0.9, times: 2, unit: 1e6})
		trial.settle()
		if got := trial.checks[0].Status; runs != c.runs || trial.again != runs-1 || got != c.want {
			t.Errorf("%s: %d runs, %d again, %s", name, runs, trial.again, got)
		}
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

// TestDisturbedTriesAreRepeatedBlindly: for what the machine did, and not for what they showed, or
// what fails could pass by luck.
func TestDisturbedTriesAreRepeatedBlindly(t *testing.T) {
	const quiet, loud = 1000, 50_000_000
	for name, c := range map[string]struct {
		seen  []int64
		shown []string
		spare time.Duration
		timed bool
	}{
		"quiet, passed":               {[]int64{quiet}, []string{Passed}, time.Hour, true},
		"quiet, failed":               {[]int64{quiet}, []string{Failed}, time.Hour, true},
		"quiet, not met":              {[]int64{quiet}, []string{NotMet}, time.Hour, true},
		"loud, passed":                {[]int64{loud, quiet}, []string{Passed, Failed}, time.Hour, true},
		"loud, failed":                {[]int64{loud, quiet}, []string{Failed, Passed}, time.Hour, true},
		"loud to the end":             {[]int64{loud, loud, loud}, []string{Passed, Passed, Failed}, time.Hour, true},
		"loud, but time is not in it": {[]int64{loud}, []string{Failed}, time.Hour, false},
		"loud, and no time":           {[]int64{loud}, []string{Passed}, 0, true},
		"loud on both, then less":     {[]int64{loud, loud, quiet}, []string{Passed, NotMet, Passed}, time.Hour, true},
	} {
		var all []*witness
		for _, ns := range c.seen {
			all = append(all, saw(100, ns))
		}
		n := 0
		e := Experiment{run: func(t *Trial) error {
			t.checks = append(t.checks, Check{Status: c.shown[n], timed: c.timed})
			n++
			return nil
		}}
		r := Lab{Witness: true, Spare: &c.spare, watch: watching(all...)}.Do(t.Context(), e)
		if got, want := r.Checks[0].Status, c.shown[len(c.shown)-1]; got != want || r.Tries != len(c.seen) || n != r.Tries {
			t.Errorf("%s: %s after %d tries (%d), want %s", name, got, r.Tries, n, want)
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

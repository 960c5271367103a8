package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iomodels/bench/chart"
	"iomodels/bench/record"
	"iomodels/bench/synth"
)

// stored writes a run where Open finds it.
func stored(t *testing.T, run *record.Run) string {
	t.Helper()
	dir := t.TempDir()
	env, err := json.Marshal(run.Env)
	if err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for _, rec := range run.Records {
		line, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	for name, data := range map[string][]byte{record.EnvFile: env, record.RecordsFile: lines} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The topics come from runs of their own, and the page says so.
func TestTopicsStandInTheirSections(t *testing.T) {
	dir := stored(t, synth.Run(synth.Options{Seed: 4, Blocks: 4, Topics: true}))
	run := tiny()
	opt := Options{FamilyDir: dir, HandlersDir: dir}.withDefaults()
	v := newView(run, opt)
	for _, name := range []string{
		"cost-ratio-http", "family-echo", "family-memory-echo", "blocking-http", "idlers-http", "handler-time-http",
	} {
		found := 0
		for _, c := range v.charts {
			if c.Name == name {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d charts %s", found, name)
		}
	}
	if len(v.charts) != 6 {
		t.Errorf("%d charts: those of another run's topics may not stand on the page", len(v.charts))
	}
	for what, text := range map[string][]string{
		v.familySection(): {
			"family-echo.png", "| norm at 10k open | growth |", "| reactor |", "From a run of its own: profile", "| bears |",
		},
		v.handlersSection(): {
			"blocking-http.png", "| reactor +offload |", "idlers-http.png", "handler-time-http.png", "| 100 : 9.9k |",
			"| typical quick answer |", "GET /delay/200", "| 10 ms |",
		},
	} {
		for _, want := range text {
			if !strings.Contains(what, want) {
				t.Errorf("a section lacks %q:\n%s", want, what)
			}
		}
	}
}

// A topic that was not measured says how to measure it; one that cannot be read says that.
func TestTopicsThatAreNotThere(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	broken := stored(t, tiny())
	if err := os.WriteFile(filepath.Join(broken, record.EnvFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	v := newView(tiny(), Options{FamilyDir: none, HandlersDir: broken}.withDefaults())
	if got := v.familySection(); !strings.Contains(got, "netbench run --profile family") {
		t.Errorf("family: %s", got)
	}
	if got := v.handlersSection(); !strings.Contains(got, "cannot be read") {
		t.Errorf("handlers: %s", got)
	}
	// A page about a run of the profile needs no other run.
	own := synth.Run(synth.Options{Seed: 4, Blocks: 1, Topics: true})
	own.Env.Profile = familyProfile
	if v := newView(own, Options{FamilyDir: none, HandlersDir: none}.withDefaults()); !strings.Contains(
		v.familySection(), chart.Family+"-echo.png") {
		t.Error("a run of profile family has no family section")
	}
}

// Whoever waits for a handler on another connection is told from whoever does not.
func TestWhoWaits(t *testing.T) {
	run := synth.Run(synth.Options{Seed: 4, Blocks: 2, Topics: true, Models: []string{"goroutine", "thread", "reactor"}})
	typical := map[string]int64{"goroutine": 2e6, "thread": 6e6, "reactor": 199e6}
	for i, r := range run.Records {
		run.Records[i].Load.Response.P50 = typical[r.Cell.Model]
	}
	text := stallTable(newView(run, Options{Baseline: "goroutine"}).set)
	for _, want := range []string{"| goroutine | 2.00 ms", "| no |", "| partly |", "| reactor | 199 ms", "| yes, for the whole handler |"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
}

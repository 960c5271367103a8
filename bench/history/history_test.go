package history_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iomodels/bench/history"
	"iomodels/bench/record"
	"iomodels/bench/synth"
)

// campaign is the line of an invented run.
func campaign(seed uint64, change ...func(*record.Run)) history.Line {
	run := synth.Run(synth.Options{
		Seed: seed, Blocks: 6, Models: []string{"goroutine", "reactor", "nethttp"}, Conns: []int{100, 10000},
		Mishaps: true,
	})
	run.Env.Commit = fmt.Sprintf("c%06d", seed)
	run.Env.Started = run.Env.Started.Add(time.Duration(seed) * time.Hour)
	run.Env.Binaries = map[string]string{"netload": "feed"}
	for _, f := range change {
		f(run)
	}
	return history.FromRun(run, history.Options{Authored: run.Env.Started.Add(-time.Hour)})
}

const place = "proto=echo workload=closed topology=split conns=100 size=64"

func TestLineOfARun(t *testing.T) {
	line := campaign(1)
	if line.V != 1 || len(line.Class) != 8 || line.Baseline != "goroutine" || line.Epoch != "1" ||
		line.Blocks.Most != 6 || line.Machine["kernel"] != "6.18" || line.Machine["memory_gib"] != "8" {
		t.Errorf("%+v", line)
	}
	byKey := map[string]history.Cell{}
	for _, c := range line.Cells {
		byKey[c.Model+" "+c.Metric+" "+c.Place] = c
	}
	got := byKey["reactor req/s "+place]
	if got.Ratio <= got.Lo || got.Ratio >= got.Hi || got.N != 6 || got.Better != "higher" || got.Unit != "1/s" ||
		got.Abs < got.AbsLo || got.Abs > got.AbsHi || len(got.Flags) != 0 {
		t.Errorf("%+v", got)
	}
	if base := byKey["goroutine req/s "+place]; base.Ratio != 0 || base.Abs == 0 {
		t.Errorf("the baseline has no ratio to itself: %+v", base)
	}
	failing := "proto=http workload=closed topology=split conns=10000 size=0"
	if bad := byKey["nethttp req/s "+failing]; !cmp.Equal(bad.Flags, []string{history.FlagUnsound}) {
		t.Errorf("requests failed here: %+v", bad)
	}
}

func TestClassFollowsTheMachineAlone(t *testing.T) {
	class := campaign(1).Class
	for name, tc := range map[string]struct {
		change func(*record.Env)
		same   bool
	}{
		"nothing":            {func(*record.Env) {}, true},
		"commit":             {func(e *record.Env) { e.Commit, e.Seed = "other", 7 }, true},
		"a little memory":    {func(e *record.Env) { e.MemoryMB += 100 }, true},
		"load":               {func(e *record.Env) { e.Limits["load_at_start"] = "9" }, true},
		"kernel patch":       {func(e *record.Env) { e.Kernel = "6.18.99-x" }, true},
		"kernel":             {func(e *record.Env) { e.Kernel = "6.19" }, false},
		"Go":                 {func(e *record.Env) { e.Go = "go1.27" }, false},
		"CPUs":               {func(e *record.Env) { e.CPUs = 4 }, false},
		"the load generator": {func(e *record.Env) { e.Binaries["netload"] = "beef" }, false},
		"a mitigation":       {func(e *record.Env) { e.Identity = map[string]string{"mitigations": "1"} }, false},
	} {
		got := campaign(1, func(r *record.Run) { tc.change(&r.Env) }).Class
		if (got == class) != tc.same {
			t.Errorf("%s: class %s, was %s", name, got, class)
		}
	}
}

// campaigns are n lines of one class, one an hour, that differ in little else.
func campaigns(n int) []history.Line {
	lines := make([]history.Line, n)
	for i := range lines {
		if i == 0 {
			lines[0] = campaign(1)
			continue
		}
		lines[i] = lines[0]
		lines[i].Commit, lines[i].Measured = fmt.Sprintf("c%06d", i+1), lines[0].Measured.Add(time.Duration(i)*time.Hour)
	}
	return lines
}

// appended writes lines into a new history and returns its path.
func appended(t *testing.T, lines ...history.Line) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	for _, l := range lines {
		if err := history.Append(path, l); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestWhatIsAppendedIsRead(t *testing.T) {
	want := campaigns(2)
	got, err := history.Read(appended(t, want...))
	if err != nil || len(got.Warnings) != 0 {
		t.Fatal(err, got.Warnings)
	}
	if diff := cmp.Diff(want, got.Lines); diff != "" {
		t.Error(diff)
	}
	none, err := history.Read(filepath.Join(t.TempDir(), "none"))
	if err != nil || len(none.Lines) != 0 {
		t.Errorf("a history that does not exist yet: %+v, %v", none, err)
	}
}

func TestDamageIsNamedKeptAndNeverRewritten(t *testing.T) {
	lines := campaigns(4)
	for _, tc := range []struct {
		name    string
		damage  func(lines []string) string // of three
		kept    int
		warning string
	}{
		{"bad line", func(l []string) string { return l[0] + "\n{]\n" + l[2] + "\n" }, 2, ":2: skipped: unreadable"},
		{"torn tail", func(l []string) string { return l[0] + "\n" + l[1] + "\n" + l[2][:50] }, 2, ":3: torn"},
		{"newer", func(l []string) string {
			return l[0] + "\n" + strings.Replace(l[1], `"v":1`, `"v":9,"class":{}`, 1) + "\n" + l[2] + "\n"
		}, 2, ":2: skipped: schema version 9"},
		{"another format", func(l []string) string { return l[0] + "\n{\"v\":1}\n" }, 1, "no version, class or commit"},
		{"conflict markers", func(l []string) string { return "<<<<<<< a\n" + l[0] + "\n=======\n" }, 1, ":1: skipped"},
		{"blank lines", func(l []string) string { return "\n" + l[0] + "\n\n" }, 1, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := appended(t, lines[:3]...)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damaged := tc.damage(strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"))
			if err := os.WriteFile(path, []byte(damaged), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := history.Read(path)
			warnings := strings.Join(got.Warnings, "\n")
			if err != nil || len(got.Lines) != tc.kept || !strings.Contains(warnings, tc.warning) ||
				(warnings == "") != (tc.warning == "") {
				t.Errorf("kept %d, want %d; %q, want %q; %v", len(got.Lines), tc.kept, warnings, tc.warning, err)
			}
			if err := history.Append(path, lines[3]); err != nil {
				t.Fatal(err)
			}
			after, err := os.ReadFile(path)
			if err != nil || !strings.HasPrefix(string(after), damaged) {
				t.Errorf("appending changed what was there (%v)", err)
			}
			if again, err := history.Read(path); err != nil || len(again.Lines) != tc.kept+1 {
				t.Errorf("%d lines after appending, want %d (%v)", len(again.Lines), tc.kept+1, err)
			}
		})
	}
}

func TestTheSameCampaignTwiceIsRefused(t *testing.T) {
	line := campaign(1)
	path := appended(t, line)
	var twice *history.TwiceError
	if err := history.Append(path, line); !errors.As(err, &twice) {
		t.Errorf("got %v", err)
	}
}

func TestAppendersWaitForEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	lines := campaigns(6)
	var all sync.WaitGroup
	for _, l := range lines {
		all.Go(func() {
			if err := history.Append(path, l); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, err := history.Read(path); err != nil || len(got.Lines) != len(lines) || len(got.Warnings) != 0 {
		t.Errorf("%d lines, %q, %v", len(got.Lines), got.Warnings, err)
	}
}

func TestAbsolutesOfTwoMachinesAreRefused(t *testing.T) {
	here, same := campaign(1), campaign(2)
	there := campaign(2, func(r *record.Run) { r.Env.CPU, r.Env.Kernel = "Another CPU", "7.0" })
	shifts, err := history.CompareAbsolutes(here, same)
	if err != nil || len(shifts) == 0 {
		t.Fatalf("%d shifts, %v", len(shifts), err)
	}
	_, err = history.CompareAbsolutes(here, there)
	var class *history.ClassError
	if !errors.As(err, &class) || !strings.Contains(err.Error(), `cpu "Invented CPU" and "Another CPU"; kernel "6.18" and "7.0"`) {
		t.Errorf("got %v", err)
	}
	if shifts, err = history.CompareRatios(here, there); err != nil || len(shifts) == 0 {
		t.Errorf("ratios compare across machines: %d, %v", len(shifts), err)
	}
	for _, s := range shifts {
		if s.Key.Model == "goroutine" || s.Lo > s.Ratio || s.Ratio > s.Hi || len(s.After.Flags) > 0 && s.After.Flags[0] == history.FlagUnsound {
			t.Errorf("%+v", s)
		}
	}
	there.Epoch = "2"
	if _, err := history.CompareRatios(here, there); err == nil || !strings.Contains(err.Error(), "references differ") {
		t.Errorf("two references: %v", err)
	}
}

func TestSeriesStaysInItsClass(t *testing.T) {
	other := campaign(2, func(r *record.Run) { r.Env.Go = "go1.27" })
	lines := []history.Line{campaign(3), other, campaign(1)}
	classes := history.Classes(lines)
	if len(classes) != 2 || classes[0] != lines[0].Class {
		t.Fatalf("classes %v", classes)
	}
	key := history.Key{Place: place, Model: "reactor", Metric: "req/s"}
	points := history.Series(lines, classes[0], key)
	if len(points) != 2 || points[0].Commit != "c000001" || points[1].Commit != "c000003" {
		t.Errorf("%+v", points)
	}
	keys := history.Keys(lines, classes[1])
	if len(keys) != len(other.Cells) {
		t.Errorf("%d keys for %d cells", len(keys), len(other.Cells))
	}
}

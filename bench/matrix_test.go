package bench_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"iomodels/bench"
	"iomodels/bench/record"
)

// tenModels are as many as the suite has, two of which speak one protocol.
func tenModels() []record.ModelInfo {
	var out []record.ModelInfo
	for _, name := range strings.Fields("a b c d e f g h") {
		out = append(out, record.ModelInfo{Name: name, Available: true})
	}
	for _, name := range []string{"i", "j"} {
		out = append(out, record.ModelInfo{Name: name, Available: true, Protocols: []string{"http"}})
	}
	return out
}

// planned is a profile for ten models, without what they do not speak.
func planned(t *testing.T, name string) bench.Matrix {
	t.Helper()
	profile, err := bench.FindProfile(name)
	if err != nil {
		t.Fatal(err)
	}
	return profile.Matrix(tenModels()).Keep(func(s bench.Step) bool {
		return s.Cell.Proto == "http" || s.Cell.Model < "i"
	})
}

func TestProfilesFitTheirTime(t *testing.T) {
	for name, limit := range map[string]time.Duration{"quick": 90 * time.Second, "default": 19 * time.Minute} {
		m := planned(t, name).WithTwins("a")
		least := m.HeadlineEstimate()
		if m.Budget > 0 && least > m.Budget {
			t.Errorf("%s: the headlines take %v for the first verdicts, more than their %v", name, least, m.Budget)
		}
		if got := bench.Estimate(m.Order(1)) + max(least, m.Budget); got > limit {
			t.Errorf("%s takes about %v, more than %v", name, got, limit)
		}
	}
}

func TestDefaultProfileHasWhatTheReportShows(t *testing.T) {
	m := planned(t, "default")
	type point struct {
		workload, topology string
		conns              int
	}
	blocks := map[point]int{}
	for _, s := range m.Steps {
		p := point{s.Cell.Workload, s.Cell.Topology, s.Cell.Conns}
		blocks[p] = s.Blocks
	}
	for p, least := range map[point]int{
		{bench.Closed, bench.Split, 1}: 3, {bench.Closed, bench.Split, 100}: 3,
		{bench.Closed, bench.Split, 1000}: 5, {bench.Closed, bench.Split, 10000}: 3,
		{bench.Closed, bench.Shared, 256}: 12, {bench.Closed, bench.Split, 256}: 12, {bench.Open, bench.Split, 256}: 3, {bench.Short, bench.Split, 64}: 3,
	} {
		if blocks[p] < least {
			t.Errorf("%+v has %d blocks, want %d", p, blocks[p], least)
		}
	}
}

func TestOrderVisitsEveryCellOncePerBlock(t *testing.T) {
	m := planned(t, "default")
	want := 0
	for _, s := range m.Steps {
		if !s.Turns {
			want += s.Blocks
		}
	}
	seen := map[record.Key]bool{}
	block := 0
	for _, v := range m.Order(7) {
		if seen[v.Key()] {
			t.Fatalf("%+v twice", v.Key())
		}
		seen[v.Key()] = true
		if v.Block < block {
			t.Fatal("blocks are mixed")
		}
		block = v.Block
	}
	if len(seen) != want {
		t.Errorf("%d visits, want %d", len(seen), want)
	}
}

// TestOrderKeepsModelsOfAConditionTogether: what drifts over minutes must hit them alike.
func TestOrderKeepsModelsOfAConditionTogether(t *testing.T) {
	visits := planned(t, "default").Order(3)
	begun := map[record.Key]bool{}
	var last record.Key
	for _, v := range visits {
		condition := v.Key()
		condition.Cell = bench.Condition(condition.Cell)
		if condition != last && begun[condition] {
			t.Fatalf("%+v was interrupted by another condition", condition)
		}
		begun[condition] = true
		last = condition
	}
}

// TestHeadlinesHaveATwin: every one of them, of the baseline alone, and no sweep has one.
func TestHeadlinesHaveATwin(t *testing.T) {
	m := planned(t, "default").WithTwins("a")
	heads := m.Headlines()
	if len(heads) != 4 {
		t.Fatalf("%d headlines", len(heads))
	}
	for _, steps := range heads {
		var twins []string
		for _, s := range steps {
			if bench.Condition(s.Cell) != bench.Condition(steps[0].Cell) {
				t.Errorf("%+v takes turns with %+v", s.Cell, steps[0].Cell)
			}
			if s.Cell.Arm == record.Twin {
				twins = append(twins, s.Cell.Model)
			}
		}
		if !slices.Equal(twins, []string{"a"}) {
			t.Errorf("twins %q", twins)
		}
	}
	for _, v := range m.Order(1) {
		if v.Step.Turns || v.Step.Cell.Arm != "" {
			t.Errorf("%+v is visited like a sweep", v.Step.Cell)
		}
	}
	if again := m.WithTwins("a"); len(again.Steps) != len(m.Steps)+len(heads) {
		t.Error("a twin got a twin")
	}
}

func TestSeedReplaysTheOrder(t *testing.T) {
	m := planned(t, "quick")
	keys := func(seed uint64) []record.Key {
		var out []record.Key
		for _, v := range m.Order(seed) {
			out = append(out, v.Key())
		}
		return out
	}
	if !slices.Equal(keys(5), keys(5)) {
		t.Error("the same seed gave two orders")
	}
	if slices.Equal(keys(5), keys(6)) {
		t.Error("two seeds gave one order")
	}
}

// TestEveryModelComesFirstSometimes: a fixed order would give some model the coldest machine.
func TestEveryModelComesFirstSometimes(t *testing.T) {
	first := map[string]bool{}
	m := planned(t, "default")
	for seed := range uint64(20) {
		var last record.Cell
		for _, v := range m.Order(seed) {
			condition := v.Step.Cell
			condition.Model = ""
			if condition != last {
				first[v.Step.Cell.Model] = true
			}
			last = condition
		}
	}
	if len(first) != len(m.Models()) {
		t.Errorf("only %d of %d models ever come first", len(first), len(m.Models()))
	}
}

func TestPlanOfAVisit(t *testing.T) {
	step := bench.Step{Cell: record.Cell{Proto: "http", Conns: 8, Rate: 100}, Blocks: 3}
	a := bench.Visit{Step: step, Block: 1}.Plan("h:1", 10)
	if a.Arrival != "poisson" || a.Seed != 11 || a.Addr != "h:1" {
		t.Errorf("%+v", a)
	}
	step.Cell.Rate = 0
	if b := (bench.Visit{Step: step}).Plan("h:1", 10); b.Arrival != "closed" {
		t.Errorf("%+v", b)
	}
}

func TestOneCPUTurnsSplitIntoShared(t *testing.T) {
	m := planned(t, "full").OnOneCPU()
	seen := map[record.Cell]bool{}
	for _, s := range m.Steps {
		if s.Cell.Topology != bench.Shared {
			t.Fatalf("%+v", s.Cell)
		}
		if seen[s.Cell] {
			t.Fatalf("%+v twice", s.Cell)
		}
		seen[s.Cell] = true
	}
}

func TestUnknownNamesAreExplained(t *testing.T) {
	_, err := bench.FindProfile("defualt")
	var unknown *bench.UnknownError
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), `did you mean "default"`) {
		t.Errorf("got %v", err)
	}
	known := []string{"goroutine", "reactor", "reactor-et"}
	for name, want := range map[string]string{
		"raector": `did you mean "reactor"?`, "gorout": `did you mean "goroutine"?`, "apache": "there are: goroutine",
	} {
		err := bench.CheckNames("model", []string{"reactor", name}, known)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	if err := bench.CheckNames("model", known, known); err != nil {
		t.Error(err)
	}
}

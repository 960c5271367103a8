package experiment

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iomodels/bench"
	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
	"iomodels/loadgen"
)

var long = flag.Bool("long", false, "play many more campaigns")

// headlinePlan is two headlines, of three models and the twin of the baseline.
func headlinePlan() bench.Matrix {
	m := bench.Matrix{Profile: "test"}
	for _, proto := range []string{"echo", "http"} {
		for _, model := range []string{"base", "a", "b"} {
			m.Steps = append(m.Steps, bench.Step{
				Cell:  record.Cell{Model: model, Conns: 8, Proto: proto, Workload: bench.Closed, Topology: bench.Shared},
				Turns: true, Blocks: 12, Timing: bench.Timing{Window: 300 * time.Millisecond},
			})
		}
	}
	return m.WithTwins("base")
}

const servers = 4

// bench of fakes: every server costs the same but for noise of the given spread, model b times
// the factor; blocks for which busy says so were disturbed.
type fakes struct {
	rng     *rand.Rand
	spread  float64
	factor  float64
	busy    func(block int) bool
	seconds float64 // a block takes
	blocks  map[string]int
}

func (f *fakes) measure(_ context.Context, t Turns) ([]record.Record, error) {
	f.blocks[t.Steps[0].Cell.Proto]++
	var recs []record.Record
	for _, step := range t.Steps {
		rec := record.Record{Cell: step.Cell, Block: t.Block, TookS: f.seconds / float64(len(t.Steps))}
		rec.Load = loadgen.Summary{ElapsedS: 0.6, RatePerS: 1000, Verdict: "valid"}
		for at := range 2 {
			cost := 0.1 * math.Exp(f.spread*f.rng.NormFloat64())
			if step.Cell.Model == "b" {
				cost *= f.factor
			}
			s := record.Slice{At: at, Seconds: 0.3, OK: 300, ServerS: cost, ClientS: 0.1}
			if f.busy != nil && f.busy(t.Block) {
				s.Machine.ForeignCPU = 0.9
			}
			rec.Slices = append(rec.Slices, s)
			rec.Server.CPUS += s.ServerS
			rec.Load.Generator.CPUS += s.ClientS
		}
		recs = append(recs, rec)
	}
	return recs, nil
}

func fakeCampaign(f *fakes, m *memory) *Campaign {
	f.blocks = map[string]int{}
	f.rng = rand.New(rand.NewPCG(7, 7))
	if f.factor == 0 {
		f.factor = 1
	}
	return &Campaign{
		Measure: f.measure, Unable: func(record.Cell) string { return "" }, Stop: make(chan struct{}),
		Save: func(recs ...record.Record) error {
			m.records = append(m.records, recs...)
			return nil
		},
		Env: record.Env{Seed: 1, Config: record.Config{Baseline: "base"}},
	}
}

func TestCampaignStopsByWidth(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fakes  fakes
		budget time.Duration
		blocks int // of each headline
		why    string
	}{
		{"sharp at the first look", fakes{spread: 0.005}, 0, 12, "every ratio is known"},
		{"a difference is no reason to stop or to go on", fakes{spread: 0.005, factor: 3}, 0, 12, "every ratio is known"},
		{"never sharp", fakes{spread: 0.5}, 0, 40, "the most that are measured"},
		{"never sharp, and time for 24 blocks each", fakes{spread: 0.5, seconds: 10}, 480 * time.Second, 24, "longer than the time"},
		{"no time at all", fakes{spread: 0.005, seconds: 10}, time.Second, 1, "longer than the time"},
		{"late for the first verdict", fakes{spread: 0.5, seconds: 10}, 200 * time.Second, 12, "longer than the time"},
		{"three disturbed blocks are replaced", fakes{spread: 0.005, busy: func(b int) bool { return b%4 == 1 }}, 0, 16, "known"},
		{"always disturbed", fakes{spread: 0.005, busy: func(int) bool { return true }}, 0, 6, "too busy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m memory
			c := fakeCampaign(&tc.fakes, &m)
			c.Budget = tc.budget
			var notes []string
			c.Note = func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
			result, err := c.Run(t.Context(), headlinePlan())
			if err != nil || result.Left != 0 {
				t.Fatalf("%+v, %v", result, err)
			}
			for proto, n := range tc.fakes.blocks {
				if n != tc.blocks {
					t.Errorf("%s took %d blocks, want %d: %q", proto, n, tc.blocks, notes)
				}
			}
			if len(notes) != 2 || !strings.Contains(notes[0], tc.why) {
				t.Errorf("says %q, want %q", notes, tc.why)
			}
		})
	}
}

// TestABusyTimeIsSatOut: a headline that was given up is attempted again when there is time, and
// then nothing of the first attempt counts; one that was finished is left alone.
func TestABusyTimeIsSatOut(t *testing.T) {
	for _, tc := range []struct {
		name   string
		quiet  int // first block of echo that is not disturbed
		budget time.Duration
		blocks int // of echo in all
		counts int
		unfit  bool
		notes  string
	}{
		{"quiet afterwards", 6, time.Hour, 6 + 12, 12, false, "every ratio is known"},
		{"quiet from the second block of it on", 7, time.Hour, 6 + 13, 12, false, "every ratio is known"},
		{"busy for good", 99, time.Hour, 6 + 6, 0, true, "6 of 6 blocks were disturbed"},
		{"no time", 6, time.Second, 6, 0, true, "no time for another attempt"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m memory
			f := fakes{spread: 0.005, seconds: 10}
			c := fakeCampaign(&f, &m)
			f.rng = rand.New(rand.NewPCG(6, 1)) // blocks that by chance resemble the one before ask for more of them
			c.Measure = func(ctx context.Context, turns Turns) ([]record.Record, error) {
				f.busy = func(b int) bool { return turns.Steps[0].Cell.Proto == "echo" && b < tc.quiet }
				return f.measure(ctx, turns)
			}
			var notes []string
			c.Note = func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
			if _, err := c.Run(t.Context(), headlinePlan()); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Retry(t.Context(), headlinePlan(), tc.budget); err != nil {
				t.Fatal(err)
			}
			if f.blocks["echo"] != tc.blocks || f.blocks["http"] != 12 {
				t.Errorf("%v blocks, want %d of echo and 12 of http: %q", f.blocks, tc.blocks, notes)
			}
			echo := slices.DeleteFunc(slices.Clone(m.records), func(r record.Record) bool { return r.Cell.Proto != "echo" })
			state := cells.New(c.Env, echo, "base").Campaigns()[0]
			if state.Blocks != tc.counts || state.Unfit != tc.unfit {
				t.Errorf("%d blocks count, %d dropped, unfit: %v", state.Blocks, state.Dropped, state.Unfit)
			}
			if !strings.Contains(notes[len(notes)-1], tc.notes) {
				t.Errorf("says last %q, want %q", notes[len(notes)-1], tc.notes)
			}
		})
	}
}

// TestCampaignCannotSeeWhoWins: whatever a server's cost is multiplied by, the same blocks are
// measured, in the same order, and the same ones dropped.
func TestCampaignCannotSeeWhoWins(t *testing.T) {
	history := func(factor float64) string {
		var m memory
		f := fakes{spread: 0.04, factor: factor, busy: func(b int) bool { return b == 5 }}
		c := fakeCampaign(&f, &m)
		var log strings.Builder
		measure := c.Measure
		c.Measure = func(ctx context.Context, t Turns) ([]record.Record, error) {
			fmt.Fprintln(&log, t.Steps[0].Cell.Proto, t.Block, t.Order)
			return measure(ctx, t)
		}
		if _, err := c.Run(t.Context(), headlinePlan()); err != nil {
			t.Fatal(err)
		}
		return log.String()
	}
	want := history(1)
	for _, factor := range []float64{0.5, 0.97, 1.03, 1.1, 10} {
		if got := history(factor); got != want {
			t.Errorf("a server %v times as dear changed what was measured:\n%s\nwas\n%s", factor, got, want)
		}
	}
}

func TestCampaignIsResumedWhereItStood(t *testing.T) {
	var m memory
	f := fakes{spread: 0.005}
	c := fakeCampaign(&f, &m)
	stop := make(chan struct{})
	c.Stop = stop
	measure := c.Measure
	c.Measure = func(ctx context.Context, turns Turns) ([]record.Record, error) {
		if len(m.records) == 7*servers {
			close(stop)
			<-ctx.Done() // a block under way is given up
			return nil, context.Cause(ctx)
		}
		return measure(ctx, turns)
	}
	first, err := c.Run(t.Context(), headlinePlan())
	if err != nil || first.Measured != 7*servers || first.Left != 17*servers {
		t.Fatalf("%+v, %v", first, err)
	}
	again := fakeCampaign(&fakes{spread: 0.005}, &m)
	again.Done = slices.Clone(m.records)
	second, err := again.Run(t.Context(), headlinePlan())
	if err != nil || second.Resumed != 7*servers || second.Measured != 17*servers {
		t.Fatalf("%+v, %v", second, err)
	}
	seen := map[record.Key]bool{}
	for _, rec := range m.records {
		if seen[rec.Key()] {
			t.Errorf("%+v twice", rec.Key())
		}
		seen[rec.Key()] = true
	}
	if len(seen) != 24*servers {
		t.Errorf("%d records", len(seen))
	}
}

// TestABrokenServerDoesNotHoldUpTheOthers: its blocks never become enough.
func TestABrokenServerDoesNotHoldUpTheOthers(t *testing.T) {
	var m memory
	f := fakes{spread: 0.005}
	c := fakeCampaign(&f, &m)
	c.Measure = func(ctx context.Context, turns Turns) ([]record.Record, error) {
		recs, err := f.measure(ctx, turns)
		for i := range recs {
			if recs[i].Cell.Model == "b" {
				recs[i] = record.Record{Cell: recs[i].Cell, Block: recs[i].Block, Failed: "died"}
			}
		}
		return recs, err
	}
	result, err := c.Run(t.Context(), headlinePlan())
	if err != nil || f.blocks["echo"] != 12 || result.Failed != 24 {
		t.Errorf("%v blocks, %+v, %v", f.blocks, result, err)
	}
}

// TestTurnsOfRealProcesses: from the plan of a headline to records that can be ranked.
func TestTurnsOfRealProcesses(t *testing.T) {
	rig, programs := testRig(t)
	rig.StopPatience = time.Second
	var steps []bench.Step
	for _, model := range []string{proctest.Alpha, proctest.Beta, proctest.Surprise} {
		v := visit(model, 8)
		v.Step.Turns, v.Step.Blocks = true, 2
		steps = append(steps, v.Step)
	}
	plan := bench.Matrix{Steps: steps}.WithTwins(proctest.Alpha)
	var records []record.Record
	for block := range 2 {
		recs, err := rig.Turns(t.Context(), Turns{Steps: plan.Steps, Block: block, Order: []int{0, 1, 2, 3, 3, 2, 1, 0}})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, recs...)
	}
	set := cells.New(record.Env{Config: record.Config{Baseline: proctest.Alpha}}, records, "")
	campaigns := set.Campaigns()
	if len(campaigns) != 1 || len(set.Groups(func(c record.Cell) bool { return c.Arm != "" })) != 0 {
		t.Fatalf("%d campaigns", len(campaigns))
	}
	if rec := records[3]; rec.Skipped == "" || rec.Cell.Model != proctest.Surprise {
		t.Errorf("%+v", rec)
	}
	if rec := records[1]; rec.Cell.Arm != record.Twin || len(rec.Slices) != 2 || rec.TookS <= 0 {
		t.Errorf("%+v", rec)
	}
	assertNoneLeft(t, filepath.Clean(programs))
}

// TestIdenticalServersAlarmAtTheNominalRate plays whole campaigns with servers that are all the
// same, through everything that decides: turns, dropped blocks, looks, stopping, Holm. Three
// servers make three pairs, which share at most 5 %.
func TestIdenticalServersAlarmAtTheNominalRate(t *testing.T) {
	campaigns := uint64(30)
	if *long {
		campaigns = 2000
	}
	alarms, blocks := 0.0, 0
	one := headlinePlan().Keep(func(s bench.Step) bool { return s.Cell.Proto == "echo" })
	for n := range campaigns {
		var m memory
		f := fakes{spread: 0.035, busy: func(b int) bool { return b%9 == int(n%9) }}
		c := fakeCampaign(&f, &m)
		f.rng = rand.New(rand.NewPCG(n, 0xaa))
		if _, err := c.Run(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		blocks += f.blocks["echo"]
		judged := cells.New(c.Env, m.records, "base").Campaigns()[0]
		if slices.ContainsFunc(judged.Ranking.Pairs, func(p stats.Pair) bool { return p.P <= stats.DefaultAlpha }) {
			alarms++
		}
		if slices.ContainsFunc(judged.Ranking.Pairs, func(p stats.Pair) bool { return p.Verdict == stats.Different }) {
			t.Logf("campaign %d called equal servers different", n)
		}
	}
	slack := 3 * math.Sqrt(0.05*0.95/float64(campaigns))
	if rate := alarms / float64(campaigns); rate > 0.05+slack || rate == 0 {
		t.Errorf("%.1f %% of the campaigns alarmed, want at most %.1f, and some", 100*rate, 100*(0.05+slack))
	}
	if mean := float64(blocks) / float64(campaigns); mean < 13 || mean > 40 {
		t.Errorf("%.1f blocks on average: looks and replaced blocks are not in play", mean)
	}
}

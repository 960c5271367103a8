package experiment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"iomodels/bench"
	"iomodels/bench/record"
	"iomodels/loadgen"
)

// memory is a run folder without a disk.
type memory struct{ records []record.Record }

func (m *memory) save(rec record.Record) error {
	m.records = append(m.records, rec)
	return nil
}

// fakeRunner measures whatever it is asked for, at once.
func fakeRunner(m *memory) *Runner {
	return &Runner{
		Measure: func(_ context.Context, v bench.Visit) (record.Record, error) {
			return measured(v), nil
		},
		Save:      m.save,
		Unable:    func(record.Cell) string { return "" },
		Disturbed: Disturbed,
		Stop:      make(chan struct{}),
		Seed:      1,
	}
}

func measured(v bench.Visit) record.Record {
	return record.Record{Cell: v.Step.Cell, Block: v.Block, Load: loadgen.Summary{ElapsedS: 1}}
}

// plan is a small matrix: three models, two loads, of two and three blocks.
func plan() bench.Matrix {
	m := bench.Matrix{Profile: "test"}
	for _, conns := range []int{1, 2} {
		for _, model := range []string{"a", "b", "c"} {
			m.Steps = append(m.Steps, bench.Step{
				Cell: record.Cell{Model: model, Conns: conns, Proto: "echo", Topology: bench.Split}, Blocks: conns + 1,
			})
		}
	}
	return m
}

const planVisits = 3*2 + 3*3

// assertComplete checks that every visit of the plan was recorded, and none twice.
func assertComplete(t *testing.T, records []record.Record) {
	t.Helper()
	seen := map[record.Key]bool{}
	for _, rec := range records {
		if seen[rec.Key()] {
			t.Errorf("%+v recorded twice", rec.Key())
		}
		seen[rec.Key()] = true
	}
	if len(seen) != planVisits {
		t.Errorf("%d visits recorded, want %d", len(seen), planVisits)
	}
}

func TestRunMakesEveryVisit(t *testing.T) {
	var m memory
	var shown []Progress
	r := fakeRunner(&m)
	r.Progress = func(p Progress) { shown = append(shown, p) }
	result, err := r.Run(t.Context(), plan())
	if err != nil || result.Measured != planVisits || result.Left != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	assertComplete(t, m.records)
	if last := shown[len(shown)-1]; last.At != last.Of || !last.Made || last.Left != 0 {
		t.Errorf("last progress %+v", last)
	}
}

// TestResumeDoesExactlyTheRest stops a run after every possible number of records.
func TestResumeDoesExactlyTheRest(t *testing.T) {
	for stopAfter := range planVisits + 1 {
		var m memory
		r := fakeRunner(&m)
		stop := make(chan struct{})
		r.Stop = stop
		if stopAfter == 0 {
			close(stop)
		}
		r.Save = func(rec record.Record) error {
			if m.save(rec); len(m.records) == stopAfter {
				close(stop)
			}
			return nil
		}
		first, err := r.Run(t.Context(), plan())
		if err != nil || first.Measured != stopAfter || first.Left != planVisits-stopAfter {
			t.Fatalf("stopped after %d: %+v, %v", stopAfter, first, err)
		}
		again := fakeRunner(&m)
		again.Done = append([]record.Record(nil), m.records...)
		second, err := again.Run(t.Context(), plan())
		if err != nil || second.Resumed != stopAfter || second.Measured != planVisits-stopAfter {
			t.Fatalf("resumed after %d: %+v, %v", stopAfter, second, err)
		}
		assertComplete(t, m.records)
	}
}

func TestAVisitCutShortIsNotRecorded(t *testing.T) {
	var m memory
	r := fakeRunner(&m)
	ctx, cancel := context.WithCancel(t.Context())
	r.Measure = func(ctx context.Context, v bench.Visit) (record.Record, error) {
		if len(m.records) == 4 {
			cancel()
			return record.Record{}, ctx.Err()
		}
		return measured(v), nil
	}
	result, err := r.Run(ctx, plan())
	if err != nil || result.Measured != 4 || result.Left != planVisits-4 || len(m.records) != 4 {
		t.Errorf("%+v, %v, %d records", result, err, len(m.records))
	}
}

func TestWhatCannotRunIsRecordedFirstAndOnce(t *testing.T) {
	var m memory
	r := fakeRunner(&m)
	r.Unable = func(c record.Cell) string {
		if c.Model == "b" {
			return "no b here"
		}
		return ""
	}
	result, err := r.Run(t.Context(), plan())
	if err != nil || result.Skipped != 2 || result.Measured != planVisits*2/3 {
		t.Fatalf("%+v, %v", result, err)
	}
	for i, rec := range m.records {
		if (i < 2) != (rec.Skipped == "no b here") {
			t.Errorf("record %d: %+v", i, rec)
		}
	}
	before := len(m.records)
	r.Done = append([]record.Record(nil), m.records...)
	if again, err := r.Run(t.Context(), plan()); err != nil || len(m.records) != before {
		t.Errorf("resumed a complete run: %+v, %v, %d more records", again, err, len(m.records)-before)
	}
}

func TestFailuresGoOn(t *testing.T) {
	var m memory
	r := fakeRunner(&m)
	r.Measure = func(_ context.Context, v bench.Visit) (record.Record, error) {
		rec := measured(v)
		if v.Step.Cell.Model == "c" {
			rec.Failed = "died"
		}
		return rec, nil
	}
	result, err := r.Run(t.Context(), plan())
	if err != nil || result.Failed != planVisits/3 || result.Measured != planVisits*2/3 {
		t.Errorf("%+v, %v", result, err)
	}
	assertComplete(t, m.records)
}

func TestARunThatCannotSaveEnds(t *testing.T) {
	full := errors.New("no space left on device")
	measures := 0
	r := fakeRunner(nil)
	r.Measure = func(_ context.Context, v bench.Visit) (record.Record, error) {
		measures++
		return measured(v), nil
	}
	r.Save = func(record.Record) error { return full }
	if _, err := r.Run(t.Context(), plan()); !errors.Is(err, full) || measures != 1 {
		t.Errorf("got %v after %d measurements", err, measures)
	}
}

func TestDisturbedVisitsAreMeasuredAgain(t *testing.T) {
	for _, tc := range []struct {
		name    string
		foreign []float64 // of the measurements, in order; the last repeats
		tries   int
		kept    float64
		warned  bool
	}{
		{"quiet", []float64{0}, 1, 0, false},
		{"once noisy", []float64{0.9, 0.05}, 2, 0.05, false},
		{"always noisy, calmest kept", []float64{0.9, 0.5, 0.7}, maxTries, 0.5, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m memory
			r := fakeRunner(&m)
			n := 0
			r.Measure = func(_ context.Context, v bench.Visit) (record.Record, error) {
				rec := measured(v)
				rec.Machine.ForeignCPU = tc.foreign[min(n, len(tc.foreign)-1)]
				n++
				return rec, nil
			}
			one := plan()
			one.Steps = one.Steps[:1]
			one.Steps[0].Blocks = 1
			// One visit allows one repetition: lend it the budget of a longer run.
			r.now = time.Now
			rec, err := r.calmest(t.Context(), one.Order(1)[0], &allowance{left: maxTries})
			if err != nil || rec.Machine.Tries != tc.tries || rec.Machine.ForeignCPU != tc.kept {
				t.Errorf("%+v, %v", rec.Machine, err)
			}
			if warned := strings.Contains(fmt.Sprint(rec.Warnings), "disturbed"); warned != tc.warned {
				t.Errorf("warnings %q", rec.Warnings)
			}
		})
	}
}

func TestRepetitionsAreBounded(t *testing.T) {
	var m memory
	r := fakeRunner(&m)
	measures := 0
	r.Measure = func(_ context.Context, v bench.Visit) (record.Record, error) {
		measures++
		rec := measured(v)
		rec.Machine.ForeignCPU = 1
		return rec, nil
	}
	result, err := r.Run(t.Context(), plan())
	if err != nil || measures != planVisits+2 || result.Retried != 2 {
		t.Errorf("%d measurements of %d visits, %+v, %v", measures, planVisits, result, err)
	}
}

// TestRepetitionsHaveAnEnd: a run on a machine that is never quiet repeats while there is time
// for that and for all that is still to come, and then says what it did not repeat.
func TestRepetitionsHaveAnEnd(t *testing.T) {
	whole := bench.Estimate(plan().Order(1))
	each := whole / planVisits
	for _, tc := range []struct {
		name    string
		spare   time.Duration // beyond what the plan takes
		repeats int
	}{
		{"no time to spare", 0, 0},
		{"time for one", 3 * each / 2, 1},
		{"time for more than are granted", 10 * each, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m memory
			r := fakeRunner(&m)
			clock := time.Unix(1, 0)
			r.now = func() time.Time { return clock }
			r.Until = clock.Add(whole + tc.spare)
			r.Measure = func(_ context.Context, v bench.Visit) (record.Record, error) {
				clock = clock.Add(v.Step.Estimate())
				rec := measured(v)
				rec.Machine.ForeignCPU = 1
				return rec, nil
			}
			result, err := r.Run(t.Context(), plan())
			if err != nil || result.Retried != tc.repeats || clock.After(r.Until) {
				t.Errorf("%+v, %v; ended at %v, limit %v", result, err, clock, r.Until)
			}
			for _, rec := range m.records {
				if rec.OK() && !strings.Contains(fmt.Sprint(rec.Warnings), "not measured again: ") {
					t.Errorf("does not say why it was not repeated: %q", rec.Warnings)
				}
			}
		})
	}
}

func TestDisturbedLooksAtTheMachineOnly(t *testing.T) {
	quiet := record.Record{Load: loadgen.Summary{ElapsedS: 0.5}, Machine: record.Machine{ForeignCPU: 0.1}}
	for _, tc := range []struct {
		name string
		edit func(*record.Record)
		want bool
	}{
		{"quiet", func(*record.Record) {}, false},
		{"slow and erroneous, but quiet", func(r *record.Record) {
			r.Load.RatePerS = 1
			r.Load.Requests.Errors = map[string]uint64{"reset": 9}
		}, false},
		{"foreign work", func(r *record.Record) { r.Machine.ForeignCPU = 0.4 }, true},
		{"steal", func(r *record.Record) { r.Machine.StealS = 0.1 }, true},
		{"memory stall", func(r *record.Record) { r.Machine.MemStallS = 0.02 }, true},
		{"somebody's disk", func(r *record.Record) { r.Machine.IOStallS = 0.1 }, false},
	} {
		rec := quiet
		tc.edit(&rec)
		if why := Disturbed(rec); (why != "") != tc.want {
			t.Errorf("%s: %q", tc.name, why)
		}
	}
}

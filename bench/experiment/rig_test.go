package experiment

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"iomodels/bench"
	"iomodels/bench/proc"
	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
	"iomodels/bench/slice"
)

func TestMain(m *testing.M) {
	proctest.Main()
	goleak.VerifyTestMain(m)
}

func testRig(t *testing.T) (*Rig, string) {
	t.Helper()
	allowed, err := proc.AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	dir := proctest.Install(t)
	return &Rig{
		Netserve: filepath.Join(dir, "netserve"), Netload: filepath.Join(dir, "netload"),
		Place: Place(allowed), Machine: proc.NewMachineReader(),
	}, dir
}

func visit(model string, conns int) bench.Visit {
	const tick = 20 * time.Millisecond
	return bench.Visit{Step: bench.Step{
		Cell:   record.Cell{Model: model, Proto: "echo", Topology: bench.Shared, Conns: conns},
		Timing: bench.Timing{Settle: tick, Warmup: tick, Window: 5 * tick},
	}}
}

func TestMeasure(t *testing.T) {
	for _, tc := range []struct {
		name    string
		model   string
		conns   int
		failed  string // in Record.Failed
		skipped string // in Record.Skipped
		warning string // in a warning
	}{
		{"all is well", proctest.Alpha, 10, "", "", ""},
		{"server dies", proctest.Mortal, 10, "in mid-cell, signal: killed: last words: out of luck", "", ""},
		{"server ends at once", proctest.Broken, 10, "address already in use", "", ""},
		{"model is not available after all", proctest.Surprise, 10, "", "this machine cannot", ""},
		{"server ends badly", proctest.Grumpy, 10, "", "", "leave me alone"},
		{"generator refuses", proctest.Alpha, proctest.RefusesConns, "no such flag", "", ""},
		{"generator is killed", proctest.Alpha, proctest.KilledConns, "load generator ended, signal: killed", "", ""},
		{"generator talks nonsense", proctest.Alpha, proctest.WrongConns, "summary of the load generator", "", ""},
		{"nothing verified", proctest.Alpha, proctest.SilentConns, "no verified reply; errors map[reset:1000]", "", ""},
		{"invalid is kept and says so", proctest.Alpha, proctest.InvalidConns, "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rig, programs := testRig(t)
			rec, err := rig.Measure(t.Context(), visit(tc.model, tc.conns))
			if err != nil {
				t.Fatal(err)
			}
			if !contains(rec.Failed, tc.failed) || !contains(rec.Skipped, tc.skipped) {
				t.Errorf("failed %q, skipped %q", rec.Failed, rec.Skipped)
			}
			if !rec.OK() && rec.Load.RatePerS != 0 {
				t.Error("a failed record carries a figure")
			}
			if tc.warning != "" && !strings.Contains(strings.Join(rec.Warnings, "\n"), tc.warning) {
				t.Errorf("warnings %q", rec.Warnings)
			}
			assertNoneLeft(t, programs)
		})
	}
}

// contains is strings.Contains, but only the empty string contains nothing.
func contains(got, want string) bool {
	return strings.Contains(got, want) && (got == "") == (want == "")
}

func assertNoneLeft(t *testing.T, programs string) {
	t.Helper()
	if left, err := proctest.Children(programs); err != nil || len(left) > 0 {
		t.Errorf("still running: %v (%v)", left, err)
	}
}

func TestMeasureReadsTheServer(t *testing.T) {
	rig, _ := testRig(t)
	_, err := proc.NewCounter()
	rig.CountSyscalls = err == nil
	rec, err := rig.Measure(t.Context(), visit(proctest.Alpha, 10))
	if err != nil || !rec.OK() {
		t.Fatalf("%+v, %v", rec, err)
	}
	u := rec.Server
	if u.RSSBase <= 0 || u.RSSIdle <= 0 || u.RSSPeak <= 0 || u.Threads <= 0 || u.StopS <= 0 {
		t.Errorf("%+v", u)
	}
	if u.CPUS < 0 || u.CPUUserS < 0 || u.CPUSysS < 0 || (u.Syscalls >= 0) != rig.CountSyscalls {
		t.Errorf("%+v", u)
	}
	if !slices.Contains(rec.Command, "--conns") || rec.Command[0] != "netload" || rec.TookS <= 0 {
		t.Errorf("command %q, took %v", rec.Command, rec.TookS)
	}
}

// A cell with a load beside it has a second generator while it is measured, and none after.
func TestALoadBeside(t *testing.T) {
	rig, programs := testRig(t)
	v := visit(proctest.Alpha, 10)
	v.Step.Cell.Beside = "/delay/200"
	rec, err := rig.Measure(t.Context(), v)
	if err != nil || !rec.OK() {
		t.Errorf("%+v, %v", rec, err)
	}
	if command := strings.Join(rec.Command, " "); strings.Contains(command, v.Step.Cell.Beside) {
		t.Errorf("the measured load is %q: it must not ask for what is asked beside it", command)
	}
	assertNoneLeft(t, programs)

	rig.Netload = "/nowhere/netload"
	if rec, err = rig.Measure(t.Context(), v); err != nil || rec.Failed == "" {
		t.Errorf("without a generator: %+v, %v", rec, err)
	}
	assertNoneLeft(t, programs)
}

func TestLargeCellsAreNotCounted(t *testing.T) {
	rig, _ := testRig(t)
	rig.CountSyscalls = true
	rec, err := rig.Measure(t.Context(), visit(proctest.Alpha, countedConns+1))
	if err != nil || rec.Server.Syscalls != -1 {
		t.Errorf("%v, %v", rec.Server.Syscalls, err)
	}
}

func TestAServerThatDoesNotStopIsKilledAndRecorded(t *testing.T) {
	rig, programs := testRig(t)
	rig.StopPatience = 100 * time.Millisecond
	rec, err := rig.Measure(t.Context(), visit(proctest.Deaf, 10))
	if err != nil || !rec.OK() || !strings.Contains(strings.Join(rec.Warnings, "\n"), "SIGTERM: killed") {
		t.Errorf("%+v, %v", rec, err)
	}
	assertNoneLeft(t, programs)
}

func TestAGeneratorThatHangsIsKilledAndRecorded(t *testing.T) {
	rig, programs := testRig(t)
	rig.HangMargin = 200 * time.Millisecond
	rec, err := rig.Measure(t.Context(), visit(proctest.Alpha, proctest.HangConns))
	if err != nil || !strings.Contains(rec.Failed, "load generator hung: killed") {
		t.Errorf("%q, %v", rec.Failed, err)
	}
	assertNoneLeft(t, programs)
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	rig, programs := testRig(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := rig.Measure(ctx, visit(proctest.Alpha, proctest.HangConns))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	assertNoneLeft(t, programs)
}

func TestPlace(t *testing.T) {
	one := Place([]int{5})
	if one.Apart() || !slices.Equal(one.Shared, []int{5}) {
		t.Errorf("one CPU: %+v", one)
	}
	two := Place([]int{700, 701}) // CPUs that are not there have no siblings
	second := []int{701}
	if !slices.Equal(two.Server, []int{700}) || !slices.Equal(two.Load, second) || !slices.Equal(two.Shared, second) {
		t.Errorf("two CPUs: %+v", two)
	}
	four := Place([]int{700, 701, 702, 703})
	if !slices.Equal(four.Server, []int{700}) || !slices.Equal(four.Load, []int{701, 702}) {
		t.Errorf("four CPUs: %+v", four)
	}
}

func TestParseCPUs(t *testing.T) {
	got, err := ParseCPUs("4,0-2,1")
	if err != nil || !slices.Equal(got, []int{0, 1, 2, 4}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "a", "3-1", "-1", "0-99999", "1,,2"} {
		if got, err := ParseCPUs(bad); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}

func TestPreflight(t *testing.T) {
	models := []record.ModelInfo{
		{Name: "a", Available: true},
		{Name: "h", Available: true, Protocols: []string{"http"}},
		{Name: "no", Reason: "io_uring_setup: operation not permitted"},
		{Name: "thread", Available: true},
	}
	unable := Preflight(models, Limits{Nofile: 4096, Threads: 2000})
	for _, tc := range []struct {
		cell record.Cell
		want string // "": can run
	}{
		{record.Cell{Model: "a", Proto: "echo", Conns: 1000}, ""},
		{record.Cell{Model: "a", Proto: "echo", Conns: 100, Idle: 9900}, "10000 connections need 10064 open files"},
		{record.Cell{Model: "a", Proto: "echo", Conns: 10000}, "4032 connections would work"},
		{record.Cell{Model: "h", Proto: "echo", Conns: 1}, "speaks http, not echo"},
		{record.Cell{Model: "no", Proto: "echo", Conns: 1}, "operation not permitted"},
		{record.Cell{Model: "thread", Proto: "echo", Conns: 3000}, "3064 threads; the limit is 2000"},
		{record.Cell{Model: "ghost", Proto: "echo", Conns: 1}, `no model "ghost"`},
	} {
		if got := unable(tc.cell); !contains(got, tc.want) {
			t.Errorf("%+v: got %q, want %q", tc.cell, got, tc.want)
		}
	}
}

func TestSyscallsAreExtrapolatedFromTheWarmup(t *testing.T) {
	s := &sampler{server: []int{os.Getpid()}, counted: true, calls: 300, okAtWarmup: 50, okAtMeasure: 150}
	s.window.From = s.look(proc.Monotonic())
	s.window.To = s.look(s.window.From.At + time.Second)
	s.window.To.Read = s.window.To.At
	sum := measured(visit("a", 1)).Load
	sum.Requests.OK = 1000
	var rec record.Record
	if why := s.fill(&rec, sum); why != "" || rec.Server.Syscalls != 3000 {
		t.Errorf("%q, %v", why, rec.Server.Syscalls)
	}
	late := *s
	late.window.From.Read += 100 * time.Millisecond
	rec = record.Record{}
	if why := late.fill(&rec, sum); why != "" || !strings.Contains(strings.Join(rec.Warnings, "\n"), "late") {
		t.Errorf("%q, %q", why, rec.Warnings)
	}
	s.window = slice.Window{}
	if why := s.fill(&rec, sum); !strings.Contains(why, "did not announce") {
		t.Errorf("got %q", why)
	}
}

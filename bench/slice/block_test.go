package slice

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"iomodels/bench/proc"
	"iomodels/bench/proc/proctest"
	"iomodels/bench/stats/disturb"
	"iomodels/loadgen"
)

func TestMain(m *testing.M) {
	proctest.Main()
	goleak.VerifyTestMain(m)
}

// calm bears whatever the other tests of this machine do meanwhile.
func calm() disturb.Limits { return disturb.Limits{Foreign: 100, Steal: 100, Stall: 100} }

func testStand(t *testing.T, limits disturb.Limits) (*Stand, Block, string) {
	t.Helper()
	cpus, err := proc.AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	dir := proctest.Install(t)
	stand := &Stand{
		Netload: filepath.Join(dir, "netload"), Server: cpus[:1], Load: cpus[:1], Machine: proc.NewMachineReader(),
		Limits: limits, StopWithin: 300 * time.Millisecond,
	}
	block := Block{Proto: "echo", Plan: loadgen.Plan{Proto: "echo", Conns: 4, Warmup: time.Millisecond, Duration: 40 * time.Millisecond}}
	return stand, block, dir
}

func arms(dir string, models ...string) []Arm {
	var out []Arm
	for _, model := range models {
		out = append(out, Arm{Name: model, Program: filepath.Join(dir, "netserve"), Model: model})
	}
	return out
}

func assertNoneLeft(t *testing.T, dir string) {
	t.Helper()
	if left, err := proctest.Children(dir); err != nil || len(left) > 0 {
		t.Errorf("still running: %v (%v)", left, err)
	}
}

func TestBlockGivesEachServerItsTurns(t *testing.T) {
	stand, block, dir := testStand(t, calm())
	block.Arms, block.Order = arms(dir, proctest.Alpha, proctest.Beta), []int{1, 0, 0, 1}
	out, err := stand.Block(t.Context(), block)
	if err != nil || len(out.ProbeS) != 2 || out.ProbeS[0] <= 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	for i, places := range [][]int{{1, 2}, {0, 3}} {
		rec := out.Record(i)
		if !rec.OK() || len(rec.Slices) != 2 || rec.Slices[0].At != places[0] || rec.Slices[1].At != places[1] {
			t.Errorf("server %d: %+v", i, rec)
		}
		if rec.Norm() < 0 || rec.Load.ElapsedS <= rec.Slices[0].Seconds || rec.Server.RSSBase <= 0 || rec.Server.StopS <= 0 {
			t.Errorf("server %d: %+v", i, rec)
		}
	}
	assertNoneLeft(t, dir)
}

// TestOnlyOneServerIsAwake while another one's turn is: the others are stopped by a signal.
func TestOnlyOneServerIsAwake(t *testing.T) {
	stand, block, dir := testStand(t, calm())
	block.Arms, block.Order = arms(dir, proctest.Alpha, proctest.Beta, proctest.Alpha), []int{0, 1, 2, 2, 1, 0}
	block.Plan.Duration = 100 * time.Millisecond
	ended := make(chan error, 1)
	go func() {
		_, err := stand.Block(t.Context(), block)
		ended <- err
	}()
	alone := 0
	for {
		select {
		case err := <-ended:
			if err != nil || alone == 0 {
				t.Errorf("%v; %d times one server was awake and two were stopped", err, alone)
			}
			assertNoneLeft(t, dir)
			return
		case <-time.After(5 * time.Millisecond):
		}
		children, err := proctest.Children(dir)
		if err != nil {
			t.Fatal(err)
		}
		awake, stopped := 0, 0
		for _, pid := range children {
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			switch name, rest, _ := strings.Cut(string(stat), ") "); {
			case !strings.HasSuffix(name, "(netserve"):
			case strings.HasPrefix(rest, "T"):
				stopped++
			default:
				awake++
			}
		}
		if awake == 1 && stopped == 2 {
			alone++
		}
	}
}

// TestABrokenServerIsOutAndTheOthersGoOn, with the reason on record.
func TestABrokenServerIsOutAndTheOthersGoOn(t *testing.T) {
	for model, want := range map[string]string{
		proctest.Broken: "address already in use", proctest.Mortal: "in mid-slice, signal: killed: last words: out of luck",
		proctest.Surprise: "this machine cannot", proctest.Deaf: "",
	} {
		t.Run(model, func(t *testing.T) {
			stand, block, dir := testStand(t, calm())
			block.Plan.Duration = 100 * time.Millisecond // longer than Mortal lives
			block.Arms, block.Order = arms(dir, model, proctest.Beta), []int{0, 1, 1, 0}
			out, err := stand.Block(t.Context(), block)
			if err != nil {
				t.Fatal(err)
			}
			bad, good := out.Record(0), out.Record(1)
			if !strings.Contains(bad.Failed+bad.Skipped, want) || (bad.Skipped != "") != (model == proctest.Surprise) {
				t.Errorf("failed %q, skipped %q", bad.Failed, bad.Skipped)
			}
			if model == proctest.Deaf && !strings.Contains(strings.Join(bad.Warnings, ""), "SIGTERM: killed") {
				t.Errorf("warnings %q", bad.Warnings)
			}
			if !good.OK() || len(good.Slices) != 2 {
				t.Errorf("the other: %+v", good)
			}
			assertNoneLeft(t, dir)
		})
	}
}

// TestADisturbedSliceIsRepeated, a bounded number of times, and then kept with its causes: no
// slice of the fake can be quiet under a limit that nothing meets.
func TestADisturbedSliceIsRepeated(t *testing.T) {
	stand, block, dir := testStand(t, disturb.Limits{Foreign: -100, Grain: 1e-9})
	block.Arms, block.Order = arms(dir, proctest.Alpha), []int{0, 0}
	out, err := stand.Block(t.Context(), block)
	if err != nil || len(out.Arms[0].Turns) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	if out.Repeated != 1 { // half as many as there are slices
		t.Errorf("%d slices were repeated", out.Repeated)
	}
	if first := out.Arms[0].Turns[0]; first.Machine.Tries != 2 || len(first.Causes) == 0 {
		t.Errorf("%+v", first)
	}
	assertNoneLeft(t, dir)
}

func TestBlockEndsWithItsContext(t *testing.T) {
	stand, block, dir := testStand(t, calm())
	block.Arms, block.Order, block.Plan.Conns = arms(dir, proctest.Alpha), []int{0}, proctest.HangConns
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := stand.Block(ctx, block); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	assertNoneLeft(t, dir)
}

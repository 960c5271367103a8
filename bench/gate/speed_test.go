package gate_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"iomodels/bench/duel"
	"iomodels/bench/gate"
	"iomodels/bench/proc"
	"iomodels/bench/stats"
)

// lister is a netserve that only lists models: two that speak echo, one that does not.
const lister = `package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("[" +
		"{\"name\":\"alpha\",\"available\":true}," +
		"{\"name\":\"beta\",\"available\":true,\"protocols\":[\"http\"]}," +
		"{\"name\":\"twin\",\"available\":true,\"variant_of\":\"alpha\"}," +
		"{\"name\":\"absent\",\"available\":false,\"reason\":\"no such kernel\"}]")
	os.Exit(0)
}
`

// field is where invented races are run: builds are real, duels are not.
type field struct {
	t      *testing.T
	slower map[string]float64 // by model and protocol: what head costs over base
	sd     float64
	busy   int   // slices repeated in every round
	fails  error // of every other fight of each lane, or of all
	always bool
	still  bool
	rng    *rand.Rand
	fights map[string]int
}

func (f *field) fight(_ context.Context, a, b duel.Side, load duel.Workload, opt duel.Options) (duel.Result, error) {
	lane := a.Model + " " + load.Proto
	f.fights[lane]++
	if f.fails != nil && (f.always || f.fights[lane]%2 == 1) {
		return duel.Result{}, f.fails
	}
	ratio := math.Exp(f.sd * f.rng.NormFloat64())
	if factor := f.slower[lane]; factor > 0 {
		if b.Name == "head" {
			factor = 1 / factor
		}
		ratio *= factor
	}
	if f.still {
		ratio = 0 // a server that never came to run
	}
	if opt.Rounds != 1 {
		f.t.Errorf("%d rounds at once: a block is one", opt.Rounds)
	}
	return duel.Result{
		Norm: stats.Interval{Value: ratio, N: 1}, Rate: stats.Interval{Value: 1 / ratio, N: 1}, Repeated: f.busy,
	}, nil
}

// race runs the field on two builds of the lister.
func (f *field) race(t *testing.T, sides [2]gate.Build) ([]gate.Row, []string, error) {
	t.Helper()
	f.t, f.rng, f.fights = t, rand.New(rand.NewPCG(1, 1)), map[string]int{}
	return gate.Times(t.Context(), gate.Race{
		Base: sides[0], Head: sides[1], Seed: 1, Dir: t.TempDir(), Fight: f.fight,
		Link: func(context.Context, gate.Build, uint64, string) error { return nil },
	})
}

func TestTimes(t *testing.T) {
	base, err := build(t, lister)
	if err != nil {
		t.Fatal(err)
	}
	sides := [2]gate.Build{base, base}
	for _, tc := range []struct {
		name    string
		field   field
		state   gate.State // of alpha's echo
		why     string
		verdict gate.Verdict
		fights  int // of alpha's echo: 12 blocks, and as many to confirm
	}{
		{"equal", field{sd: 0.02}, gate.Same, "", gate.Pass, 12},
		{"slower", field{sd: 0.02, slower: map[string]float64{"alpha echo": 1.2}}, gate.Worse, "again in 12", gate.Fail, 24},
		{"a little", field{sd: 0.001, slower: map[string]float64{"alpha echo": 1.02}}, gate.Same, "", gate.Pass, 12},
		{"faster", field{sd: 0.02, slower: map[string]float64{"alpha echo": 0.8}}, gate.Better, "", gate.Pass, 12},
		{"noise", field{sd: 0.4}, gate.Unsteady, "too noisy", gate.Inconclusive, 12},
		{"crowd", field{sd: 0.02, busy: 2}, gate.Unsteady, "somebody else", gate.Inconclusive, 12},
		{"starved", field{sd: 0.02, fails: proc.ErrStarved, always: true}, gate.Unsteady, "somebody", gate.Inconclusive, 24},
		{"a server that stands still", field{still: true}, gate.Unsteady, "somebody", gate.Inconclusive, 12},
		{"a hiccup", field{sd: 0.02, fails: errors.New("refused")}, gate.Same, "", gate.Pass, 24},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rows, out, err := tc.field.race(t, sides)
			if err != nil || len(rows) != 8 || len(out) != 1 || !strings.Contains(out[0], "no such kernel") {
				t.Fatalf("%d rows, %q, %v", len(rows), out, err)
			}
			row := rows[0]
			if row.State != tc.state || !strings.Contains(row.Why, tc.why) || gate.Decide(rows) != tc.verdict ||
				tc.field.fights["alpha echo"] != tc.fights {
				t.Errorf("%s, %q, %s, %d fights", row.State, row.Why, gate.Decide(rows), tc.field.fights["alpha echo"])
			}
			if tc.verdict == gate.Fail && tc.field.fights["beta http"] != 24 {
				t.Errorf("what is not suspected was timed again: %v", tc.field.fights)
			}
			if report := (gate.Report{Rows: rows}); strings.Contains(report.Markdown(), "NaN") {
				t.Errorf("what is no number is shown:\n%s", report.Markdown())
			}
			if factor := tc.field.slower["alpha echo"]; factor > 0 && math.Abs(row.Ratio.Value-factor) > 0.03 {
				t.Errorf("head costs %v times base, says %v", factor, row.Ratio)
			}
		})
	}
	t.Run("a lucky stage is not confirmed", func(t *testing.T) { luckyStage(t, base) })
	t.Run("servers that fail are named", func(t *testing.T) { failingServers(t, base) })
}

// luckyStage: what only the first blocks say is not said.
func luckyStage(t *testing.T, base gate.Build) {
	f := &field{sd: 0.01, slower: map[string]float64{"alpha echo": 1.3}}
	f.t, f.rng, f.fights = t, rand.New(rand.NewPCG(1, 1)), map[string]int{}
	rows, _, err := gate.Times(t.Context(), gate.Race{
		Base: base, Head: base, Models: []string{"alpha"}, Seed: 1, Dir: t.TempDir(),
		Link: func(context.Context, gate.Build, uint64, string) error { return nil },
		Fight: func(ctx context.Context, a, b duel.Side, load duel.Workload, opt duel.Options) (duel.Result, error) {
			if f.fights["alpha echo"] == 12 {
				f.slower = nil
			}
			return f.fight(ctx, a, b, load, opt)
		},
	})
	if err != nil || gate.Decide(rows) != gate.Pass || !strings.Contains(rows[0].Why, "slower at first") {
		t.Errorf("%+v, %v", rows, err)
	}
}

// failingServers: an error is told in the words of whoever met it.
func failingServers(t *testing.T, base gate.Build) {
	_, _, err := gate.Times(t.Context(), gate.Race{
		Base: base, Head: base, Seed: 1, Dir: t.TempDir(),
		Link: func(context.Context, gate.Build, uint64, string) error { return nil },
		Fight: func(context.Context, duel.Side, duel.Side, duel.Workload, duel.Options) (duel.Result, error) {
			return duel.Result{}, errors.New("3 of 10 requests failed")
		},
	})
	if err == nil || !strings.Contains(err.Error(), "3 of 10 requests failed") {
		t.Errorf("got %v", err)
	}
}

// TestAlarmsOfEqualBuilds runs many invented gates on equal builds, as noisy as real ones are
// and noisier. The family of tests may alarm in one of a hundred, before it is confirmed.
func TestAlarmsOfEqualBuilds(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 2))
	const gates, lanes = 200, 4
	for _, sd := range []float64{0.02, 0.05} {
		worse, better := 0, 0
		for range gates {
			rows := gate.JudgeTimes(heats(rng, lanes, 12, sd, 1))
			if hasState(rows, gate.Worse) {
				worse++
			}
			if hasState(rows, gate.Better) {
				better++
			}
		}
		if worse > 6 || better > 6 { // 2 are expected without a margin; beyond 6 lies 1 % of the luck
			t.Errorf("spread %v: %d of %d gates of equal builds call something worse, %d better", sd, worse, gates, better)
		}
	}
}

// TestWhatIsDetectableIsFound: a change as large as the gate says it can find is found.
func TestWhatIsDetectableIsFound(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	const gates = 80
	var all []float64 // what a gate says it can find follows from the spread that it saw
	for range gates {
		all = append(all, gate.JudgeTimes(heats(rng, 1, 12, 0.03, 1))[0].Detectable)
	}
	reach := stats.Median(all, stats.Level).Value
	if reach < 0.04 || reach > 0.15 {
		t.Fatalf("detectable with a spread of 3 %%: %v", reach)
	}
	found := map[float64]int{}
	for _, factor := range []float64{1 + reach, 1.20} {
		for range gates {
			if gate.JudgeTimes(heats(rng, 1, 12, 0.03, factor))[0].State == gate.Worse {
				found[factor]++
			}
		}
	}
	if found[1+reach] < gates*70/100 || found[1.20] < gates*98/100 {
		t.Errorf("of %d: %v", gates, found)
	}
}

func hasState(rows []gate.Row, s gate.State) bool {
	for _, r := range rows {
		if r.State == s {
			return true
		}
	}
	return false
}

// heats are the blocks of invented lanes.
func heats(rng *rand.Rand, lanes, blocks int, sd, factor float64) []gate.Heat {
	all := make([]gate.Heat, lanes)
	for i := range all {
		h := gate.Heat{Model: string(rune('a' + i)), Load: duel.Workload{Proto: "echo"}, Slices: 4 * blocks}
		h.Logs = map[string][]float64{}
		for range blocks {
			h.Logs[gate.Cost] = append(h.Logs[gate.Cost], math.Log(factor)+sd*rng.NormFloat64())
			h.Logs[gate.Rate] = append(h.Logs[gate.Rate], 4*sd*rng.NormFloat64())
		}
		all[i] = h
	}
	return all
}

func TestBlocksFor(t *testing.T) {
	for tests, want := range map[int]int{1: 12, 40: 12, 41: 13} {
		if got := gate.BlocksFor(tests); got != want {
			t.Errorf("%d tests want %d blocks, got %d", tests, want, got)
		}
	}
}

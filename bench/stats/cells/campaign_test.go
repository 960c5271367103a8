package cells

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/loadgen"
)

// turnsOf invents a headline: blocks in which servers took two turns each. Costs are relative; a
// machine whose speed wanders is in both sides of every slice.
type turnsOf struct {
	seed   uint64
	blocks int
	costs  map[string]float64 // "base" and others; "twin" is the second base
	own    float64            // spread of a server's block: the luck of its processes
	noise  float64            // spread of a slice
	busy   func(block int) bool
	first  float64 // the first turn costs so many times the second; 0: 1
	topo   string
}

func (o turnsOf) set() *Set {
	rng := rand.New(rand.NewPCG(o.seed, 77))
	var records []record.Record
	for block := range o.blocks {
		machine := math.Exp(0.2 * rng.NormFloat64())
		for _, name := range []string{"base", "twin", "a", "b", "c"} {
			cost, ok := o.costs[name]
			if !ok {
				continue
			}
			cell := record.Cell{Model: name, Proto: "echo", Workload: Closed, Topology: Shared, Conns: 256, Size: 64}
			if o.topo != "" {
				cell.Topology = o.topo
			}
			if name == "twin" {
				cell.Model, cell.Arm = "base", record.Twin
			}
			r := record.Record{Cell: cell, Block: block, Seq: len(records) + 1}
			luck := math.Exp(o.own * rng.NormFloat64())
			for at := range 2 {
				s := record.Slice{At: at, Seconds: 0.3, OK: 3000, ClientS: 0.1 * machine}
				s.ServerS = s.ClientS * cost * luck * math.Exp(o.noise*rng.NormFloat64())
				if at == 0 && o.first > 0 {
					s.ServerS *= o.first
				}
				if o.busy != nil && o.busy(block) {
					s.Machine.StealS = 0.2
				}
				s.Machine.Tries = 1 + at
				r.Slices = append(r.Slices, s)
				r.Server.CPUS += s.ServerS
				r.Load.Generator.CPUS += s.ClientS
			}
			r.Load.ElapsedS, r.Load.Verdict, r.Load.WindowOK = 0.6, "valid", 6000
			r.Load.RatePerS = 1e4 / (r.Server.CPUS + r.Load.Generator.CPUS)
			r.Load.Requests = loadgen.Requests{Sent: 6000, OK: 6000}
			records = append(records, r)
		}
	}
	return New(record.Env{Config: record.Config{Baseline: "base"}}, records, "")
}

func TestCampaign(t *testing.T) {
	costs := map[string]float64{"base": 1, "twin": 1, "a": 0.8, "b": 0.8, "c": 1.5}
	set := turnsOf{seed: 6, blocks: 14, costs: costs, noise: 0.005, busy: func(b int) bool { return b == 3 }}.set()
	all := set.Campaigns()
	if len(all) != 1 {
		t.Fatalf("%d campaigns", len(all))
	}
	c := all[0]
	if c.Blocks != 13 || c.Dropped != 1 || c.Unfit || c.Missing() != 0 || len(c.Causes) != 1 {
		t.Errorf("%d blocks, %d dropped, unfit %v, missing %d, causes %v", c.Blocks, c.Dropped, c.Unfit, c.Missing(), c.Causes)
	}
	var tiers [][]string
	for _, tier := range c.Tiers() {
		var names []string
		for _, g := range tier {
			names = append(names, g.Cell.Model)
		}
		tiers = append(tiers, names)
	}
	if len(tiers) != 3 || len(tiers[0]) != 2 || !reflect.DeepEqual(tiers[1:], [][]string{{"base"}, {"c"}}) {
		t.Errorf("tiers %q", tiers)
	}
	if !c.Floor.OK() || !c.Floor.Contains(1) || c.Floor.N != 13 {
		t.Errorf("floor %+v", c.Floor)
	}
	if c.Repeated != 5*13 {
		t.Errorf("%d slices were repeated", c.Repeated)
	}
	for _, g := range set.Groups(func(record.Cell) bool { return true }) {
		if g.Cell.Arm != "" {
			t.Error("the twin is a candidate")
		}
		if len(g.OK) != 13 || len(g.Dropped) != 1 || g.Dropped[0].Block != 3 {
			t.Errorf("%s: %d blocks, %d dropped", g.Cell.Model, len(g.OK), len(g.Dropped))
		}
	}
	if said := set.WithDropped(c); !strings.Contains(said, "would be the same") {
		t.Errorf("with the dropped block: %q", said)
	}
	if got := len(c.Evidence()); got != 4 {
		t.Errorf("evidence of %d comparisons, want three models and the twin", got)
	}
}

func TestNoVerdict(t *testing.T) {
	costs := map[string]float64{"base": 1, "a": 0.5}
	for _, tc := range []struct {
		name string
		of   turnsOf
		want string
	}{
		{"too few", turnsOf{blocks: 9, costs: costs}, "too few blocks: no verdict, 3 missing of 12"},
		{"enough", turnsOf{blocks: 12, costs: costs}, ""},
		{"too busy", turnsOf{blocks: 20, costs: costs, busy: func(b int) bool { return b%3 == 0 }}, "too busy: no verdict, 7 of 20"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := tc.of.set().Campaigns()[0]
			got := NoVerdict(c.Groups, c.Ranking)
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("says %q, want %q", got, tc.want)
			}
			if (c.Tiers() == nil) != (tc.want != "") {
				t.Errorf("tiers %v", c.Tiers())
			}
		})
	}
}

// TestNothingIsResolvedBelowTheNoiseFloor: a difference of 5 % is one only where two servers of
// the baseline come out closer to each other than that.
func TestNothingIsResolvedBelowTheNoiseFloor(t *testing.T) {
	for twin, want := range map[float64]stats.Verdict{1: stats.Different, 1.06: stats.Unresolved} {
		costs := map[string]float64{"base": 1, "twin": twin, "a": 0.95}
		c := turnsOf{seed: 2, blocks: 12, costs: costs, noise: 0.005}.set().Campaigns()[0]
		if got := c.Ranking.Pairs[0].Verdict; got != want {
			t.Errorf("twin at %v: %s, want %s (margin %.3f)", twin, got, want, c.Margin())
		}
	}
}

func TestTheWarmUpIsChecked(t *testing.T) {
	costs := map[string]float64{"base": 1, "a": 1}
	for first, want := range map[float64]int{1: 0, 1.1: 2} {
		c := turnsOf{seed: 3, blocks: 12, costs: costs, noise: 0.001, first: first}.set().Campaigns()[0]
		if first == 1.1 && len(c.Unsteady) != want {
			t.Errorf("first turns cost %v times the last: %d servers are unsteady, want %d", first, len(c.Unsteady), want)
		}
	}
}

// TestRelabelAlarmsAtTheNominalRate: servers compared with themselves, with the luck of their
// processes in every block, which the labels share.
func TestRelabelAlarmsAtTheNominalRate(t *testing.T) {
	costs := map[string]float64{"base": 1, "a": 0.7, "b": 0.9, "c": 1.3}
	set := turnsOf{seed: 4, blocks: 12, costs: costs, own: 0.1, noise: 0.02}.set()
	r := set.Relabel(2000, 1)
	if r.Tests != 4*2000 || math.Abs(r.Nominal-0.0425) > 0.001 {
		t.Fatalf("%+v", r)
	}
	if rate := float64(r.Alarms) / float64(r.Tests); math.Abs(rate-r.Nominal) > 0.01 {
		t.Errorf("%.2f %% of the tests alarmed, want %.2f", 100*rate, 100*r.Nominal)
	}
	if rate := float64(r.Families) / float64(r.Runs); rate > 0.05+0.015 {
		t.Errorf("%.2f %% of the campaigns alarmed", 100*rate)
	}
	if again := set.Relabel(2000, 1); again != r {
		t.Error("the same seed gave another result")
	}
	if none := (&Set{}).Relabel(10, 1); none.Tests != 0 {
		t.Errorf("%+v", none)
	}
}

// TestDealUsesEveryTurnOnce: a block of two turns can only be dealt one way or the other.
func TestDealUsesEveryTurnOnce(t *testing.T) {
	g := &Group{OK: []record.Record{{Slices: []record.Slice{{ServerS: 1, ClientS: 1}, {ServerS: 4, ClientS: 1}}}}}
	seen := map[string]bool{}
	rng := rand.New(rand.NewPCG(5, 5))
	for range 50 {
		seen[fmt.Sprintf("%.3f", g.deal(rng)[0])] = true
	}
	if len(seen) != 2 || !seen["1.386"] || !seen["-1.386"] {
		t.Errorf("%v", seen)
	}
}

// TestTwoRunsAgree: 60 pairs of runs of the same servers, some of which differ by less than is
// resolved, never contradict each other; and a run with the costs turned round does.
func TestTwoRunsAgree(t *testing.T) {
	costs := map[string]float64{"base": 1, "twin": 1, "a": 0.99, "b": 0.96, "c": 1.4}
	pairs, oneSided := 0, 0
	for seed := range uint64(60) {
		first := turnsOf{seed: 2 * seed, blocks: 12, costs: costs, own: 0.02, noise: 0.01}.set()
		second := turnsOf{seed: 2*seed + 1, blocks: 12, costs: costs, own: 0.02, noise: 0.01}.set()
		out := Agree(first, second)
		pairs, oneSided = pairs+out.Pairs, oneSided+out.OneSided
		if len(out.Contradictions) > 0 || out.Same+out.OneSided != out.Pairs {
			t.Errorf("%+v", out)
		}
	}
	if pairs != 60*6 || oneSided == 0 {
		t.Errorf("%d pairs, %d of them shown in one run only", pairs, oneSided)
	}
	turned := map[string]float64{"base": 1, "twin": 1, "a": 0.99, "b": 1.2, "c": 0.7}
	out := Agree(turnsOf{seed: 1, blocks: 12, costs: costs}.set(), turnsOf{seed: 2, blocks: 12, costs: turned}.set())
	if len(out.Contradictions) == 0 || !strings.Contains(out.Contradictions[0].String(), "norm") {
		t.Errorf("%+v", out)
	}
	few := Agree(turnsOf{blocks: 5, costs: costs}.set(), turnsOf{blocks: 12, costs: costs}.set())
	if few.Pairs != 0 {
		t.Errorf("a run without a verdict was compared: %+v", few)
	}
}

func TestLimits(t *testing.T) {
	set := turnsOf{blocks: 3, costs: map[string]float64{"base": 1, "a": 2}}.set()
	for text, want := range map[string]int{
		"norm>1.5": 1, "norm > 2.5": 0, "norm<=3": 2, "req/s<1k": 0, "req/s>0.001k": 2, "errors>0": 0, "errors>=0": 2,
	} {
		l, err := ParseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		if passed, asked := set.Hold(l); len(passed) != want || asked != 2 {
			t.Errorf("%s: %d cells of %d, want %d: %q", text, len(passed), asked, want, passed)
		}
	}
	if l, err := ParseLimit("p99>10ms"); err != nil {
		t.Error(err)
	} else if _, asked := set.Hold(l); asked != 0 {
		t.Error("cells without response times kept a limit on them")
	}
	for _, bad := range []string{"", "p99", "p99>", "p99>ten", "p98>1ms", "p99=1ms", "p99>1parsec", "p99>1.2.3"} {
		if _, err := ParseLimit(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// stored are the turns of two real servers, taken on a machine so crowded that the detector drops nearly
// every block. Noise is what this test is after, so the readings of the machine are taken out.
func stored(t *testing.T, readings bool) *Set {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "turns.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var records []record.Record
	for line := range bytes.Lines(data) {
		var r record.Record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		for i := range r.Slices {
			if !readings {
				r.Slices[i].Machine, r.ProbeS = record.Machine{Tries: 1}, nil
			}
			r.Server.CPUS += r.Slices[i].ServerS
			r.Load.Generator.CPUS += r.Slices[i].ClientS
		}
		records = append(records, r)
	}
	return New(record.Env{}, records, "")
}

// TestStoredTurnsAlarmAtTheNominalRate: 2,000 pseudo-campaigns of servers against themselves, with
// the noise of a real machine at its worst.
func TestStoredTurnsAlarmAtTheNominalRate(t *testing.T) {
	set := stored(t, false)
	r := set.Relabel(2000, 1)
	if r.Tests != 2*2000 || r.Nominal < 0.04 || r.Nominal > 0.05 {
		t.Fatalf("%+v", r)
	}
	if rate := float64(r.Alarms) / float64(r.Tests); math.Abs(rate-r.Nominal) > 3*math.Sqrt(0.05*0.95/4000) {
		t.Errorf("%.2f %% of the tests alarmed, want %.2f", 100*rate, 100*r.Nominal)
	}
	if rate := float64(r.Families) / 2000; rate > 0.05+3*math.Sqrt(0.05*0.95/2000) {
		t.Errorf("%.2f %% of the campaigns alarmed", 100*rate)
	}
	// The two servers themselves are told apart on that machine: turns and yardstick cancel it.
	c := set.Campaigns()[0]
	if len(c.Tiers()) != 2 || c.Tiers()[0][0].Cell.Model != "proactor" {
		t.Errorf("tiers %v, ratio %+v", c.Ranking.Tiers, c.Ranking.Pairs)
	}
	if busy := stored(t, true).Campaigns(); len(busy) != 1 || busy[0].Blocks > 2 || !busy[0].Unfit {
		t.Errorf("a crowded machine gave %+v", busy)
	}
}

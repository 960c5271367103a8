package disturb_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"iomodels/bench/record"
	"iomodels/bench/stats/disturb"
)

func TestSliceCauses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		seconds float64
		machine record.Machine
		want    string // "": it counts
	}{
		{"calm", 1, record.Machine{}, ""},
		{"at the limits", 1, record.Machine{StealS: 0.06, ForeignCPU: 0.13, MemStallS: 0.01, IOStallS: 0.01}, ""},
		{"steal", 1, record.Machine{StealS: 0.07}, "hypervisor took 7 %"},
		{"a neighbour", 1, record.Machine{ForeignCPU: 0.5}, "0.50 processors"},
		{"the grain of the clock is no neighbour", 0.2, record.Machine{ForeignCPU: 0.24}, ""},
		{"memory", 2, record.Machine{MemStallS: 0.1}, "memory 5 %"},
		{"who waits for a disk takes no processor", 2, record.Machine{IOStallS: 0.1}, ""},
		{"no length", 0, record.Machine{}, "no length"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := strings.Join(disturb.Limits{}.Slice(disturb.Slice{Seconds: tc.seconds, Machine: tc.machine}), "; ")
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// calm invents n blocks that nothing disturbed: probes within 1 %.
func calm(rng *rand.Rand, n int) []disturb.Block {
	blocks := make([]disturb.Block, n)
	for i := range blocks {
		speed := 0.01 * math.Exp(0.01*rng.NormFloat64())
		blocks[i] = disturb.Block{
			Slices:      []disturb.Slice{{Seconds: 1}, {Seconds: 1}},
			ProbeBefore: speed, ProbeAfter: speed * math.Exp(0.01*rng.NormFloat64()),
		}
	}
	return blocks
}

func TestCampaignDropsWhatWasDisturbedAndNothingElse(t *testing.T) {
	blocks := calm(rand.New(rand.NewPCG(1, 1)), 12)
	blocks[3].Slices[1].Machine.StealS = 0.5
	blocks[5].ProbeAfter *= 1.3                                // the machine slowed down within the block
	blocks[8].ProbeBefore, blocks[8].ProbeAfter = 0.014, 0.014 // the whole block ran on a slower machine
	blocks[9].ProbeBefore = 0                                  // not taken: no judgement by it
	got := disturb.Limits{}.Campaign(blocks)
	for i := range blocks {
		if want := i != 3 && i != 5 && i != 8; got.Kept(i) != want {
			t.Errorf("block %d kept=%v: %q", i, got.Kept(i), got.Causes[i])
		}
	}
	if got.Dropped != 3 || got.Unfit {
		t.Errorf("dropped %d, unfit %v: a quarter is the most a campaign may lose", got.Dropped, got.Unfit)
	}
	blocks[0].Slices[0].Machine.ForeignCPU = 1
	if got := (disturb.Limits{}).Campaign(blocks); got.Dropped != 4 || !got.Unfit {
		t.Errorf("dropped %d, unfit %v: a third is too many", got.Dropped, got.Unfit)
	}
}

// TestCalmMachinesKeepTheirBlocks: over many idle campaigns, at most 5 % of the blocks may be
// marked, or the detector would cost more than it saves.
func TestCalmMachinesKeepTheirBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	marked := 0
	const campaigns, blocks = 200, 16
	for range campaigns {
		marked += disturb.Limits{}.Campaign(calm(rng, blocks)).Dropped
	}
	if share := float64(marked) / (campaigns * blocks); share > 0.05 {
		t.Errorf("%.1f %% of calm blocks were marked", 100*share)
	}
}

// TestTheDetectorCannotSeeFigures: what it is given holds nothing that a server did. A field
// that is added to one of its inputs must be looked at here first.
func TestTheDetectorCannotSeeFigures(t *testing.T) {
	known := map[string]bool{
		"Slices": true, "Seconds": true, "Machine": true, "ProbeBefore": true, "ProbeAfter": true, "ForeignCPU": true,
		"StealS": true, "MemStallS": true, "IOStallS": true, "Tries": true,
	}
	for _, input := range []any{disturb.Block{}, disturb.Slice{}, record.Machine{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(input)) {
			if !known[f.Name] {
				t.Errorf("%T.%s: is this a reading of the machine, or of the outcome?", input, f.Name)
			}
		}
	}
}

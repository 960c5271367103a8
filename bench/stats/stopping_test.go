package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// narrow and wide are evidence of so many blocks.
func narrow(blocks int) Evidence { return Evidence{blocks: blocks, halfWidth: 0.01} }
func wide(blocks int) Evidence   { return Evidence{blocks: blocks, halfWidth: 0.10} }

func TestDecide(t *testing.T) {
	remembering := narrow(12)
	remembering.remembers = true
	for _, tc := range []struct {
		name      string
		headlines []Evidence
		want      Decision
		why       string
	}{
		{"nothing yet", nil, Decision{Next: 12}, "nothing was compared"},
		{"before the first look", []Evidence{narrow(11)}, Decision{Next: 12}, "next look is at 12"},
		{"narrow at the first look", []Evidence{narrow(12), narrow(12)}, Decision{Stop: true, Narrow: true}, "±1.0 %"},
		{"one is wide", []Evidence{narrow(12), wide(12)}, Decision{Next: 16}, "±10.5 %"},
		{"narrow between two looks", []Evidence{narrow(13)}, Decision{Next: 16}, "next look is at 16"},
		{"the one with fewest blocks counts", []Evidence{narrow(16), narrow(15)}, Decision{Next: 16}, "15 blocks"},
		{"memory", []Evidence{remembering}, Decision{Next: 16}, "resembles"},
		{"after the last look", []Evidence{wide(32)}, Decision{Next: 40}, "±10.5 %"},
		{"at the cap", []Evidence{wide(40)}, Decision{Stop: true}, "the most"},
		{"no interval at all", []Evidence{EvidenceOf([]float64{1})}, Decision{Next: 12}, "1 blocks"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Stopping{}.Decide(tc.headlines)
			if !strings.Contains(got.Why, tc.why) {
				t.Errorf("says %q, want %q", got.Why, tc.why)
			}
			got.Why = ""
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestStoppingCannotSeeTheEffect: whatever one arm is multiplied by, from nothing to a factor
// of ten, evidence and decision stay the same. And nothing that could tell is exported.
func TestStoppingCannotSeeTheEffect(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 1))
	for _, n := range []int{12, 16, 24, 32} {
		ds := make([]float64, n)
		for i := range ds {
			ds[i] = 0.05 * rng.NormFloat64()
		}
		want := Stopping{}.Decide([]Evidence{EvidenceOf(ds)})
		for _, effect := range []float64{-2.3, -0.1, 0.03, 0.1, 2.3} {
			shifted := make([]float64, n)
			for i, d := range ds {
				shifted[i] = d + effect
			}
			if got := (Stopping{}).Decide([]Evidence{EvidenceOf(shifted)}); got != want {
				t.Errorf("n=%d: an effect of %v changed %+v to %+v", n, effect, want, got)
			}
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Evidence]()) {
		if f.IsExported() {
			t.Errorf("Evidence.%s can be set by whoever likes a result", f.Name)
		}
	}
}

func TestMemory(t *testing.T) {
	rng := rand.New(rand.NewPCG(32, 1))
	series := func(n int, phi float64) []float64 {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = rng.NormFloat64()
			if i > 0 {
				xs[i] += phi * xs[i-1]
			}
		}
		return xs
	}
	warned := func(n int, phi float64) float64 {
		hits := 0
		for range 2000 {
			if Remembers(series(n, phi)) {
				hits++
			}
		}
		return float64(hits) / 2000
	}
	if rate := warned(32, 0); rate > 0.06 {
		t.Errorf("independent blocks are warned of in %.1f %%", 100*rate)
	}
	if rate := warned(32, 0.7); rate < 0.8 {
		t.Errorf("blocks that remember strongly are warned of in %.1f %% only", 100*rate)
	}
	if Remembers([]float64{1, 2, 3, 4, 5}) {
		t.Error("five blocks cannot tell")
	}
}

func TestDecorrelateMergesPairs(t *testing.T) {
	rising := make([]float64, 25)
	for i := range rising {
		rising[i] = float64(i)
	}
	got, done := Decorrelate(rising)
	if !done || len(got) != 12 || got[0] != 0.5 || got[11] != 22.5 {
		t.Errorf("done %v: %v", done, got)
	}
	if got, done := Decorrelate(rising[:23]); done || len(got) != 23 {
		t.Errorf("23 blocks were merged to %d", len(got))
	}
	still := make([]float64, 30)
	if _, done := Decorrelate(still); done {
		t.Error("blocks without memory were merged")
	}
}

// TestWidthBasedStopping re-runs the table that chose the looks: how many blocks a campaign
// takes, and that its interval still covers the truth. Blocks that seem to remember send some
// campaigns on to the next look, so they take a little longer than by width alone.
func TestWidthBasedStopping(t *testing.T) {
	for i, tc := range []struct {
		sd, blocks, coverage float64
	}{{0.02, 12, 0.962}, {0.03, 12, 0.958}, {0.05, 17, 0.948}, {0.08, 33, 0.942}} {
		t.Run(fmt.Sprintf("spread %.0f %%", 100*tc.sd), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(33, uint64(i)))
			const campaigns, truth = 1500, 0.04
			var held, blocks float64
			for range campaigns {
				ds := widthCampaign(rng, tc.sd, truth)
				blocks += float64(len(ds)) / campaigns
				used, _ := Decorrelate(ds)
				if HodgesLehmann(used, Level).Contains(truth) {
					held += 1.0 / campaigns
				}
			}
			expect(t, "mean blocks", blocks, tc.blocks, 1)
			expect(t, "coverage", held, tc.coverage, 0.018)
		})
	}
}

// widthCampaign adds blocks until the rule is content.
func widthCampaign(rng *rand.Rand, sd, truth float64) []float64 {
	var ds []float64
	for next := 1; ; {
		for len(ds) < next {
			ds = append(ds, truth+sd*rng.NormFloat64())
		}
		decision := Stopping{}.Decide([]Evidence{EvidenceOf(ds)})
		if decision.Stop {
			return ds
		}
		next = decision.Next
	}
}

// TestWhyStoppingOnSignificanceIsForbidden shows what the rule is protected from: identical
// servers, measured until a difference is significant.
func TestWhyStoppingOnSignificanceIsForbidden(t *testing.T) {
	everyBlock := make([]int, 0, 35)
	for n := 6; n <= 40; n++ {
		everyBlock = append(everyBlock, n)
	}
	for _, tc := range []struct {
		name  string
		looks []int
		want  float64
	}{
		{"one look", []int{12}, 0.043},
		{"the five looks", []int{12, 16, 24, 32, 40}, 0.125},
		{"every block from six", everyBlock, 0.23},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(34, uint64(len(tc.looks))))
			const campaigns = 800
			alarms := 0.0
			for range campaigns {
				var ds []float64
				for _, look := range tc.looks {
					for len(ds) < look {
						ds = append(ds, rng.NormFloat64())
					}
					if SignedRank(ds).TwoSided <= 0.05 {
						alarms += 1.0 / campaigns
						break
					}
				}
			}
			expect(t, "false alarms", alarms, tc.want, 4*math.Sqrt(tc.want*(1-tc.want)/campaigns))
		})
	}
}

// expect fails when a simulated rate strays from the one that was published.
func expect(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s %.4f, want %.4f ± %.4f", what, got, want, tolerance)
	}
}

package stats

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestHolm(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03, 0.005})
	want := []float64{0.03, 0.06, 0.06, 0.02} // textbook: 4*.005, 3*.01, 2*.03, then never falling
	for i := range want {
		if !near(got[i], want[i], 1e-12) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if len(Holm(nil)) != 0 {
		t.Error("no tests, no p-values")
	}
}

func TestBlocksForHolm(t *testing.T) {
	for m, want := range map[int]int{1: 6, 21: 10, 28: 11, 45: 11} {
		if got := BlocksForHolm(m, 0.05); got != want {
			t.Errorf("%d tests: %d blocks, want %d", m, got, want)
		}
	}
}

func TestLettersByHand(t *testing.T) {
	pairs := func(ps ...[2]int) func(i, j int) bool {
		return func(i, j int) bool {
			for _, p := range ps {
				if p == [2]int{i, j} || p == [2]int{j, i} {
					return true
				}
			}
			return false
		}
	}
	tests := []struct {
		name      string
		n         int
		different func(i, j int) bool
		want      []string
	}{
		{"no difference shown", 3, pairs(), []string{"a", "a", "a"}},
		{"one stands apart", 3, pairs([2]int{0, 1}, [2]int{0, 2}), []string{"a", "b", "b"}},
		{"a bridge ties with both ends", 3, pairs([2]int{0, 2}), []string{"a", "ab", "b"}},
		{"all apart", 3, pairs([2]int{0, 1}, [2]int{0, 2}, [2]int{1, 2}), []string{"a", "b", "c"}},
		{"one alone", 1, pairs(), []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Letters(tt.n, tt.different); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestLettersMeanWhatTheySay: two candidates share a letter exactly when no difference was
// shown, for random sets of differences.
func TestLettersMeanWhatTheySay(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		n := 2 + rng.IntN(9)
		diff := make([][]bool, n)
		for i := range diff {
			diff[i] = make([]bool, n)
		}
		for i := range n {
			for j := range i {
				d := rng.Float64() < 0.5
				diff[i][j], diff[j][i] = d, d
			}
		}
		letters := Letters(n, func(i, j int) bool { return diff[i][j] })
		for i := range n {
			if letters[i] == "" {
				t.Fatalf("candidate %d has no letter", i)
			}
			for j := range i {
				if shared := strings.ContainsAny(letters[i], letters[j]); shared == diff[i][j] {
					t.Fatalf("%v: %d and %d share=%v, different=%v", letters, i, j, shared, diff[i][j])
				}
			}
		}
	}
}

// arms invents candidates with true values means, a machine whose speed drifts by block, and
// noise of their own.
func arms(seed uint64, blocks int, own float64, means map[string]float64, names ...string) []Arm {
	rng := rand.New(rand.NewPCG(seed, 11))
	out := make([]Arm, len(names))
	for i, name := range names {
		out[i] = Arm{Name: name, Blocks: map[int]float64{}}
	}
	for block := range blocks {
		machine := math.Exp(0.2 * rng.NormFloat64())
		for i, name := range names {
			out[i].Blocks[block] = means[name] * machine * math.Exp(own*rng.NormFloat64())
		}
	}
	return out
}

func TestRankFindsTiers(t *testing.T) {
	means := map[string]float64{"slow": 80, "fast": 101, "quick": 100, "crawl": 50}
	r := Rank(arms(1, 12, 0.01, means, "slow", "fast", "quick", "crawl"), Rule{})
	if !r.Enough() || r.Blocks != 12 || r.Need != 12 {
		t.Fatalf("blocks %d, need %d", r.Blocks, r.Need)
	}
	if want := []int{2, 1, 1, 3}; !reflect.DeepEqual(r.Tiers, want) {
		t.Errorf("tiers %v, want %v", r.Tiers, want)
	}
	if want := []string{"b", "a", "a", "c"}; !reflect.DeepEqual(r.Letters, want) {
		t.Errorf("letters %v, want %v", r.Letters, want)
	}
	if r.Order[2] != 0 || r.Order[3] != 3 {
		t.Errorf("order %v", r.Order)
	}
	for _, p := range r.Pairs {
		if p.A == 1 && p.B == 2 && p.Verdict == Different {
			t.Errorf("1 %% apart was called different: %+v", p)
		}
	}
}

func TestRankTurnsWithLower(t *testing.T) {
	means := map[string]float64{"dear": 20, "cheap": 10}
	r := Rank(arms(2, 12, 0.01, means, "dear", "cheap"), Rule{Lower: true})
	if r.Order[0] != 1 || r.Letters[1] != "a" || r.Letters[0] != "b" {
		t.Errorf("order %v letters %v", r.Order, r.Letters)
	}
}

func TestRankWithTooFewBlocksGivesNoVerdict(t *testing.T) {
	means := map[string]float64{"a": 10, "b": 100}
	r := Rank(arms(3, 5, 0.01, means, "a", "b"), Rule{})
	if r.Enough() || r.Letters != nil || r.Tiers != nil {
		t.Errorf("5 blocks gave a verdict: %+v", r)
	}
	if r.Pairs[0].Verdict != Unresolved || !r.Pairs[0].Ratio.OK() {
		t.Errorf("the ratio stays, the verdict does not: %+v", r.Pairs[0])
	}
}

func TestRankEquivalence(t *testing.T) {
	means := map[string]float64{"a": 100, "b": 100.2}
	r := Rank(arms(4, 16, 0.005, means, "a", "b"), Rule{})
	if r.Pairs[0].Verdict != Equivalent {
		t.Errorf("got %+v, want equivalent", r.Pairs[0])
	}
}

// TestRankFalseAlarms: identical arms must almost never be called different, whatever the
// machine does. The margin makes it rarer still than alpha.
func TestRankFalseAlarms(t *testing.T) {
	means := map[string]float64{"a": 100, "b": 100, "c": 100, "d": 100, "e": 100}
	alarms := 0
	const campaigns = 300
	for seed := range uint64(campaigns) {
		r := Rank(arms(seed, 12, 0.05, means, "a", "b", "c", "d", "e"), Rule{})
		for _, p := range r.Pairs {
			if p.Verdict == Different {
				alarms++
				break
			}
		}
	}
	if rate := float64(alarms) / campaigns; rate > 0.05+3*math.Sqrt(0.05*0.95/campaigns) {
		t.Errorf("%.1f %% of campaigns with identical arms alarmed", 100*rate)
	}
}

func TestRankPairsOnlyCommonBlocks(t *testing.T) {
	a := Arm{Name: "a", Blocks: map[int]float64{0: 10, 1: 10, 2: 10}}
	b := Arm{Name: "b", Blocks: map[int]float64{1: 20, 2: 20, 3: 1000}}
	r := Rank([]Arm{a, b}, Rule{})
	if got := r.Pairs[0].Ratio; got.N != 2 || !near(got.Value, 0.5, 1e-12) {
		t.Errorf("got %+v, want 0.5 over the two common blocks", got)
	}
}

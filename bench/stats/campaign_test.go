package stats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/disturb"
)

// machine is a host whose speed wanders, and which others use now and then. Its speed follows
// an Ornstein-Uhlenbeck process; a neighbour comes for a while, slows everything that runs
// meanwhile, and shows in the readings.
type machine struct {
	rng       *rand.Rand
	speed     float64 // logarithm
	neighbour int     // slices that he still stays
	visits    float64 // chance of a visit in a slice
}

const (
	wanderSD = 0.08 // of the machine's speed
	ownSD    = 0.02 // of one slice of one server
	memory   = 10.0 // slices after which the wandering is forgotten by 1/e
)

// slice measures one server for a second: its rate, and what the detector may know.
func (m *machine) slice(rate float64) (float64, disturb.Slice) {
	keep := math.Exp(-1 / memory)
	m.speed = keep*m.speed + wanderSD*math.Sqrt(1-keep*keep)*m.rng.NormFloat64()
	s := disturb.Slice{Seconds: 1}
	slow := 0.0
	if m.neighbour == 0 && m.rng.Float64() < m.visits {
		m.neighbour = 1 + m.rng.IntN(4)
	}
	if m.neighbour > 0 {
		m.neighbour--
		slow, s.Machine = 0.3, record.Machine{ForeignCPU: 0.4}
	}
	return rate * math.Exp(m.speed-slow+ownSD*m.rng.NormFloat64()), s
}

// block measures every server in four slices, in a random order that is then reversed (ABBA),
// twice; the value of a server is the mean of its slices.
func (m *machine) block(rates []float64) ([]float64, disturb.Block) {
	values := make([]float64, len(rates))
	var b disturb.Block
	for range 2 {
		order := m.rng.Perm(len(rates))
		for i := range 2 * len(order) {
			arm := order[min(i, 2*len(order)-1-i)]
			v, s := m.slice(rates[arm])
			values[arm] += v / 4
			b.Slices = append(b.Slices, s)
		}
	}
	return values, b
}

// campaign measures until the stopping rule is content, drops what the detector marks, and
// ranks. With the sharpest margin, verdicts follow the test alone. ok is false on a machine
// that was too busy for a verdict.
func campaign(seed uint64, visits float64, rates ...float64) (ranking stats.Ranking, blocks int, ok bool) {
	m := &machine{rng: rand.New(rand.NewPCG(seed, 0xaa)), visits: visits}
	var values [][]float64
	var seen []disturb.Block
	for next := 1; ; {
		arms := arrange(values, seen, len(rates))
		if len(seen) >= 3*40 {
			return ranking, 0, false
		}
		if len(arms[0].Blocks) < next {
			v, b := m.block(rates)
			values, seen = append(values, v), append(seen, b)
			continue
		}
		ranking = stats.Rank(arms, stats.Rule{Margin: 1e-9})
		decision := decide(arms, ranking)
		if decision.Stop {
			return ranking, len(arms[0].Blocks), !(disturb.Limits{}).Campaign(seen).Unfit
		}
		next = decision.Next
	}
}

// arrange makes arms of the blocks that the detector keeps.
func arrange(values [][]float64, seen []disturb.Block, n int) []stats.Arm {
	verdict := disturb.Limits{}.Campaign(seen)
	arms := make([]stats.Arm, n)
	for i := range arms {
		arms[i] = stats.Arm{Name: fmt.Sprint(i), Blocks: map[int]float64{}}
		for block, v := range values {
			if verdict.Kept(block) {
				arms[i].Blocks[block] = v[i]
			}
		}
	}
	return arms
}

// decide looks at the comparisons with the reference, the first arm.
func decide(arms []stats.Arm, r stats.Ranking) stats.Decision {
	var headlines []stats.Evidence
	for _, p := range r.Pairs {
		if p.A == 0 {
			headlines = append(headlines, r.Evidence(arms, p))
		}
	}
	return stats.Stopping{}.Decide(headlines)
}

func different(r stats.Ranking) bool {
	for _, p := range r.Pairs {
		if p.Verdict == stats.Different {
			return true
		}
	}
	return false
}

// TestIdenticalServersAlarmAtTheNominalRate plays whole campaigns with servers that are all the
// same: wandering machine, ABBA slices, neighbours, detector, stopping, Holm. Of two arms the
// exact test at twelve blocks has level 4.25 %; of four, six pairs share at most 5 %.
func TestIdenticalServersAlarmAtTheNominalRate(t *testing.T) {
	for i, tc := range []struct {
		name      string
		arms      int
		visits    float64
		campaigns int
		least     float64
		most      float64
	}{
		{"a reference and its twin", 2, 0, 1500, 0.0425, 0.05},
		{"with neighbours", 2, 0.004, 1000, 0.0425, 0.05},
		{"four servers", 4, 0, 400, 0.01, 0.05},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rates := make([]float64, tc.arms)
			for j := range rates {
				rates[j] = 50e3
			}
			alarms, judged := 0.0, 0.0
			for n := range tc.campaigns {
				r, _, ok := campaign(uint64(i)<<32|uint64(n), tc.visits, rates...)
				if !ok {
					continue
				}
				judged++
				if different(r) {
					alarms++
				}
			}
			if judged < 0.5*float64(tc.campaigns) {
				t.Fatalf("only %v of %d campaigns had a verdict", judged, tc.campaigns)
			}
			slack := 3 * math.Sqrt(0.05*0.95/judged)
			if rate := alarms / judged; rate < tc.least-slack || rate > tc.most+slack {
				t.Errorf("%.2f %% of the campaigns alarmed, want %.2f to %.2f ± %.2f",
					100*rate, 100*tc.least, 100*tc.most, 100*slack)
			}
		})
	}
}

// TestRealDifferencesAreFound by the same campaigns, and on the right side.
func TestRealDifferencesAreFound(t *testing.T) {
	const campaigns = 100
	found := 0
	for n := range uint64(campaigns) {
		r, _, ok := campaign(n, 0.002, 50e3, 52.5e3)
		if ok && different(r) {
			found++
			if r.Order[0] != 1 {
				t.Errorf("campaign %d found the slower one faster", n)
			}
		}
	}
	if found < 97 {
		t.Errorf("5 %% faster was found in %d of %d campaigns", found, campaigns)
	}
}

// TestABusyMachineGivesNoVerdict: neighbours in nearly every block.
func TestABusyMachineGivesNoVerdict(t *testing.T) {
	for n := range uint64(20) {
		if _, _, ok := campaign(n, 0.2, 50e3, 50e3); ok {
			t.Errorf("campaign %d gave a verdict on a machine that others used", n)
		}
	}
}

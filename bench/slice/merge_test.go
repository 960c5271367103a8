package slice

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"iomodels/loadgen"
)

// distribution is a sample and its percentile curve, as the generator writes it.
func distribution(values []int64) loadgen.Latency {
	slices.Sort(values)
	n := float64(len(values))
	at := func(q float64) int64 { return values[min(max(int(math.Ceil(q*n))-1, 0), len(values)-1)] }
	l := loadgen.Latency{
		Count: uint64(len(values)), P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), P9999: at(0.9999),
		Max: values[len(values)-1],
	}
	for k := 0; math.Pow(10, -float64(k)/10)*n >= 1; k++ {
		q := 1 - math.Pow(10, -float64(k)/10)
		l.Curve = append(l.Curve, loadgen.Quantile{Q: q, NS: at(q)})
	}
	return l
}

// TestPoolIsTheDistributionOfAllRequests: against the same samples thrown together. The mean of
// the two p99 would be far off: one slice is three times as slow and has a third of the requests.
func TestPoolIsTheDistributionOfAllRequests(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sample := func(n int, scale float64) []int64 {
		values := make([]int64, n)
		for i := range values {
			values[i] = int64(scale * (1 + rng.ExpFloat64()))
		}
		return values
	}
	quick, slow := sample(30000, 1e6), sample(10000, 3e6)
	all := distribution(slices.Concat(quick, slow))
	turn := func(l loadgen.Latency) Turn { return Turn{Summary: loadgen.Summary{Response: l}} }
	got := pool([]Turn{turn(distribution(quick)), turn(distribution(slow))},
		func(s loadgen.Summary) loadgen.Latency { return s.Response })
	for _, c := range []struct {
		name      string
		got, want int64
	}{{"p50", got.P50, all.P50}, {"p90", got.P90, all.P90}, {"p99", got.P99, all.P99}, {"p99.9", got.P999, all.P999}} {
		if off := math.Abs(float64(c.got)/float64(c.want) - 1); off > 0.05 {
			t.Errorf("%s is %d, of all requests %d", c.name, c.got, c.want)
		}
	}
	if got.Count != 40000 || got.Max != all.Max {
		t.Errorf("count %d, max %d", got.Count, got.Max)
	}
	if !slices.IsSortedFunc(got.Curve, func(a, b loadgen.Quantile) int { return int(a.NS - b.NS) }) {
		t.Error("the pooled curve falls somewhere")
	}
}

func TestPoolOfOneIsItself(t *testing.T) {
	values := make([]int64, 1000)
	for i := range values {
		values[i] = int64(i + 1)
	}
	l := distribution(values)
	got := pool([]Turn{{Summary: loadgen.Summary{Response: l}}}, func(s loadgen.Summary) loadgen.Latency { return s.Response })
	if got.P50 < l.P50 || got.P50 > l.P50*2 || got.P99 != l.P99 || len(got.Curve) != len(l.Curve) {
		t.Errorf("%+v, was %+v", got, l)
	}
	bare := pool([]Turn{
		{Summary: loadgen.Summary{Response: loadgen.Latency{Count: 5, P99: 7}}},
		{Summary: loadgen.Summary{Response: loadgen.Latency{Count: 5, P99: 9}}},
	}, func(s loadgen.Summary) loadgen.Latency { return s.Response })
	if bare.P99 != 9 || bare.Count != 10 {
		t.Errorf("without curves: %+v", bare)
	}
}

func TestMergeSumsWhatIsCounted(t *testing.T) {
	turn := func(rate, seconds, cpu float64, verdict string) Turn {
		var turn Turn
		turn.Summary = loadgen.Summary{ElapsedS: seconds, RatePerS: rate, Verdict: verdict, Reasons: []string{"busy"}}
		turn.Summary.WindowOK = uint64(rate * seconds)
		turn.Summary.Requests.Errors = map[string]uint64{"reset": 1}
		turn.Summary.Generator.CPUS = cpu
		turn.Usage.CPUS = 2 * cpu
		turn.Machine.Tries = int(seconds)
		return turn
	}
	turns := []Turn{turn(100, 1, 0.5, "valid"), turn(400, 2, 0.7, "suspect")}
	sum, use, machine := merge(turns)
	if sum.RatePerS != 300 || sum.ElapsedS != 3 || sum.WindowOK != 900 || sum.Verdict != "suspect" {
		t.Errorf("%+v", sum)
	}
	if sum.Requests.Errors["reset"] != 2 || len(sum.Reasons) != 1 || machine.Tries != 2 {
		t.Errorf("%v, %q, %+v", sum.Requests.Errors, sum.Reasons, machine)
	}
	if math.Abs(use.CPUS-2.4) > 1e-12 || math.Abs(sum.Generator.CPUS-1.2) > 1e-12 {
		t.Errorf("CPU %v and %v", use.CPUS, sum.Generator.CPUS)
	}
	if turns[0].Summary.Requests.Errors["reset"] != 1 || turns[0].Summary.Generator.CPUS != 0.5 {
		t.Error("merging changed what was merged")
	}
}

func TestWorseVerdict(t *testing.T) {
	for _, c := range [][3]string{
		{"valid", "valid", "valid"},
		{"valid", "suspect", "suspect"},
		{"suspect", "valid", "suspect"},
		{"suspect", "invalid", "invalid"},
		{"", "valid", ""},
	} {
		if got := worse(c[0], c[1]); got != c[2] {
			t.Errorf("%q and %q: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestABBAGivesEachAsManyBeforeAsAfter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	first := map[int]bool{}
	for range 50 {
		order := ABBA(rng, 5)
		sum := map[int]int{}
		for place, arm := range order {
			sum[arm] += place
		}
		for arm, s := range sum {
			if s != len(order)-1 {
				t.Fatalf("%v: the mean place of %d is not the middle", order, arm)
			}
		}
		first[order[0]] = true
	}
	if len(first) != 5 {
		t.Errorf("only %v ever come first", first)
	}
}

package stats

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// This file re-runs the tables that chose the methods, those of the losers included: whoever
// wants to replace a method sees here what it must beat.

// contender turns differences into a 95 % interval of their centre.
type contender func(rng *rand.Rand, ds []float64) (lo, hi float64)

func contenders() map[string]contender {
	return map[string]contender{
		"paired t": func(_ *rand.Rand, ds []float64) (float64, float64) {
			mean, sd := stat.MeanStdDev(ds, nil)
			n := float64(len(ds))
			half := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * sd / math.Sqrt(n)
			return mean - half, mean + half
		},
		"Hodges-Lehmann": func(_ *rand.Rand, ds []float64) (float64, float64) {
			iv := HodgesLehmann(ds, Level)
			return iv.Lo, iv.Hi
		},
		"median": func(_ *rand.Rand, ds []float64) (float64, float64) {
			iv := Median(ds, Level)
			return iv.Lo, iv.Hi
		},
		"bootstrap mean": func(rng *rand.Rand, ds []float64) (float64, float64) {
			return bootstrap(rng, ds, func(xs []float64) float64 { return stat.Mean(xs, nil) })
		},
		"bootstrap median": func(rng *rand.Rand, ds []float64) (float64, float64) {
			return bootstrap(rng, ds, func(xs []float64) float64 {
				slices.Sort(xs)
				return middle(xs)
			})
		},
	}
}

// bootstrap is the percentile bootstrap, as many tools have it.
func bootstrap(rng *rand.Rand, ds []float64, of func([]float64) float64) (lo, hi float64) {
	const draws = 199
	estimates, sample := make([]float64, draws), make([]float64, len(ds))
	for i := range estimates {
		for j := range sample {
			sample[j] = ds[rng.IntN(len(ds))]
		}
		estimates[i] = of(sample)
	}
	slices.Sort(estimates)
	const tail = (draws + 1) / 40
	return estimates[tail-1], estimates[draws-tail]
}

// normalNoise, wildNoise and rememberingNoise fill ds with noise about 0.
func normalNoise(rng *rand.Rand, ds []float64) {
	for i := range ds {
		ds[i] = rng.NormFloat64()
	}
}

func wildNoise(rng *rand.Rand, ds []float64) {
	normalNoise(rng, ds)
	for i := range ds {
		if rng.Float64() < 0.1 {
			ds[i] *= 5
		}
	}
}

func rememberingNoise(rng *rand.Rand, ds []float64) {
	const phi = 0.3
	last := rng.NormFloat64() / math.Sqrt(1-phi*phi)
	for i := range ds {
		last = phi*last + rng.NormFloat64()
		ds[i] = last
	}
}

func TestCoverageOfAllContenders(t *testing.T) {
	type row map[string]float64
	for i, tc := range []struct {
		name  string
		n     int
		noise func(*rand.Rand, []float64)
		want  row
	}{
		{"normal, 6", 6, normalNoise, row{
			"paired t": .956, "Hodges-Lehmann": .969, "median": .969, "bootstrap mean": .868, "bootstrap median": .945,
		}},
		{"normal, 10", 10, normalNoise, row{
			"paired t": .951, "Hodges-Lehmann": .949, "median": .978, "bootstrap mean": .895, "bootstrap median": .925,
		}},
		{"normal, 20", 20, normalNoise, row{
			"paired t": .948, "Hodges-Lehmann": .951, "median": .960, "bootstrap mean": .924, "bootstrap median": .933,
		}},
		{"a tenth are outliers, 12", 12, wildNoise, row{
			"paired t": .970, "Hodges-Lehmann": .958, "median": .965, "bootstrap mean": .899, "bootstrap median": .944,
		}},
		{"blocks that remember, 10", 10, rememberingNoise, row{
			"paired t": .864, "Hodges-Lehmann": .870, "median": .942, "bootstrap mean": .785, "bootstrap median": .855,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(41, uint64(i)))
			const replicates = 1000
			held := row{}
			ds := make([]float64, tc.n)
			for range replicates {
				tc.noise(rng, ds)
				for _, name := range slices.Sorted(maps.Keys(tc.want)) { // sorted: they share the random numbers
					if lo, hi := contenders()[name](rng, ds); lo <= 0 && 0 <= hi {
						held[name] += 1.0 / replicates
					}
				}
			}
			for name, want := range tc.want {
				expect(t, name+" covers", held[name], want, 0.035)
			}
		})
	}
}

// TestHodgesLehmannIsNarrower than the order-statistic median on clean data, and than the t
// interval on data with outliers: that is why it was chosen.
func TestHodgesLehmannIsNarrower(t *testing.T) {
	widths := func(n int, noise func(*rand.Rand, []float64), name string) (ratio float64) {
		rng := rand.New(rand.NewPCG(42, uint64(n)))
		ds := make([]float64, n)
		var hl, other float64
		for range 800 {
			noise(rng, ds)
			lo, hi := contenders()["Hodges-Lehmann"](rng, ds)
			hl += hi - lo
			lo, hi = contenders()[name](rng, ds)
			other += hi - lo
		}
		return other / hl
	}
	expect(t, "median over Hodges-Lehmann, normal", widths(10, normalNoise, "median"), 1.40, 0.1)
	expect(t, "t over Hodges-Lehmann, outliers", widths(12, wildNoise, "paired t"), 2.10/1.80, 0.1)
}

// TestPairingIsPower: ten blocks, a machine that swings by 10 %, servers that differ by 5 %.
// An unpaired rank test hardly ever sees it; the signed-rank test of the ratios inside the
// blocks nearly always does.
func TestPairingIsPower(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 1))
	const n, campaigns = 10, 2000
	var unpaired, paired float64
	for range campaigns {
		a, b, ds := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			machine := 0.10 * rng.NormFloat64()
			a[i] = machine + 0.02*rng.NormFloat64() + math.Log(1.05)
			b[i] = machine + 0.02*rng.NormFloat64()
			ds[i] = a[i] - b[i]
		}
		if mannWhitney(a, b) <= 0.05 {
			unpaired += 1.0 / campaigns
		}
		if SignedRank(ds).TwoSided <= 0.05 {
			paired += 1.0 / campaigns
		}
	}
	expect(t, "unpaired finds it", unpaired, 0.028, 0.015)
	expect(t, "paired finds it", paired, 0.994, 0.01)
}

// mannWhitney is the two-sided p of the unpaired rank test by its normal approximation.
func mannWhitney(a, b []float64) float64 {
	u, n := 0.0, float64(len(a))
	for _, x := range a {
		for _, y := range b {
			if x > y {
				u++
			}
		}
	}
	z := (math.Abs(u-n*n/2) - 0.5) / math.Sqrt(n*n*(2*n+1)/12)
	return 2 * distuv.UnitNormal.Survival(z)
}

// TestPowerOfTheMarginTest: the one-sided test "slower by more than 3 %" on twelve blocks,
// for true slow-downs and spreads between blocks, at the level that Holm leaves the smallest
// of fourteen p-values.
func TestPowerOfTheMarginTest(t *testing.T) {
	const n, campaigns, alpha = 12, 1500, 0.01 / 14
	for i, tc := range []struct {
		sd, slower float64
		least      float64 // power
		most       float64
	}{
		{0.02, 0.00, 0, 0.002},
		{0.02, 0.10, 0.97, 1},
		{0.04, 0.15, 0.97, 1},
		{0.06, 0.10, 0, 0.40},
		{0.06, 0.20, 0.97, 1},
	} {
		rng := rand.New(rand.NewPCG(44, uint64(i)))
		found := 0.0
		ds := make([]float64, n)
		for range campaigns {
			for j := range ds {
				ds[j] = math.Log1p(tc.slower) + tc.sd*rng.NormFloat64() - math.Log1p(DefaultMargin)
			}
			if SignedRank(ds).Greater <= alpha {
				found += 1.0 / campaigns
			}
		}
		if found < tc.least || found > tc.most {
			t.Errorf("spread %.0f %%, slower by %.0f %%: found in %.3f, want %.2f to %.2f",
				100*tc.sd, 100*tc.slower, found, tc.least, tc.most)
		}
	}
}

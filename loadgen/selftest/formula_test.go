package selftest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestFormulas(t *testing.T) {
	for name, c := range map[string]struct{ got, want, tolerance float64 }{
		// the exponential distribution, mean 2
		"exponential p50":   {exponentialQuantile(2, 0.5), 1.386, 0.0005},
		"exponential p99.9": {exponentialQuantile(2, 0.999), 13.816, 0.0005},
		// a stall of 6 s in 60 s
		"stall p95":        {stallQuantile(6, 60, 0, 0.95), 3, 1e-9},
		"stall p99":        {stallQuantile(6, 60, 0, 0.99), 5.4, 1e-9},
		"stall p50":        {stallQuantile(6, 60, 0, 0.5), 0, 0},
		"half, p75":        {stallQuantile(5, 10, 0, 0.75), 2.5, 1e-9},
		"busy stall p90":   {stallQuantile(6, 60, 0.5, 0.9), 3, 1e-9},
		"stall mean":       {stallMean(200, 1000, 0), 20, 1e-9},
		"all of the time":  {stallQuantile(5, 10, 0.9, 0.5), 2.5, 1e-9},
		"M/M/1 mean":       {mm1Mean(0.8), 5, 1e-9},
		"M/M/1 p99":        {mm1Quantile(0.8, 0.99), 23.03, 0.005},
		"M/M/1 p99.9":      {mm1Quantile(0.5, 0.999), 13.82, 0.005},
		"M/D/1 mean":       {md1Mean(0.8), 3, 1e-9},
		"M/D/1 p99 at 0.5": {md1Quantile(0.5, 0.99), 4.3, 0.05},
		"M/D/1 p99 at 0.8": {md1Quantile(0.8, 0.99), 11.36, 0.01}, // tail: 0.867 exp(-0.431 t)
		"D/M/1 mean":       {dm1Mean(0.5), 1.255, 0.001},
		"D/M/1 p99 at 0.5": {dm1Quantile(0.5, 0.99), 5.8, 0.05},
		"D/M/1 p99 at 0.8": {dm1Quantile(0.8, 0.99), 12.4, 0.05},
		"Erlang, k = 1":    {erlangCDF(1, 1), 1 - math.Exp(-1), 1e-12},
		"Erlang, median":   {erlangCDF(10, 9.6687), 0.5, 1e-4},
		"section, centred": {section([]float64{1, 2, 3}, 2), confidence([]float64{1, 2, 3}), 1e-9},
		"section, apart":   {section([]float64{1, 2, 3}, 1), 4.303 * math.Sqrt(2.5/3), 1e-3},
		"t, 1":             {studentT(1), 12.706, 0.001},
		"t, 5":             {studentT(5), 2.571, 0.01},
		"t, 9":             {studentT(9), 2.262, 0.002},
		"t, 30":            {studentT(30), 2.042, 0.001},
	} {
		if !(math.Abs(c.got-c.want) <= c.tolerance) {
			t.Errorf("%s = %v, want %v ± %v", name, c.got, c.want, c.tolerance)
		}
	}
}

// TestStallFormulaAgreesWithSimulation serves one request after the other, with a stall.
func TestStallFormulaAgreesWithSimulation(t *testing.T) {
	const rate, total, stall = 1000.0, 60.0, 6.0
	for _, rho := range []float64{0.01, 0.5, 0.8} {
		var waits []float64
		free := 0.0
		for at := 0.0; at < total; at += 1 / rate {
			begin := max(free, at)
			if begin >= 10 && begin < 10+stall {
				begin = 10 + stall
			}
			free = begin + rho/rate
			waits = append(waits, free-at)
		}
		slices.Sort(waits)
		for _, p := range []float64{0.5, 0.9, 0.95, 0.99, 0.999} {
			want := stallQuantile(stall, total, rho, p)
			if got := percentile(waits, p); math.Abs(got-want) > 0.01 {
				t.Errorf("at utilisation %v, quantile %v: simulated %v, formula %v", rho, p, got, want)
			}
		}
	}
}

// TestMD1QuantileAgreesWithSimulation: Lindley's recursion with equal services.
func TestMD1QuantileAgreesWithSimulation(t *testing.T) {
	const n, rho = 2_000_000, 0.8
	draw := rand.New(rand.NewPCG(5, 6))
	waits := make([]float64, n)
	for i := 1; i < n; i++ {
		waits[i] = max(waits[i-1]+1-draw.ExpFloat64()/rho, 0)
	}
	slices.Sort(waits)
	for _, p := range []float64{0.5, 0.9, 0.99} {
		want := md1Quantile(rho, p)
		if got := percentile(waits, p) + 1; math.Abs(got-want) > 0.03*want {
			t.Errorf("quantile %v: simulated %v, formula %v", p, got, want)
		}
	}
}

func TestKolmogorov(t *testing.T) {
	uniform := func(x float64) float64 { return min(max(x, 0), 1) }
	if d := kolmogorov([]float64{0.25, 0.75}, uniform); math.Abs(d-0.25) > 1e-12 {
		t.Errorf("distance %v, want 0.25", d)
	}
	draw := rand.New(rand.NewPCG(1, 2))
	var even, shifted []float64
	for range 10_000 {
		u := draw.Float64()
		even, shifted = append(even, u), append(shifted, 0.97*u)
	}
	if d := kolmogorov(even, uniform); d > kolmogorovLimit(len(even)) {
		t.Errorf("a uniform sample is %v away", d)
	}
	if d := kolmogorov(shifted, uniform); d <= kolmogorovLimit(len(shifted)) {
		t.Errorf("a compressed sample is only %v away", d)
	}
}

func TestNumbersArePrintedForPeople(t *testing.T) {
	for want, v := range map[string]float64{"5": 5, "1.386": 1.38629, "0.001000": 0.001, "100000": 1e5, "33.30": 33.3} {
		if got := number(v); got != want {
			t.Errorf("%v prints as %s, want %s", v, got, want)
		}
	}
	for want, ns := range map[string]int64{"999ns": 999, "12.3us": 12_345, "100ms": 100_000_000, "2.5s": 2_500_000_000} {
		if got := duration(ns); got != want {
			t.Errorf("%d ns prints as %s, want %s", ns, got, want)
		}
	}
	if got := share(0.999); got != "p99.9" {
		t.Errorf("0.999 is %s", got)
	}
}

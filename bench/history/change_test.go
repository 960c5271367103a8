package history

import (
	"math"
	"math/rand/v2"
	"testing"
)

// series invents points about 1.3 with a spread, the last of them shifted by a factor.
func series(rng *rand.Rand, n int, sd float64, shifted int, factor float64) []Point {
	points := make([]Point, n)
	for i := range points {
		ratio := 1.3 * math.Exp(sd*rng.NormFloat64())
		if i >= n-shifted {
			ratio *= factor
		}
		points[i].Cell = Cell{Ratio: ratio, Lo: ratio / 1.02, Hi: ratio * 1.02}
	}
	return points
}

func TestAStepIsFoundWhereItIs(t *testing.T) {
	points := series(rand.New(rand.NewPCG(1, 1)), 40, 0.01, 10, 0.9)
	c, ok := FindChange(points)
	if !ok || c.At != 30 || math.Abs(c.After/c.Before-0.9) > 0.02 || c.P > alpha {
		t.Errorf("%+v, %v", c, ok)
	}
	again, _ := FindChange(points)
	if again != c {
		t.Errorf("the same series gave %+v, then %+v", c, again)
	}
	points[3].Cell.Flags = []string{FlagUnsound}
	points[3].Cell.Ratio = 50
	if c, ok := FindChange(points); !ok || c.At != 30 {
		t.Errorf("an unsound point was counted: %+v, %v", c, ok)
	}
}

func TestWhatIsNoChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	spike := series(rng, 40, 0.01, 0, 1)
	spike[20].Cell.Ratio *= 0.7
	wide := series(rng, 40, 0.01, 10, 0.9)
	for i := range wide {
		wide[i].Cell.Lo, wide[i].Cell.Hi = wide[i].Cell.Ratio/1.3, wide[i].Cell.Ratio*1.3
	}
	for name, points := range map[string][]Point{
		"nothing":            nil,
		"too short":          series(rng, 5, 0.01, 2, 0.5),
		"one spike":          spike,
		"smaller than 4 %":   series(rng, 40, 0.002, 10, 0.97),
		"within its spread":  series(rng, 40, 0.10, 5, 0.97),
		"within the widths":  wide,
		"the last one alone": series(rng, 40, 0.01, 1, 0.5),
	} {
		if c, ok := FindChange(points); ok {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// TestChangeRates: how often a series that never changed alarms when it is looked at whole,
// and how often a step of 10 % five points ago is seen.
func TestChangeRates(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	const runs = 30
	alarms, found := 0, 0
	for range runs {
		if _, ok := FindChange(series(rng, 40, 0.03, 0, 1)); ok {
			alarms++
		}
		if _, ok := FindChange(series(rng, 40, 0.03, 5, 0.9)); ok {
			found++
		}
	}
	if alarms > 2 {
		t.Errorf("%d of %d steady series changed", alarms, runs)
	}
	if found < runs*9/10 {
		t.Errorf("a step was seen in %d of %d series", found, runs)
	}
}

// TestEnergyBySplitting checks the running sums against the definition.
func TestEnergyBySplitting(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	mean := func(a, b []float64) float64 {
		sum := 0.0
		for _, x := range a {
			for _, y := range b {
				sum += math.Abs(x - y)
			}
		}
		return sum / float64(len(a)*len(b))
	}
	for range 50 {
		xs := make([]float64, 6+rng.IntN(20))
		for i := range xs {
			xs[i] = rng.NormFloat64()
		}
		wantAt, want := 0, -1.0
		for b := minSegment; b <= len(xs)-minSegment; b++ {
			l, r := xs[:b], xs[b:]
			weight := float64(len(l)*len(r)) / float64(len(xs))
			if e := weight * (2*mean(l, r) - mean(l, l) - mean(r, r)); e > want {
				wantAt, want = b, e
			}
		}
		if at, got := split(xs); at != wantAt || math.Abs(got-want) > 1e-9 {
			t.Fatalf("split at %d by %v, want %d by %v", at, got, wantAt, want)
		}
	}
}

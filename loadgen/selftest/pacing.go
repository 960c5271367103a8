package selftest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"iomodels/loadgen"
	"iomodels/loadgen/oracle"
)

func pacing() []Experiment {
	return []Experiment{
		{
			Number: 4, Name: "Constant rate, seen by the server", run: constantArrives,
			Shows: "requests leave one by one, and not in bunches",
			Setup: "10,000/s for 30 s on 64 connections; arrivals as stamped by the oracle",
		},
		{
			Number: 5, Name: "Poisson, seen by the server", run: poissonArrives,
			Shows: "the process reaches the server as it was planned",
			Setup: "10,000/s for 10 s on 256 connections; to remove the error of the stamps, gaps are" +
				" added up ten by ten and compared with Erlang's distribution",
		},
	}
}

// pacingRate is the rate of the pacing experiments.
func (t *Trial) pacingRate() float64 { return 10_000 * t.lab.Rate }

func constantArrives(t *Trial) error {
	length, rate := t.seconds(30), t.pacingRate()
	m, r, err := t.known(oracle.Spec{}, loadgen.Plan{Conns: 64, Rate: rate, Duration: length})
	if err != nil {
		return err
	}
	times := r.Times()
	t.near("arrivals", "", rate*length.Seconds(), 1, float64(len(times)), noise{})
	if len(times) < 2 {
		return fmt.Errorf("%d requests arrived, verdict %s %v", len(times), m.Verdict, m.Reasons)
	}
	gaps, deviations := make([]float64, 0, len(times)), make([]float64, 0, len(times))
	for i := 1; i < len(times); i++ {
		gap := us(float64(times[i] - times[i-1]))
		gaps = append(gaps, gap)
		deviations = append(deviations, math.Abs(gap-1e6/rate))
	}
	slices.Sort(gaps)
	slices.Sort(deviations)
	wakeUps := noise{q: 0.99, times: 4, unit: 1e3}
	t.near("median gap", " us", 1e6/rate, 0.02*1e6/rate, percentile(gaps, 0.5),
		noise{q: 0.5, times: 1, unit: 1e3, below: true})
	t.most("p99 of its deviation", " us", 100, percentile(deviations, 0.99), wakeUps)
	worst := worstWindow(times, rate, 100*time.Millisecond)
	// A wake-up that is late by 1 % of a window moves 1 % of its requests out of it.
	t.most("worst window of 100 ms is off by", " %", 1, worst, noise{q: 1, times: 2, unit: 1e6})
	return nil
}

// worstWindow is the largest deviation of the count in a window from the planned one, in percent.
// The windows begin between two arrivals, so an arrival that is on time cannot change sides.
func worstWindow(times []int64, rate float64, window time.Duration) (worst float64) {
	origin := times[0] - int64(0.5e9/rate)
	counts := map[int64]float64{}
	last := (times[len(times)-1] - origin) / int64(window)
	for _, at := range times {
		counts[(at-origin)/int64(window)]++
	}
	want := rate * window.Seconds()
	for w := range last { // the last one may not be whole
		worst = max(worst, 100*math.Abs(counts[w]-want)/want)
	}
	return worst
}

func poissonArrives(t *Trial) error {
	const sum = 10
	rate := t.pacingRate()
	_, r, err := t.known(oracle.Spec{}, loadgen.Plan{
		Conns: 256, Rate: rate, Arrival: loadgen.ArrivalPoisson, Duration: t.seconds(10),
	})
	if err != nil {
		return err
	}
	times := r.Times()
	sums := make([]float64, 0, len(times)/sum)
	for i := sum; i < len(times); i += sum {
		sums = append(sums, float64(times[i]-times[i-sum])/1e9*rate)
	}
	erlang := func(x float64) float64 { return erlangCDF(sum, x) }
	// Of a sum, two ends can be late; the density of Erlang's distribution is below 1.3 / sum.
	late := noise{q: 0.99, times: 2, unit: 1e9 / rate * sum / 1.3}
	scattered := noise{kind: ofSpread, times: 2, unit: 1e9 / rate * math.Sqrt(sum)}
	t.most("Kolmogorov-Smirnov distance", "", kolmogorovLimit(len(sums)), kolmogorov(sums, erlang), late)
	mean, sd := meanAndSD(sums)
	t.within("mean gap, of 1/R", "", 1, 2, mean/sum, noise{})
	t.near("variation of the gaps (CV)", "", 1, 0.02, sd/mean*math.Sqrt(sum), scattered)
	return nil
}

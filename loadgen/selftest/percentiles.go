package selftest

import (
	"fmt"
	"math"
	"time"

	"iomodels/loadgen"
	"iomodels/loadgen/oracle"
)

func percentiles() []Experiment {
	return []Experiment{
		{
			Number: 6, Name: "Fixed delay", run: fixedDelay,
			Shows: "nothing is added to what the server took: pacing in whole milliseconds would show 5.5" +
				" to 6.5 ms",
			Setup: "each reply held for 5 ms, 2,000/s for 10 s; base = p1 of service less p1 of what the" +
				" oracle held",
		},
		{
			Number: 7, Name: "Two delays", run: twoDelays,
			Shows: "the share of slow requests is counted exactly, and is where it belongs",
			Setup: "each 100th reply held for 100 ms, the others for 1 ms, independently; 2,000/s for 10" +
				" s",
		},
		{
			Number: 8, Name: "Known quantiles", run: knownQuantiles,
			Shows: "every percentile of a smooth distribution",
			Setup: "exponential delays of mean 2 ms, evenly drawn, no queue; 4,000/s for 15 s; round" +
				" trip, lag and the oracle's release error, as medians, are subtracted",
		},
	}
}

// passes is how often a request waits for a wake-up on its way: the generator's timer, the
// oracle's socket, the oracle's timer, the generator's socket.
const passes = 4

func fixedDelay(t *Trial) error {
	const delay = 5.0
	m, r, err := t.known(oracle.Spec{Rule: oracle.Fixed(5 * time.Millisecond)},
		loadgen.Plan{Conns: 256, Rate: 2000, Duration: t.seconds(10)})
	if err != nil {
		return err
	}
	base := ms(base(m, r))
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
		// In [5.00, 5.10] ms, plus the shortest round trip.
		got := ms(float64(m.Histograms.Response.Quantile(q))) - base
		t.near(share(q)+" of response, less the base", " ms", delay+0.05, 0.05, got,
			noise{q: q, times: passes, unit: 1e6})
	}
	t.most("base: shortest round trip", " ms", 0.2, base, noise{q: 0.5, times: passes, unit: 1e6})
	difference := us(m.Histograms.Response.Mean() - m.Histograms.Service.Mean())
	t.most("response - service, on average", " us", us(float64(m.Lag.P99)), difference, noise{})
	t.holds("oracle's own release error", "reported", fmt.Sprintf("p50 %s, p99 %s", duration(r.Late.P50),
		duration(r.Late.P99)), r.Late.N > 0)
	return nil
}

func twoDelays(t *Trial) error {
	length := t.seconds(10)
	const every, rate = 100, 2000
	m, r, err := t.known(
		oracle.Spec{Rule: oracle.TwoPoint(time.Millisecond, 100*time.Millisecond, every)},
		loadgen.Plan{Conns: 512, Rate: rate, Duration: length})
	if err != nil {
		return err
	}
	h, base := m.Histograms.Response, ms(base(m, r))
	truth := func(q float64) float64 {
		if q <= 1-1.0/every {
			return 1
		}
		return 100
	}
	t.near("p98.5, less the shortest round trip", " ms", 1, 0.1, ms(float64(h.Quantile(0.985)))-base,
		noise{q: 0.985, times: passes, unit: 1e6, truth: truth})
	t.near("p99.5, less the shortest round trip", " ms", 100, 1, ms(float64(h.Quantile(0.995)))-base,
		noise{q: 0.995, times: passes, unit: 1e6})
	slow := 100 * shareAbove(h, int64(50*time.Millisecond))
	t.near("share above 50 ms", " %", 100.0/every, 0.001, slow,
		noise{kind: ofShare, times: passes, room: 48e6}) // of 50 ms, less 1 ms of delay and the round trip
	t.exactly("replies", uint64(rate*length.Seconds()), m.Requests.OK)
	return nil
}

// shareAbove finds the share of the samples above a value, by bisection over quantiles: those
// are all that a histogram tells.
func shareAbove(h interface {
	Quantile(float64) int64
	Count() uint64
}, ns int64,
) float64 {
	n := float64(h.Count())
	if n == 0 {
		return math.NaN()
	}
	first := bisect(func(q float64) bool { return h.Quantile(q) > ns }, 0, 1)
	return math.Round((1-first)*n) / n
}

func knownQuantiles(t *Trial) error {
	const mean = 2.0
	m, r, err := t.known(
		oracle.Spec{Rule: oracle.EvenExponential(2 * time.Millisecond), Seed: 1},
		loadgen.Plan{Conns: 512, Rate: 4000, Duration: t.seconds(15)})
	if err != nil {
		return err
	}
	less := ms(offset(m, r))
	truth := func(q float64) float64 { return exponentialQuantile(mean, q) }
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		t.within(share(q), " ms", truth(q), 1,
			ms(float64(m.Histograms.Response.Quantile(q)))-less,
			noise{q: q, times: passes, unit: 1e6, truth: truth})
	}
	t.bounded(m, r)
	return nil
}

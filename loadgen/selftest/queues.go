package selftest

import (
	"fmt"
	"math"
	"time"

	"iomodels/loadgen"
	"iomodels/loadgen/latency"
	"iomodels/loadgen/oracle"
)

func queues() []Experiment {
	return []Experiment{
		{
			Number: 12, Name: "Queues", run: textbookQueues,
			Shows: "arrivals, waiting and percentiles at once: a wrong arrival process cannot pass all" +
				" four queues",
			Setup: "16 queues side by side in the oracle, each with a mean service time of 1 ms, at" +
				" utilisation 0.5 and 0.8; 10 runs of 2.5 s each (6 s at 0.8, but for D/D/1) after 0.5 s of" +
				" warm-up, 8,000/s or 12,800/s: 200,000 to 768,000 requests per queue and utilisation;" +
				" histograms of the runs merged, median round trip, lag and release error of the middle run" +
				" subtracted",
		},
		{
			Number: 13, Name: "Little's law", run: littlesLaw,
			Shows: "time is neither lost nor counted twice",
			Setup: "replies held for 10 ms; closed loop on 64 connections, and 3,000/s in an open loop; 5" +
				" s each",
		},
	}
}

// queue is a queue of the textbook.
type queue struct {
	name                string
	random, exponential bool
	rho                 float64
	mean                float64
	truth               func(q float64) float64
	asked               []float64 // quantiles
	seconds             float64
}

func textbook() (all []queue) {
	for _, rho := range []float64{0.5, 0.8} {
		of := func(f func(rho, q float64) float64) func(q float64) float64 {
			return func(q float64) float64 { return f(rho, q) }
		}
		one := func(_, _ float64) float64 { return 1 }
		long := 2.5
		if rho > 0.5 {
			long = 6 // waits that depend on each other tell less: the relaxation time is 90 ms
		}
		all = append(all,
			queue{"M/M/1", true, true, rho, mm1Mean(rho), of(mm1Quantile), []float64{0.5, 0.99, 0.999}, long},
			queue{"M/D/1", true, false, rho, md1Mean(rho), of(md1Quantile), []float64{0.99}, long},
			queue{"D/M/1", false, true, rho, dm1Mean(rho), of(dm1Quantile), []float64{0.99}, long},
			queue{"D/D/1", false, false, rho, 1, of(one), []float64{0.5, 0.99}, 2.5})
	}
	return all
}

// sideBySide is how many queues the oracle has: as many samples at once.
const sideBySide = 16

func textbookQueues(t *Trial) error {
	for _, q := range textbook() {
		if err := t.oneQueue(q); err != nil {
			return err
		}
		t.section()
	}
	return nil
}

func (t *Trial) oneQueue(q queue) error {
	runs := t.rounds(10)
	merged := latency.New(latency.Exact)
	var offsets []float64
	single := map[float64][]float64{} // quantiles of each run
	for run := range runs {
		var m measurement
		var r oracle.Report
		_, err := t.part(func() (err error) {
			m, r, err = t.queueRun(q, uint64(run)+1, t.seconds(q.seconds))
			return err
		})
		if err != nil {
			return err
		}
		merged.Merge(m.Histograms.Response)
		over := ms(offset(m, r))
		offsets = append(offsets, over)
		for _, p := range q.asked {
			single[p] = append(single[p], ms(float64(m.Histograms.Response.Quantile(p)))-over)
		}
	}
	less := middle(offsets) // one run in which the machine paused must not shift all the others
	t.most(fmt.Sprintf("%s at %v: round trip, lag and release error, subtracted", q.name, q.rho), " us", 300,
		1e3*less, noise{q: 0.5, times: passes, unit: 1e3})
	label := fmt.Sprintf("%s at %v: ", q.name, q.rho)
	// A pause makes requests arrive in a bunch, and the queue carries it off with what is left of
	// its server.
	late := noise{kind: ofMean, times: passes, unit: 1e6, spread: 1 / (1 - q.rho), truth: q.truth}
	t.within(label+"mean", " ms", q.mean, 3, ms(merged.Mean())-less, late)
	for _, p := range q.asked {
		want := q.truth(p)
		late.kind, late.q = ofQuantile, p
		got := ms(float64(merged.Quantile(p))) - less
		if p < 0.999 {
			t.within(label+share(p), " ms", want, 3, got, late)
			continue
		}
		half := confidence(single[p]) // a thousandth of dependent waits is not known to 3 %
		t.near(label+share(p)+", interval of the runs", " ms", want, half, got, late)
	}
	return nil
}

// queueRun is one run against a queue with arrivals and services of its own.
func (t *Trial) queueRun(q queue, seed uint64, length time.Duration) (measurement, oracle.Report, error) {
	const warmup = 500 * time.Millisecond
	p := loadgen.Plan{
		Conns: 1024, Rate: q.rho * sideBySide * 1000, Seed: seed, Warmup: warmup, Duration: length,
		Arrival: loadgen.ArrivalConstant,
	}
	if q.random {
		p.Arrival = loadgen.ArrivalPoisson
	}
	return t.known(oracle.Spec{
		Rule: oracle.Queue(time.Millisecond, sideBySide, q.random, q.exponential), Seed: seed, Warmup: warmup,
	}, p)
}

func littlesLaw(t *Trial) error {
	const n, delay = 64, 10.0
	spec := oracle.Spec{Rule: oracle.Fixed(10 * time.Millisecond)}
	closed, r, err := t.known(spec, loadgen.Plan{Conns: n, Duration: t.seconds(5)})
	if err != nil {
		return err
	}
	late := ms(closed.Histograms.Service.Mean() - r.Held.Mean + r.Late.Mean)
	// X = N / (D + round trip)
	t.within("closed: replies per second", "", n/(delay+late)*1e3, 1, closed.RatePerS, noise{})
	inFlight := closed.RatePerS * closed.Histograms.Service.Mean() / 1e9
	t.near("closed: rate x response time", "", n, 0.01*n, inFlight, noise{})
	open, _, err := t.known(spec, loadgen.Plan{Conns: 256, Rate: 3000, Duration: t.seconds(5)})
	if err != nil {
		return err
	}
	w := open.Histograms.Service.Mean() / 1e9
	t.within("open: requests in flight, integrated", "", 3000*w, 1, open.Little.InFlight, noise{})
	t.most("open: residual the run prints", " %", 1, math.Abs(open.Little.ResidualPct), noise{})
	return nil
}

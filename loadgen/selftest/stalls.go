package selftest

import (
	"fmt"
	"time"

	"iomodels/loadgen"
	"iomodels/loadgen/latency"
	"iomodels/loadgen/oracle"
)

func stalls() []Experiment {
	return []Experiment{
		{
			Number: 9, Name: "Frozen server", run: frozenServer,
			Shows: "every request that became due during a stall is charged with its wait, and with the" +
				" backlog's",
			Setup: "the oracle's process is stopped (^Z) once in an open loop at 250/s on 64 connections" +
				" (slow enough that the backlog melts at once): 1 s and 5 s of 10 s, idle server;" +
				" 2 s of 20 s at utilisation 0.5 (queue with 2 ms of service); expected values use the" +
				" true length of the stop",
		},
		{
			Number: 10, Name: "Stall each second", run: stallEachSecond,
			Shows: "short stalls that come again and again are felt as they should be",
			Setup: "the oracle releases nothing for 200 ms of each second; 1,000/s for 20 s on 16" +
				" connections, so that most requests of a stall cannot be sent in it; the round trip is not" +
				" subtracted",
		},
		{
			Number: 11, Name: "Frozen server, closed loop", run: frozenServerClosed,
			Shows: "a closed loop does not see the stall, and the result is labelled as one; in the open" +
				" loop the service times are as blind, the response times are not",
			Setup: "10 connections, 2 s of 10 s stopped; then the same at 1,000/s",
		},
	}
}

// frozen carries out a plan during which the oracle is stopped once, from a quarter of the way
// on. It returns for how long.
func (t *Trial) frozen(spec oracle.Spec, p loadgen.Plan, stop time.Duration,
) (measurement, time.Duration, error) {
	h, err := t.oracle(spec)
	if err != nil {
		return measurement{}, 0, err
	}
	type stopped struct {
		d   time.Duration
		err error
	}
	done := make(chan stopped, 1)
	m, err := t.watched(h, p, func(e loadgen.PhaseEvent) {
		if e.Phase != loadgen.PhaseMeasure {
			return
		}
		go func() {
			time.Sleep(p.Duration / 4)
			d, err := h.Freeze(stop)
			done <- stopped{d, err}
		}()
	})
	if err != nil {
		return m, 0, err
	}
	s := <-done
	return m, s.d, joinErrors(s.err, t.cleanUp())
}

func frozenServer(t *Trial) error {
	for _, c := range []struct {
		name        string
		stop, total time.Duration
		rho         float64
		quantiles   []float64
	}{
		{"1 s of 10 s", t.seconds(1), t.seconds(10), 0, []float64{0.9, 0.95, 0.99}},
		{"5 s of 10 s", t.seconds(5), t.seconds(10), 0, []float64{0.75, 0.9, 0.99}},
		{"2 s of 20 s, busy", t.seconds(2), t.seconds(20), 0.5, []float64{0.9, 0.95, 0.99}},
	} {
		const rate = 250.0
		spec := oracle.Spec{}
		if c.rho > 0 {
			service := time.Duration(c.rho / rate * float64(time.Second))
			spec.Rule = oracle.Queue(service, 1, false, false)
		}
		m, stopped, err := t.frozen(spec, loadgen.Plan{
			Conns: 64, Rate: rate, Duration: c.total, Timeout: 3 * c.total,
		}, c.stop)
		if err != nil {
			return err
		}
		s, total := stopped.Seconds(), c.total.Seconds()
		for _, q := range c.quantiles {
			got := float64(m.Histograms.Response.Quantile(q)) / 1e9
			truth := func(q float64) float64 { return stallQuantile(s, total, c.rho, q) }
			want, tolerance := truth(q), 0.005*s
			if want < tolerance {
				tolerance = 0.03 * s // the edge, where a curve breaks that is steep on one side
			}
			t.near(c.name+": "+share(q), " s", want, tolerance, got,
				noise{q: q, times: passes, unit: 1e9, truth: truth, spread: 1 / (1 - c.rho)})
		}
		t.near(c.name+": mean", " s", stallMean(s, total, c.rho), 0.02*stallMean(s, total, c.rho),
			m.Histograms.Response.Mean()/1e9,
			noise{kind: ofMean, times: passes, unit: 1e9, spread: 1 / (1 - c.rho)})
		t.section()
	}
	return nil
}

func stallEachSecond(t *Trial) error {
	const stall, period = 200.0, 1000.0 // ms
	m, _, err := t.known(
		oracle.Spec{Rule: oracle.StallEach(stall*time.Millisecond, period*time.Millisecond)},
		loadgen.Plan{Conns: 16, Rate: 1000, Duration: t.seconds(20)})
	if err != nil {
		return err
	}
	response := m.Histograms.Response
	truth := func(q float64) float64 { return stallQuantile(stall, period, 0, q) }
	late := func(q float64) noise { return noise{q: q, times: passes, unit: 1e6, truth: truth} }
	t.most("p50", " ms", 2, ms(float64(response.Quantile(0.5))), late(0.5))
	for _, q := range []float64{0.9, 0.95, 0.99, 0.999} {
		t.near(share(q), " ms", truth(q), 2, ms(float64(response.Quantile(q))), late(q))
	}
	t.near("mean", " ms", stallMean(stall, period, 0), 2, ms(response.Mean()),
		noise{kind: ofMean, times: passes, unit: 1e6})
	return nil
}

func frozenServerClosed(t *Trial) error {
	length, stop := t.seconds(10), t.seconds(2)
	closed, stopped, err := t.frozen(oracle.Spec{Rule: oracle.Fixed(time.Millisecond)},
		loadgen.Plan{Conns: 10, Duration: length, Timeout: 3 * length}, stop)
	if err != nil {
		return err
	}
	s := stopped.Seconds()
	h := closed.Histograms.Response
	// 10 of about 10,000 requests per second are stopped: 1 in 8,000.
	t.most("closed: p99.8", " ms", 20, ms(float64(h.Quantile(0.998))),
		noise{q: 0.998, times: passes, unit: 1e6})
	t.near("closed: maximum", " s", s, 0.03*s, float64(h.Max())/1e9, noise{q: 1, times: passes, unit: 1e9})
	t.holds("closed: labelled", "arrival closed, no lag", fmt.Sprintf("arrival %s, %d lags",
		closed.Plan.Arrival, closed.Lag.Count),
		closed.Plan.Arrival == loadgen.ArrivalClosed && closed.Lag.Count == 0)
	open, stopped, err := t.frozen(oracle.Spec{Rule: oracle.Fixed(time.Millisecond)},
		loadgen.Plan{Conns: 10, Rate: 1000, Duration: length, Timeout: 3 * length}, stop)
	if err != nil {
		return err
	}
	s = stopped.Seconds()
	at := func(h *latency.Histogram) float64 { return float64(h.Quantile(0.99)) / 1e9 }
	truth := func(q float64) float64 { return stallQuantile(s, length.Seconds(), 0.11, q) }
	// The ten connections carry the backlog off at 10 per ms and more: a tenth as fast as it came.
	t.near("open: p99 of response", " s", truth(0.99), 0.03*s, at(open.Histograms.Response),
		noise{q: 0.99, times: passes, unit: 1e9, truth: truth})
	t.most("open: p99 of service", " s", 0.02, at(open.Histograms.Service),
		noise{q: 0.99, times: passes, unit: 1e9})
	return nil
}

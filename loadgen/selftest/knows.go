package selftest

import (
	"fmt"
	"math"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/loadgen"
	"iomodels/loadgen/oracle"
)

func knowsItself() []Experiment {
	return []Experiment{
		{
			Number: 18, Name: "Frozen generator", run: frozenGenerator,
			Shows: "the generator's own stall is in its lag and in the response times, not in the service" +
				" times, and makes the run invalid",
			Setup: "netload in a process of its own, 500/s for 10 s, stopped for 200 ms once",
		},
		{
			Number: 19, Name: "Busy processor", run: busyProcessor,
			Shows: "a generator that has to share its processor says so",
			Setup: "netload on processor 0, 2,000/s for 3 s, without and with a program that never sleeps" +
				" on the same processor, 3 times each, in turns; the middle of each; service times against the" +
				" kernel's stamps at the oracle, on every 10th connection",
		},
		{
			Number: 20, Name: "Kernel stamps", run: kernelStamps,
			Shows: "what the generator's own system calls and wake-ups add to the service times",
			Setup: "replies held for 1 ms, 10,000/s for 5 s on 200 connections; the kernel stamps request" +
				" and reply at every 10th of the oracle's sockets; differences of the percentiles",
		},
		{
			Number: 21, Name: "One generator or two", run: oneOrTwo,
			Shows: "the generator is not the bottleneck of what it measures",
			Setup: "10,000/s by one netload, or 5,000/s by each of two; replies held for 1 ms; 6 rounds" +
				" of 2 s each way, in turn; 95 % interval of the rounds",
		},
		{
			Number: 22, Name: "Rate ladder", run: rateLadder,
			Shows: "the offered rate is kept, or the result says that it was not",
			Setup: "100/s to 400,000/s, 2 s each on 64 connections, against an oracle that answers at" +
				" once",
		},
	}
}

// child is netload in a process of its own.
type child struct {
	cmd *exec.Cmd
	out chan childResult
}

type childResult struct {
	loadgen.Summary
	err error
}

func frozenGenerator(t *Trial) error {
	const stop, rate = 200 * time.Millisecond, 500.0
	length := t.seconds(10)
	h, err := t.oracle(oracle.Spec{Rule: oracle.Fixed(time.Millisecond)})
	if err != nil {
		return err
	}
	c, err := t.netload("--addr", h.Addrs[0], "--conns", "512", "--rate", fmt.Sprint(rate),
		"--duration", length.String())
	if err != nil {
		return err
	}
	time.Sleep(length / 2) // somewhere in the middle: it starts within milliseconds
	stopped, err := oracle.Freeze(c.cmd.Process, stop)
	if err != nil {
		return err
	}
	r := <-c.out
	if r.err != nil {
		return r.err
	}
	s, total := stopped.Seconds(), length.Seconds()
	late := func(q float64, truth func(float64) float64) noise {
		return noise{q: q, times: passes, unit: 1e6, truth: truth}
	}
	response := func(q float64) float64 { return 1e3 * stallQuantile(s, total, 0, q) }
	t.near("longest lag", " ms", 1e3*s, 20, ms(float64(r.Lag.Max)), late(1, nil))
	t.near("p99 of response", " ms", response(0.99), 5, ms(float64(r.Response.P99)),
		late(0.99, response))
	t.most("p99 of service", " ms", 10, ms(float64(r.Service.P99)), late(0.99, nil))
	t.holds("verdict", loadgen.Invalid, r.Verdict, r.Verdict == loadgen.Invalid)
	return nil
}

func busyProcessor(t *Trial) error {
	var alone, shared besides
	for range t.rounds(3) {
		for _, side := range []struct {
			hog bool
			to  *besides
		}{{false, &alone}, {true, &shared}} {
			s, bias, err := t.onProcessorZero(side.hog)
			if err != nil {
				return err
			}
			side.to.add(s, bias)
		}
	}
	t.holds("p99 of lag and waiting for a processor", "more than alone: "+alone.lagged(), shared.lagged(),
		middle(shared.lag) > middle(alone.lag) && middle(shared.waited) > middle(alone.waited))
	t.holds("verdict", "never "+loadgen.Valid, strings.Join(shared.verdicts, ", "),
		!slices.Contains(shared.verdicts, loadgen.Valid))
	t.holds("difference to the kernel's stamps, mean", "more than alone: "+duration(int64(middle(alone.bias))),
		duration(int64(middle(shared.bias))), middle(shared.bias) > middle(alone.bias))
	return nil
}

// besides is what runs showed, alone or beside a busy program. The middle of several is compared:
// one pause of the machine, in a run that was alone, would say that alone is worse.
type besides struct {
	lag, waited, bias []float64 // p99 in ns; percent; ns
	verdicts          []string
}

func (b *besides) add(s loadgen.Summary, bias float64) {
	b.lag, b.bias = append(b.lag, float64(s.Lag.P99)), append(b.bias, bias)
	b.waited = append(b.waited, s.Generator.RunDelayPct)
	b.verdicts = append(b.verdicts, s.Verdict)
}

func (b *besides) lagged() string {
	return fmt.Sprintf("%s, waited %.1f %%", duration(int64(middle(b.lag))), middle(b.waited))
}

// onProcessorZero carries out a load on processor 0, next to a program that never sleeps or
// not. It returns by how much the service times exceed what the kernel saw, in ns.
func (t *Trial) onProcessorZero(hog bool) (loadgen.Summary, float64, error) {
	h, err := t.oracle(oracle.Spec{Rule: oracle.Fixed(time.Millisecond), Stamped: 10})
	if err != nil {
		return loadgen.Summary{}, 0, err
	}
	var c *child
	err = onProcessor(0, func() error {
		if hog {
			if err := t.hog(); err != nil {
				return err
			}
		}
		c, err = t.netload("--addr", h.Addrs[0], "--conns", "100", "--rate", "2000",
			"--duration", t.seconds(3).String())
		return err
	})
	if err != nil {
		return loadgen.Summary{}, 0, err
	}
	s := <-c.out
	if s.err != nil {
		return loadgen.Summary{}, 0, s.err
	}
	r, err := h.Report()
	return s.Summary, s.Service.Mean - r.Kernel.Mean, joinErrors(err, t.cleanUp())
}

// hog starts a program that never sleeps.
func (t *Trial) hog() error {
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a busy program: %w", err)
	}
	t.later(func() error {
		err := cmd.Process.Kill()
		_ = cmd.Wait() // "signal: killed"
		return err
	})
	return nil
}

// onProcessor calls f on a thread that is bound to one processor. What f starts inherits that.
func onProcessor(cpu int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("bind to processor %d: %w", cpu, err)
	}
	err := f()
	return joinErrors(err, unix.SchedSetaffinity(0, &before))
}

func kernelStamps(t *Trial) error {
	m, r, err := t.known(oracle.Spec{Rule: oracle.Fixed(time.Millisecond), Stamped: 10},
		loadgen.Plan{Conns: 200, Rate: 10_000, Duration: t.seconds(5)})
	if err != nil {
		return err
	}
	if r.Kernel.N == 0 {
		return fmt.Errorf("the kernel stamped nothing of %d replies", r.Replies)
	}
	p50 := us(float64(m.Service.P50 - r.Kernel.P50))
	p99 := us(float64(m.Service.P99 - r.Kernel.P99))
	t.most("p50 of service, less the kernel's", " us", 20, p50, noise{q: 0.5, times: 2, unit: 1e3})
	t.most("p99 of service, less the kernel's", " us", us(0.1*float64(m.Service.P50)), p99,
		noise{q: 0.99, times: 2, unit: 1e3})
	t.least("stamped replies", "", 1000*t.lab.Scale, float64(r.Kernel.N))
	t.holds("mean of service, less the kernel's", "reported",
		duration(int64(m.Histograms.Service.Mean()-r.Kernel.Mean)), true)
	return nil
}

func oneOrTwo(t *Trial) error {
	h, err := t.oracle(oracle.Spec{Rule: oracle.Fixed(time.Millisecond)})
	if err != nil {
		return err
	}
	const rounds, rate = 6, 10_000
	figures := map[int]map[string][]float64{1: {}, 2: {}}
	for round := range rounds {
		order := []int{1, 2}
		if round%2 == 1 {
			order = []int{2, 1}
		}
		for _, n := range order {
			var sums []loadgen.Summary
			_, err := t.part(func() (err error) {
				sums, err = t.together(h, n, rate/n)
				return err
			})
			if err != nil {
				return err
			}
			p50, p99 := 0.0, 0.0
			for _, s := range sums { // equal loads: half of the requests each
				p50 += us(float64(s.Service.P50)) / float64(n)
				p99 = max(p99, us(float64(s.Service.P99)))
			}
			figures[n]["p50"] = append(figures[n]["p50"], p50)
			figures[n]["p99"] = append(figures[n]["p99"], p99)
		}
	}
	for _, name := range []string{"p50", "p99"} {
		one, _ := meanAndSD(figures[1][name])
		two, _ := meanAndSD(figures[2][name])
		c1, c2 := confidence(figures[1][name]), confidence(figures[2][name])
		// Two may be slower, since they share the machine; if they are faster, one was the limit.
		t.most(name+" of service by one, less by two", " us", math.Hypot(c1, c2), one-two, noise{})
	}
	return nil
}

// together carries out n equal loads at once.
func (t *Trial) together(h *oracle.Handle, n, rate int) ([]loadgen.Summary, error) {
	var children []*child
	for range n {
		c, err := t.netload("--addr", h.Addrs[0], "--conns", fmt.Sprint(100/n), "--rate", fmt.Sprint(rate),
			"--duration", t.seconds(2).String())
		if err != nil {
			return nil, err
		}
		children = append(children, c)
	}
	var sums []loadgen.Summary
	for _, c := range children {
		r := <-c.out
		if r.err != nil {
			return nil, r.err
		}
		sums = append(sums, r.Summary)
	}
	return sums, nil
}

func rateLadder(t *Trial) error {
	ceiling := 0.0
	for _, rate := range []float64{100, 1000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 400_000} {
		m, _, err := t.known(oracle.Spec{}, loadgen.Plan{
			Conns: 64, Rate: rate, Duration: t.seconds(2), Timeout: time.Second,
		})
		if err != nil {
			return err
		}
		kept := float64(m.WindowOK) / (rate * m.ElapsedS)
		ok := math.Abs(kept-1) <= 0.001
		if ok {
			ceiling = rate
		}
		t.holds(fmt.Sprintf("%s/s", number(rate)), "1.000 ±0.001 of it, or not valid",
			fmt.Sprintf("%.4f, %s", kept, m.Verdict), ok || m.Verdict != loadgen.Valid)
	}
	t.holds("ceiling", "10000/s or more", number(ceiling)+"/s", ceiling >= 10_000)
	return nil
}

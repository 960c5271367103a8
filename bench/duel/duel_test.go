package duel

import (
	"math"
	"testing"
	"time"

	"iomodels/bench/proc"
	"iomodels/loadgen"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

// A slice: 300 ms, of which the server ran 120 ms and the generator 150 ms.
func slice() (loadgen.Summary, edge, edge) {
	sum := loadgen.Summary{RatePerS: 10_000}
	sum.Requests.Sent, sum.Requests.OK = 3010, 3000
	sum.Requests.InFlight = 10
	sum.Generator.CPUS = 0.150
	sum.Response.P99 = int64(2 * time.Millisecond)
	from := edge{at: time.Second, cpu: proc.CPU{Total: 5 * time.Second}}
	to := edge{
		at: 1300 * time.Millisecond, cpu: proc.CPU{Total: 5120 * time.Millisecond},
		machine: proc.MachineState{Busy: 300 * time.Millisecond},
	}
	return sum, from, to
}

func TestJudge(t *testing.T) {
	sum, from, to := slice()
	f, foreign, err := judge(sum, from, to)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "norm", f.norm, 0.8)
	near(t, "server CPU per request", f.plain, 0.120/3000)
	near(t, "total CPU per request", f.total, 0.270/3000)
	near(t, "p99", f.p99, 0.002)
	near(t, "foreign share", foreign, (0.300-0.270)/0.300)
}

// A server that answers wrongly must not win by being quick about it.
func TestJudgeRefusesFailedRequests(t *testing.T) {
	sum, from, to := slice()
	sum.Requests.OK--
	if _, _, err := judge(sum, from, to); err == nil {
		t.Error("a slice with a failed request was accepted")
	}
	if _, _, err := judge(loadgen.Summary{}, from, to); err == nil {
		t.Error("a slice without a reply was accepted")
	}
}

func TestSummariseCancelsTheSpeedOfTheMachine(t *testing.T) {
	var rounds []Round
	for i := range 12 {
		speed := 1 + float64(i%2)/2 // the machine's two speed states
		rounds = append(rounds, Round{
			NormA: 0.9, NormB: 1, PlainA: 0.9e-6 * speed, PlainB: 1e-6 * speed, TotalA: 1.9, TotalB: 2,
			RateA: 10 / speed, RateB: 8 / speed, P99A: 1, P99B: 1,
		})
	}
	res := summarise(Side{}, Side{}, Workload{}, Options{}, rounds)
	near(t, "norm", res.Norm.Value, 0.9)
	near(t, "plain", res.Plain.Value, 0.9)
	near(t, "plain, upper end", res.Plain.Hi, 0.9)
	near(t, "rate", res.Rate.Value, 1.25)
	if res.Norm.N != 12 || res.Norm.Confidence < level {
		t.Errorf("norm has %d rounds at %g, want 12 at %g or more", res.Norm.N, res.Norm.Confidence, level)
	}
}

func TestHeldLooksAtTheRatioThatIsJudged(t *testing.T) {
	var r Result
	r.Norm.Value, r.Plain.Value, r.Rate.Value = 0.9, 1.4, 1.2
	for _, c := range []struct {
		by    string
		limit float64
		want  bool
	}{
		{ByNorm, 0.95, true},
		{ByNorm, 0.85, false},
		{ByPlain, 1.5, true},
		{ByPlain, 1.3, false},
		{ByRate, 1.1, true},
		{ByRate, 1.3, false}, // a rate is judged from below
	} {
		r.Judged = c.by
		if got := r.Held(c.limit); got != c.want {
			t.Errorf("%s against %g: held is %v, want %v", c.by, c.limit, got, c.want)
		}
	}
}

func TestSideOf(t *testing.T) {
	for name, want := range map[string]Side{
		"reactor":           {Program: "bin/netserve", Model: "reactor"},
		"floor-epoll":       {Program: "bin/floor-epoll", Model: "floor-epoll"},
		"../old/bin:gnet":   {Program: "../old/bin/netserve", Model: "gnet"},
		"/tmp/a:b/bin:gnet": {Program: "/tmp/a:b/bin/netserve", Model: "gnet"},
	} {
		got := SideOf(name, "bin")
		if got.Program != want.Program || got.Model != want.Model || got.Name != name {
			t.Errorf("SideOf(%q) = %+v, want program %s and model %s", name, got, want.Program, want.Model)
		}
	}
}

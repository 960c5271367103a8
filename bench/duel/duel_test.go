package duel

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"iomodels/bench/slice"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

// A slice: 300 ms, of which the server ran 120 ms and the generator 150 ms.
func turn() slice.Turn {
	var t slice.Turn
	t.Summary.RatePerS = 10_000
	t.Summary.Requests.Sent, t.Summary.Requests.OK, t.Summary.Requests.InFlight = 3010, 3000, 10
	t.ServerS, t.ClientS, t.P99 = 0.120, 0.150, int64(2*time.Millisecond)
	return t
}

func TestJudge(t *testing.T) {
	f, err := judge(turn())
	if err != nil {
		t.Fatal(err)
	}
	near(t, "norm", f.norm, 0.8)
	near(t, "server CPU per request", f.plain, 0.120/3000)
	near(t, "total CPU per request", f.total, 0.270/3000)
	near(t, "p99", f.p99, 0.002)
	near(t, "rate", f.rate, 10_000)
}

// A server that answers wrongly must not win by being quick about it.
func TestJudgeRefusesFailedRequests(t *testing.T) {
	bad := turn()
	bad.Summary.Requests.OK--
	if _, err := judge(bad); err == nil {
		t.Error("a slice with a failed request was accepted")
	}
	bad.Summary.Requests.OK, bad.Summary.Requests.InFlight = 0, bad.Summary.Requests.Sent
	if _, err := judge(bad); err == nil {
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
		"reactor":             {Program: "bin/netserve", Model: "reactor"},
		"floor-epoll":         {Program: "bin/floor-epoll", Model: "floor-epoll"},
		"../old/bin:gnet":     {Program: "../old/bin/netserve", Model: "gnet"},
		"/tmp/a:b/bin:gnet":   {Program: "/tmp/a:b/bin/netserve", Model: "gnet"},
		"proactor:-multishot": {Program: "bin/netserve", Model: "proactor", Args: []string{"--without", "multishot"}},
		"../old/bin:p:-a,b":   {Program: "../old/bin/netserve", Model: "p", Args: []string{"--without", "a,b"}},
	} {
		got := SideOf(name, "bin")
		if want.Name = name; !reflect.DeepEqual(got, want) {
			t.Errorf("SideOf(%q) = %+v, want %+v", name, got, want)
		}
	}
}

// Every pair is told from every other by its text, or --only could not choose it.
func TestPairsAreTold(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Pairs() {
		if seen[p.String()] {
			t.Errorf("two pairs are %q", p)
		}
		seen[p.String()] = true
		if (p.Must == 0) != (p.Goal == 0) || (p.Judged != ByRate && p.Goal > p.Must) || (p.Judged == ByRate && p.Goal < p.Must) {
			t.Errorf("%s: must %g, goal %g", p, p.Must, p.Goal)
		}
	}
}

func TestStoreKeepsTheLatestOfAPair(t *testing.T) {
	path := filepath.Join(t.TempDir(), "duels.jsonl")
	first, second := Pairs()[0], Pairs()[1]
	result := func(p Pair, rounds int) Result {
		return Result{A: Side{Name: p.A}, B: Side{Name: p.B}, Load: p.Load, Rounds: rounds}
	}
	for _, r := range []Result{result(first, 6), result(second, 6), result(first, 12)} {
		if err := Keep(path, r); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := Kept(path)
	if err != nil || len(kept) != 2 || kept[0].Rounds != 12 || !kept[1].Of(second) {
		t.Errorf("kept %+v, %v; want the later result of the first pair in the earlier's place", kept, err)
	}
	if kept[0].Of(second) || Pairs()[0].In(kept, 13) || !first.In(kept, 12) {
		t.Error("a pair was taken for another, or for one of more rounds")
	}
	if kept, err = Kept(filepath.Join(t.TempDir(), "none")); err != nil || kept != nil {
		t.Errorf("no file: %v, %v", kept, err)
	}
	if err := os.WriteFile(path, []byte("{\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Keep(path, result(first, 1)); err == nil {
		t.Error("results that cannot be read were overwritten")
	}
}

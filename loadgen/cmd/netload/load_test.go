package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"iomodels/loadgen"
)

func TestBadLoads(t *testing.T) {
	for want, args := range map[string][]string{
		"--steps and --rate exclude":    {"--steps", "1k,2k", "--rate", "5k"},
		`"many": want a number`:         {"--steps", "1k,many"},
		"--steps has a rate of 0":       {"--steps", "1k,0"},
		"--slo and --steps exclude":     {"--slo", "p99<5ms", "--steps", "1k,2k"},
		`--slo is "p98<5ms"`:            {"--slo", "p98<5ms"},
		`--slo is "fast"`:               {"--slo", "fast"},
		"too few samples for p99.99":    {"--slo", "p99.99<5ms", "--rate", "10"},
		`--late is "never"`:             {"--late", "never", "--rate", "5k"},
		"--late skip needs --rate":      {"--late", "skip"},
		`--choice is "best"`:            {"--choice", "best", "--rate", "5k"},
		"--choice pinned needs --rate":  {"--choice", "pinned"},
		"want burst:N with N of 1 or m": {"--arrival", "burst:x", "--rate", "5k"},
	} {
		r := netload(t, append([]string{"--addr", "127.0.0.1:1"}, args...)...)
		if r.code != exitUsage || r.stdout != "" || !strings.Contains(r.stderr, want) {
			t.Errorf("%q: exit %d, want a word about %s: %q", args, r.code, want, r.stderr)
		}
	}
}

// TestStepsHaveRows: each rate has its row in the table and its entry in the JSON.
func TestStepsHaveRows(t *testing.T) {
	addr := server(t, echoes)
	args := []string{"--addr", addr, "--conns", "4", "--steps", "200,1k", "--duration", "400ms", "--late", "send"}
	r := netload(t, args...)
	for _, want := range []string{
		"2 offered rates of 200ms each, constant, any-idle, late ones: send", "offered per second",
		"| 200 |", "| 1,000 |", "Little's law, ",
	} {
		cells := strings.Join(strings.Fields(r.stdout), " | ")
		if !strings.Contains(r.stdout, want) && !strings.Contains(cells, want) {
			t.Errorf("exit %d, no %q in\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	var s loadgen.Summary
	if err := json.Unmarshal([]byte(netload(t, append(args, "--json")...).stdout), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Steps) != 2 || s.Steps[0].Requests.Scheduled != 40 || s.Steps[1].Requests.Scheduled != 200 ||
		!slices.Equal(s.Plan.Steps, []float64{200, 1000}) || s.Plan.Late != loadgen.LateSend {
		t.Errorf("plan %+v, steps %+v", s.Plan, s.Steps)
	}
}

// TestUnmetObjectiveHasAnExitCode: nobody answers within a nanosecond.
func TestUnmetObjectiveHasAnExitCode(t *testing.T) {
	addr := server(t, echoes)
	args := []string{"--addr", addr, "--conns", "4", "--slo", "p50<1ns", "--duration", "200ms"}
	r := netload(t, args...)
	if r.code != exitMissed || !strings.Contains(r.stdout, "does not hold at the lowest rate") ||
		!strings.Contains(r.stdout, "missed:") || !strings.Contains(r.stderr, "missed:") {
		t.Errorf("exit %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
	r = netload(t, append(args, "--json")...)
	var s loadgen.Summary
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || r.code != exitMissed {
		t.Fatalf("exit %d, %v: %s", r.code, err, r.stdout)
	}
	if s.Search == nil || s.Search.Kept || len(s.Search.Probes) == 0 || s.Search.Objective != "p50<1ns" {
		t.Errorf("%+v", s.Search)
	}
}

func TestSearchTable(t *testing.T) {
	var out strings.Builder
	err := writeSearch(&out, &loadgen.Search{
		Objective: "p99<5ms", Kept: true, RatePerS: 1600, Limit: "p99 is 6ms", Probes: []loadgen.Probe{
			{Offered: 400, RatePerS: 400, Percentile: 1e6, Kept: true},
			{Offered: 6400, RatePerS: 5000, Percentile: 6e6, Why: "p99 is 6ms"},
			{Offered: 1600, RatePerS: 1600, Percentile: 4e6, Kept: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := out.String()
	first, second, third := strings.Index(text, "400 "), strings.Index(text, "1,600"), strings.Index(text, "6,400")
	if first < 0 || second < first || third < second || !strings.Contains(text, "missed: p99 is 6ms") ||
		!strings.Contains(text, "p99<5ms holds up to 1,600 requests per second (3 probes)") {
		t.Error(text)
	}
}

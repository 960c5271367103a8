package loadgen

import (
	"slices"
	"strings"
	"testing"
	"time"

	"iomodels/loadgen/pace"
)

// flawless are the facts of a run that nothing speaks against.
func flawless(rate float64) facts {
	arrival := ArrivalClosed
	if rate > 0 {
		arrival = ArrivalConstant
	}
	s := Summary{
		Plan: Plan{
			Proto: "echo", Size: 10, Rate: rate, Arrival: arrival, Duration: 10 * time.Second,
			Loops: 1,
		},
		ElapsedS: 10,
		Requests: Requests{Scheduled: 10_000, Sent: 10_000, OK: 10_000, Errors: map[string]uint64{}},
		Response: Latency{Count: 10_000, P50: 100_000, P99: 400_000},
		Service:  Latency{Count: 10_000, P50: 100_000, P99: 400_000},
		Totals:   Totals{OK: 10_000, BytesIn: 100_000, BytesOut: 100_000},
		Little:   Little{InFlight: 10, RateXTime: 10},
	}
	return facts{Summary: s, inTime: 10_000, lossless: true}
}

func TestFlawlessRunsAreValid(t *testing.T) {
	for _, rate := range []float64{0, 1000} {
		if v := judge(flawless(rate)); v.level != Valid || v.cost != Valid || len(v.reasons) != 0 {
			t.Errorf("rate %v: %+v", rate, v)
		}
	}
}

// TestVerdicts spoils one fact at a time: each must be named, and weigh as much as it should.
func TestVerdicts(t *testing.T) {
	ms := int64(time.Millisecond)
	for _, c := range []struct {
		says, level string
		open        bool
		spoil       func(*facts)
	}{
		{"scheduled, but", Invalid, false, func(f *facts) { f.Requests.Scheduled++ }},
		{"accounted for", Invalid, false, func(f *facts) { f.Requests.InFlight++ }},
		{"latencies are missing", Invalid, false, func(f *facts) { f.Response.Count-- }},
		{"bytes are missing", Invalid, false, func(f *facts) { f.Totals.BytesIn-- }},
		{"above the histogram's range", Suspect, false, func(f *facts) { f.over = 1 }},
		{"Little's law", Suspect, false, func(f *facts) { f.Little.RateXTime, f.Little.ResidualPct = 8, 20 }},
		{"went away", Invalid, false, func(f *facts) { f.gone = true }},
		{"interrupted", Suspect, false, func(f *facts) { f.Interrupted = true }},
		{"no request was answered", Invalid, false, func(f *facts) {
			f.Requests.OK, f.Requests.Timeouts = 0, 10_000
		}},
		{"1 of 10000 requests failed (eof 1)", Suspect, false, func(f *facts) {
			f.Requests.OK, f.Requests.Errors["eof"], f.Response.Count, f.lossless = 9999, 1, 9999, false
		}},
		{"200 of 10000 requests failed (timeout 200)", Invalid, false, func(f *facts) {
			f.Requests.OK, f.Requests.Timeouts = 9800, 200
		}},
		{"only 7 of 9 connections", Invalid, false, func(f *facts) {
			f.short, f.held, f.Connections.Target = true, 7, 9
		}},
		{"closed 3 connections", Suspect, false, func(f *facts) { f.Connections.ClosedByPeer = 3 }},
		{"connects failed (ports 2)", Suspect, false, func(f *facts) {
			f.Connections.Failed = map[string]uint64{"ports": 2}
		}},
		{"SYNs were sent again", Suspect, false, func(f *facts) {
			f.Network.SynRetransmits, f.Connect.Max = 5, 1008*ms
		}},
		{"the plan has 10000", Invalid, true, func(f *facts) {
			f.Requests.Scheduled, f.Requests.Sent, f.Requests.OK, f.Response.Count = 9990, 9990, 9990, 9990
		}},
		{"was late", Suspect, true, func(f *facts) { f.Generator.LateP99 = ms / 4 }},
		{"was late", Invalid, true, func(f *facts) { f.Generator.LateP99 = 2 * ms }},
		{"stood still once", Suspect, true, func(f *facts) { f.Generator.LateMax = 200 * ms }},
		{"offered rate was not kept", Suspect, true, func(f *facts) { f.inTime = 9000 }},
		{"generator-bound", Suspect, false, func(f *facts) { f.Generator.LoopCPUPct = 99 }},
		{"waited for a processor", Suspect, false, func(f *facts) { f.Generator.RunDelayPct = 20 }},
		{"hypervisor", Suspect, false, func(f *facts) { f.Generator.StealS = 0.5 }},
		{"garbage", Suspect, false, func(f *facts) { f.Generator.GCs, f.Generator.GCPauseS = 3, 0.1 }},
	} {
		t.Run(c.says+", "+c.level, func(t *testing.T) {
			f := flawless(map[bool]float64{true: 1000}[c.open])
			c.spoil(&f)
			v := judge(f)
			named := slices.ContainsFunc(v.reasons, func(r string) bool { return strings.Contains(r, c.says) })
			if v.level != c.level || !named {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestClosedLoopHasNoLag(t *testing.T) {
	f := flawless(0)
	f.Generator.LateP99, f.Generator.LateMax, f.inTime = int64(time.Second), int64(time.Second), 0
	if v := judge(f); v.level != Valid {
		t.Errorf("%+v", v)
	}
}

// TestWaitingSpoilsSpeedAndNotCost: on one processor for both, the loop always waits; what a
// reply cost can be trusted all the same. A failed request spoils both.
func TestWaitingSpoilsSpeedAndNotCost(t *testing.T) {
	f := flawless(0)
	f.Generator.RunDelayPct, f.Plan.SharedCPU = 50, true
	v := judge(f)
	if v.level != Suspect || v.cost != Valid || !strings.Contains(v.reasons[0], "on purpose") {
		t.Errorf("%+v", v)
	}
	f = flawless(1000)
	f.Generator.LateP99 = int64(time.Second)
	if v := judge(f); v.level != Invalid || v.cost != Valid {
		t.Errorf("%+v", v)
	}
	f.Requests.OK, f.Requests.Timeouts = 9999, 1
	if v := judge(f); v.level != Invalid || v.cost != Suspect {
		t.Errorf("%+v", v)
	}
}

func TestMix(t *testing.T) {
	m, err := Plan{Mix: "/:97,/bytes/1000:2,/a:b:1", Seed: 3}.mix()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"/", "/bytes/1000", "/a:b"}; !slices.Equal(m.paths, want) {
		t.Errorf("paths %q, want %q", m.paths, want)
	}
	const n = 100_000
	var counts [3]int
	var whole, parts []uint8
	choose := m.chooser(3, share(0, 1))
	for i := range uint64(n) {
		counts[choose(i)]++
		whole = append(whole, choose(i))
	}
	for i, want := range []float64{0.97, 0.02, 0.01} {
		if got := float64(counts[i]) / n; !near(got, want, 0.003) {
			t.Errorf("%s is %v of the requests, want %v", m.paths[i], got, want)
		}
	}
	for i := range uint64(n / 2) { // two loops together send the very same requests
		parts = append(parts, m.chooser(3, share(0, 2))(i), m.chooser(3, share(1, 2))(i))
	}
	if !slices.Equal(whole, parts) {
		t.Error("two loops choose other requests than one")
	}
	for _, bad := range []string{
		"/", "/:", "/:x", ":5", "/:0", "/:-1", "/:1,",
		strings.Repeat("/:1,", 40) + "/:1",
	} {
		if _, err := (Plan{Mix: bad}).mix(); err == nil || !strings.Contains(err.Error(), "--mix") {
			t.Errorf("mix %q: %v", bad, err)
		}
	}
}

func share(loop, loops int) pace.Share { return pace.Share{Loop: loop, Loops: loops} }

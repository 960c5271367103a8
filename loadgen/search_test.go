package loadgen

import (
	"context"
	"math"
	"net"
	"strings"
	"testing"
	"time"
)

// capacity is a server by arithmetic: the p99 of an M/M/1 queue of so many requests per second.
func capacity(perSecond float64) runner {
	return func(_ context.Context, p Plan, opt RunOptions) (Summary, error) {
		n := uint64(p.Rate * p.Duration.Seconds())
		s := Summary{
			Plan: p, Verdict: Valid, RatePerS: p.Rate, WindowOK: n, Requests: Requests{Scheduled: n},
			Response: Latency{Count: n, P99: math.MaxInt64},
		}
		if p.Rate < perSecond {
			s.Response.P99 = int64(-math.Log(0.01) / (perSecond - p.Rate) * 1e9)
		}
		opt.Histograms(Histograms{})
		return s, nil
	}
}

func find(t *testing.T, p Plan, slo string, run runner) Summary {
	t.Helper()
	o, err := ParseObjective(slo)
	if err != nil {
		t.Fatal(err)
	}
	p.Addr = "127.0.0.1:1"
	s, err := findRate(t.Context(), p, o, RunOptions{}, nil, run)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSearchFindsTheRate: 4.6/(mu - lambda) < 5 ms holds up to mu - 921.
func TestSearchFindsTheRate(t *testing.T) {
	for _, mu := range []float64{1200, 5000, 123_456, 2_000_000} {
		s := find(t, Plan{}, "p99<5ms", capacity(mu))
		truth := mu + math.Log(0.01)/0.005
		if got := s.Search.RatePerS; !s.Search.Kept || got > truth || got < truth/closeEnough {
			t.Errorf("capacity %v: found %v, the truth is %v", mu, got, truth)
		}
		if n := len(s.Search.Probes); n > maxProbes || s.Plan.Rate != s.Search.RatePerS {
			t.Errorf("%d probes; the summary is of %v/s", n, s.Plan.Rate)
		}
		if !strings.Contains(s.Search.Limit, "p99 is") {
			t.Errorf("limit %q", s.Search.Limit)
		}
	}
}

func TestSearchSaysThatTheLowestRateIsTooHigh(t *testing.T) {
	s := find(t, Plan{Rate: 2000}, "p99<5ms", capacity(2100))
	if s.Search.Kept || s.Search.RatePerS != 0 || len(s.Search.Probes) != 1 || s.Search.Limit == "" {
		t.Errorf("%+v", s.Search)
	}
	if s.Plan.Rate != 2000 {
		t.Errorf("the summary is of %v/s", s.Plan.Rate)
	}
}

// TestSearchEnds: a server without a limit must not be probed for ever.
func TestSearchEnds(t *testing.T) {
	s := find(t, Plan{}, "p99<5ms", capacity(math.Inf(1)))
	if n := len(s.Search.Probes); n != maxProbes || !s.Search.Kept {
		t.Errorf("%d probes, kept %v", n, s.Search.Kept)
	}
}

// TestSearchTriesAgainWhereItLearntNothing: a generator that was late says nothing of the server.
func TestSearchTriesAgainWhereItLearntNothing(t *testing.T) {
	for bad, kept := range map[int]bool{0: true, 2: true, 3: false} {
		n := 0
		s := find(t, Plan{}, "p99<5ms", func(ctx context.Context, p Plan, opt RunOptions) (Summary, error) {
			s, err := capacity(5000)(ctx, p, opt)
			if n++; n <= bad {
				s.Verdict, s.Cost, s.Response.P99 = Invalid, Valid, math.MaxInt64
			}
			return s, err
		})
		if s.Search.Kept != kept || kept && s.Search.Probes[bad].Offered != s.Search.Probes[0].Offered {
			t.Errorf("%d bad probes: %+v", bad, s.Search)
		}
	}
}

func TestSearchBeginsWithEnoughSamples(t *testing.T) {
	o := Objective{Percentile: "p99_9", Q: 0.999, Limit: time.Second}
	p, err := Plan{Addr: "127.0.0.1:1"}.forSearch(o)
	if err != nil || p.Rate < 566 || p.Rate > 700 { // 5,662 samples in 10 s
		t.Errorf("begins at %v/s: %v", p.Rate, err)
	}
	if _, err := (Plan{Addr: "127.0.0.1:1", Rate: 100}).forSearch(o); err == nil ||
		!strings.Contains(err.Error(), "too few samples") {
		t.Errorf("a rate with too few samples: %v", err)
	}
	if _, err := (Plan{Addr: "127.0.0.1:1", Steps: []float64{1}}).forSearch(o); err == nil {
		t.Error("a search with steps")
	}
}

func TestProbesThatDoNotKeepTheObjective(t *testing.T) {
	o := Objective{Percentile: "p99", Q: 0.99, Limit: 5 * time.Millisecond}
	for want, spoil := range map[string]func(*Summary){
		"":                nil,
		"interrupted":     func(s *Summary) { s.Interrupted = true },
		"invalid: late":   func(s *Summary) { s.Cost, s.Reasons = Invalid, []string{"late"} },
		"too few samples": func(s *Summary) { s.Response.Marked = []string{"p99"} },
		"in its own way":  func(s *Summary) { s.Verdict, s.Response.P99 = Invalid, 1e9 },
		"p99 is 5ms":      func(s *Summary) { s.Response.P99 = int64(5 * time.Millisecond) },
		"only 90 were":    func(s *Summary) { s.WindowOK = 90 },
	} {
		s := Summary{Verdict: Valid, WindowOK: 100, Requests: Requests{Scheduled: 100}}
		if spoil != nil {
			spoil(&s)
		}
		if p := o.judge(100, s); p.Kept != (want == "") || !strings.Contains(p.Why, want) {
			t.Errorf("%q: %+v", want, p)
		}
	}
}

func TestObjectives(t *testing.T) {
	for text, want := range map[string]Objective{
		"p99<5ms":       {"p99", 0.99, 5 * time.Millisecond},
		"p99.9 <= 1s":   {"p99_9", 0.999, time.Second},
		"p50<250us":     {"p50", 0.5, 250 * time.Microsecond},
		"p99.99<1m0.5s": {"p99_99", 0.9999, 60500 * time.Millisecond},
	} {
		got, err := ParseObjective(text)
		again, errAgain := ParseObjective(got.String())
		if err != nil || got != want || errAgain != nil || again != got {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "p99", "p99<", "p99<5", "p98<5ms", "99<5ms", "p99>5ms", "p99<-1s"} {
		if _, err := ParseObjective(text); err == nil || !strings.Contains(err.Error(), "--slo") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestSearchDrivesRealLoads: the whole way once, against a server that can do some 100/s.
func TestSearchDrivesRealLoads(t *testing.T) {
	srv := serve(t, echoRule(64, func(c *net.TCPConn, i int64, request []byte) bool {
		time.Sleep(20 * time.Millisecond)
		return returns(c, i, request)
	}))
	o, err := ParseObjective("p50<100ms")
	if err != nil {
		t.Fatal(err)
	}
	p := quick(srv, "epoll")
	p.Conns, p.Timeout = 4, 300*time.Millisecond
	probes := 0
	s, err := FindRate(t.Context(), p, o, RunOptions{}, func(Probe) { probes++ })
	if err != nil {
		t.Fatal(err)
	}
	if s.Search == nil || probes != len(s.Search.Probes) || s.Search.RatePerS > 300 {
		t.Errorf("%+v", s.Search)
	}
}

package loadgen

import (
	"math"
	"net"
	"slices"
	"testing"
	"time"
)

// TestStepsAreCountedApart: each offered rate has its requests, exactly, and the steps together
// are the whole.
func TestStepsAreCountedApart(t *testing.T) {
	srv := serve(t, httpRule(says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")))
	p := quick(srv, "epoll")
	p.Proto, p.Mix, p.Loops = "http", "/a:1,/b:1", 2
	p.Steps, p.Warmup, p.Duration = []float64{200, 1000, 500}, 100*time.Millisecond, 600*time.Millisecond
	s := carryOut(t, p)
	if len(s.Steps) != 3 || s.Plan.Arrival != ArrivalConstant {
		t.Fatalf("%d steps, arrival %s", len(s.Steps), s.Plan.Arrival)
	}
	var scheduled, ok, samples uint64
	for i, want := range []float64{40, 200, 100} {
		step := s.Steps[i]
		if got := float64(step.Requests.Scheduled); math.Abs(got-want) > 2 || step.Offered != p.Steps[i] {
			t.Errorf("step %d: %v requests at %v/s, want %v", i, got, step.Offered, want)
		}
		r := step.Requests
		if step.Service.Count != r.OK || step.Response.Count != r.OK+r.Timeouts+r.InFlight+r.Unsent {
			t.Errorf("step %d: %d and %d samples of %+v", i, step.Service.Count, step.Response.Count, r)
		}
		scheduled, ok = scheduled+step.Requests.Scheduled, ok+step.Requests.OK
		samples += step.Service.Count
	}
	if scheduled != s.Requests.Scheduled || ok != s.Requests.OK || samples != s.Service.Count {
		t.Errorf("the steps have %d, %d ok, %d samples; the whole %+v, %d samples", scheduled, ok, samples,
			s.Requests, s.Service.Count)
	}
	if n := s.Kinds[0].Service.Count + s.Kinds[1].Service.Count; n != s.Service.Count {
		t.Errorf("the kinds have %d samples, the whole has %d", n, s.Service.Count)
	}
}

// TestSlowStepShowsInItsRow: a stall in one step leaves the percentiles of the other alone.
func TestSlowStepShowsInItsRow(t *testing.T) {
	const first, slow = 30, 200 * time.Millisecond // so many requests are due in the first step
	srv := serve(t, echoRule(64, func(c *net.TCPConn, i int64, request []byte) bool {
		if i >= first {
			time.Sleep(slow)
		}
		return returns(c, i, request)
	}))
	p := quick(srv, "epoll")
	p.Conns, p.Steps, p.Duration = 64, []float64{100, 100}, 600*time.Millisecond
	s := carryOut(t, p)
	before, after := s.Steps[0].Service.P50, s.Steps[1].Service.P50
	if before >= int64(slow) || after < int64(slow) {
		t.Errorf("median service %d and %d ns", before, after)
	}
}

// TestLostRequestsBoundTheirStep: percentiles of a step that lost requests are lower bounds.
func TestLostRequestsBoundTheirStep(t *testing.T) {
	srv := serve(t, echoRule(64, func(c *net.TCPConn, i int64, request []byte) bool {
		return i >= 30 || returns(c, i, request) // silent from the second step on
	}))
	p := quick(srv, "epoll")
	p.Conns, p.Steps, p.Duration, p.Timeout = 64, []float64{100, 100}, 600*time.Millisecond, 400*time.Millisecond
	s := carryOut(t, p)
	if last := s.Steps[1].Response; last.Censored == 0 || !slices.Contains(last.Bounds, "p99") {
		t.Errorf("%d censored samples, bounds %q", last.Censored, last.Bounds)
	}
}

// TestLatePolicy: with one slow connection most requests are late. Sent late, they are counted
// as late; skipped, as unsent. Their users waited either way.
func TestLatePolicy(t *testing.T) {
	for _, choice := range []string{ChoiceAnyIdle, ChoicePinned} {
		for _, late := range []string{LateSend, LateSkip} {
			t.Run(choice+", "+late, func(t *testing.T) {
				srv := serve(t, echoRule(64, func(c *net.TCPConn, i int64, request []byte) bool {
					time.Sleep(20 * time.Millisecond)
					return returns(c, i, request)
				}))
				p := quick(srv, "epoll")
				p.Conns, p.Rate, p.Late, p.Choice, p.Timeout = 1, 200, late, choice, 20*time.Second
				s := carryOut(t, p)
				if s.Plan.Late != late || s.Requests.Scheduled != s.Requests.Sent+s.Requests.Unsent {
					t.Errorf("late %s: %+v", s.Plan.Late, s.Requests)
				}
				if late == LateSend && (s.Requests.Late == 0 || s.Requests.Unsent > 0) {
					t.Errorf("sent late: %+v", s.Requests)
				}
				if late == LateSkip && (s.Requests.Unsent < s.Requests.Scheduled/2 || s.Lag.Max > int64(2*lateAfter) ||
					s.Response.Censored != s.Requests.Unsent || s.Verdict == Valid) {
					t.Errorf("skipped: %+v, lag %d, %d censored, %s", s.Requests, s.Lag.Max, s.Response.Censored,
						s.Verdict)
				}
			})
		}
	}
}

// TestBurstsGoOutTogether: a burst of n requests is n requests due at one time.
func TestBurstsGoOutTogether(t *testing.T) {
	srv := serve(t, echoes)
	p := quick(srv, "epoll")
	p.Conns, p.Rate, p.Arrival, p.Timeout = 32, 500, "burst:50", 20*time.Second
	s := carryOut(t, p)
	if n := s.Requests.Scheduled; n%50 != 0 || n == 0 || s.Requests.OK != n {
		t.Errorf("%+v: want whole bursts of 50", s.Requests)
	}
}

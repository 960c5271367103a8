package loadgen

import (
	"context"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLoads(t *testing.T) { onEveryEngine(t, testLoads) }

func testLoads(t *testing.T, engine string) {
	echo := serve(t, echoes)
	web := serve(t, httpRule(says(helloReply)))
	for name, p := range map[string]Plan{
		"closed":                  {},
		"closed, pipelined":       {Pipeline: 8},
		"closed, two loops":       {Conns: 5, Loops: 2},
		"closed, large":           {Size: 300_000},
		"closed, one byte":        {Size: 1},
		"closed, idle ones":       {Idle: 20},
		"closed, churn":           {RequestsPerConn: 3},
		"closed, pipelined churn": {Pipeline: 4, RequestsPerConn: 10},
		"http":                    {Proto: "http"},
		"http, pipelined":         {Proto: "http", Pipeline: 5},
		"constant":                {Rate: 2000},
		"constant, pipelined":     {Rate: 2000, Pipeline: 3},
		"constant, two loops":     {Rate: 2000, Loops: 2},
		"constant, large":         {Rate: 100, Size: 300_000},
		"poisson":                 {Rate: 2000, Arrival: ArrivalPoisson},
		"burst":                   {Rate: 2000, Arrival: "burst:20"},
		"pinned":                  {Rate: 2000, Choice: ChoicePinned},
		"pinned, two loops":       {Rate: 2000, Choice: ChoicePinned, Loops: 2},
		"constant, churn":         {Rate: 2000, RequestsPerConn: 7},
		"http, mix":               {Proto: "http", Mix: "/:3,/other:1", Rate: 2000},
		"http, mix, closed":       {Proto: "http", Mix: "/:3,/other:1", Pipeline: 4},
		"spinning":                {Rate: 2000, Spin: SpinOn},
		"http, constant":          {Proto: "http", Rate: 2000},
	} {
		t.Run(name, func(t *testing.T) {
			p.Addr, p.Duration, p.Warmup = echo.addr(), 100*time.Millisecond, 50*time.Millisecond
			p.Engine = engine
			if p.Proto == "http" {
				p.Addr = web.addr()
			}
			setDefault(&p.Conns, 4)
			s := carryOut(t, p)
			if s.Requests.OK == 0 || s.Requests.OK != s.Requests.Scheduled || s.WarmupOK == 0 {
				t.Errorf("%+v, warm-up %d", s.Requests, s.WarmupOK)
			}
			if s.Connections.Peak != p.Conns+p.Idle || len(s.Connections.Failed) > 0 ||
				s.Connections.ClosedByPeer > 0 {
				t.Errorf("connections %+v", s.Connections)
			}
			for _, reason := range s.Reasons { // a busy machine may make the generator late, and it says so
				if strings.Contains(reason, "missing") || strings.Contains(reason, "failed") {
					t.Errorf("verdict %s: %s", s.Verdict, reason)
				}
			}
			if p.Proto == "" { // an echo's bytes are its messages, both ways
				size := uint64(max(p.Size, 1))
				if p.Size == 0 {
					size = 64
				}
				if s.Totals.BytesIn != s.Totals.OK*size || s.Totals.BytesOut != s.Totals.OK*size {
					t.Errorf("%d in, %d out, for %d messages of %d bytes", s.Totals.BytesIn,
						s.Totals.BytesOut, s.Totals.OK, size)
				}
			}
			if p.Mix != "" {
				n := s.Kinds[0].Service.Count + s.Kinds[1].Service.Count
				if len(s.Kinds) != 2 || n != s.Requests.OK {
					t.Errorf("%d requests of %d kinds", n, len(s.Kinds))
				}
			}
			if places := float64(p.Conns * max(p.Pipeline, 1)); s.Little.InFlight > places {
				t.Errorf("%v requests in flight on average, on %v places", s.Little.InFlight, places)
			}
			due := float64(s.Requests.Scheduled)
			if s.Plan.Arrival == ArrivalConstant && !near(due, p.Rate*0.1, 1) {
				t.Errorf("%v requests scheduled in 0.1 s at %v/s", due, p.Rate)
			}
		})
	}
}

func near(got, want, tolerance float64) bool { return got >= want-tolerance && got <= want+tolerance }

func TestChurnOpensExactlyAsManyConnections(t *testing.T) {
	onEveryEngine(t, testChurnOpensExactlyAsManyConnections)
}

func testChurnOpensExactlyAsManyConnections(t *testing.T, engine string) {
	srv := serve(t, echoes)
	p := quick(srv, engine)
	p.RequestsPerConn, p.Rate = 10, 5000
	s := carryOut(t, p)
	// Each connection carries ten requests, but for the last one of each place.
	least := s.Totals.OK / 10
	if s.Connections.Opened < least || s.Connections.Opened > least+2*uint64(p.Conns) {
		t.Errorf("%d connections for %d requests", s.Connections.Opened, s.Totals.OK)
	}
	if got := uint64(srv.accepted.Load()); got != s.Connections.Opened {
		t.Errorf("opened %d connections, the server accepted %d", s.Connections.Opened, got)
	}
	if s.Connect.Count != s.Connections.Opened {
		t.Errorf("%d connect times for %d connections", s.Connect.Count, s.Connections.Opened)
	}
}

// TestServerThatClosesAfterEachReply: that is its right, and no request is lost by it.
func TestServerThatClosesAfterEachReply(t *testing.T) { onEveryEngine(t, testServerThatCloses) }

func testServerThatCloses(t *testing.T, engine string) {
	for name, reply := range map[string]string{
		"announced": "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 13\r\n\r\nHello, World!",
		"HTTP/1.0":  "HTTP/1.0 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!",
		"no length": "HTTP/1.1 200 OK\r\n\r\nHello, World!",
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, httpRule(thenCloses(reply)))
			p := quick(srv, engine)
			p.Proto, p.Rate = "http", 500
			s := carryOut(t, p)
			if s.Requests.OK != s.Requests.Scheduled || s.Connections.ClosedByPeer != s.Totals.OK {
				t.Errorf("%+v, %+v", s.Requests, s.Connections)
			}
		})
	}
}

func TestLittlesLawHolds(t *testing.T) {
	srv := serve(t, echoRule(64, func(c *net.TCPConn, i int64, request []byte) bool {
		time.Sleep(2 * time.Millisecond)
		return returns(c, i, request)
	}))
	p := quick(srv, "epoll")
	p.Duration, p.Warmup = 500*time.Millisecond, 100*time.Millisecond
	s := carryOut(t, p)
	if !near(s.Little.InFlight, 4, 0.4) || !near(s.Little.RateXTime, s.Little.InFlight, 0.4) {
		t.Errorf("%+v", s.Little)
	}
}

func TestStallIsFeltByEveryRequestDueMeanwhile(t *testing.T) {
	const stall = 300 * time.Millisecond
	srv := serve(t, echoRule(64, func(c *net.TCPConn, i int64, request []byte) bool {
		if i == 50 {
			time.Sleep(stall) // the server's one connection stands still
		}
		return returns(c, i, request)
	}))
	p := quick(srv, "epoll")
	p.Conns, p.Duration = 1, time.Second
	closed := carryOut(t, p)
	srv.served.Store(0)
	p.Rate = 500
	open := carryOut(t, p)
	if closed.Service.Max < int64(stall) || closed.Response.P99 > int64(stall)/2 {
		t.Errorf("closed loop: max %d, p99 %d", closed.Service.Max, closed.Response.P99)
	}
	// 150 of 500 requests became due in the stall, so a fifth waited for a third of it or more.
	if open.Response.P90 < int64(stall)/3 || open.Service.P90 > int64(stall)/3 {
		t.Errorf("open loop: response p90 %d, service p90 %d", open.Response.P90, open.Service.P90)
	}
}

// TestChoice: behind a connection that stands still, its own users wait if requests are pinned,
// and nobody but the request in flight if any free connection may take them.
func TestChoice(t *testing.T) {
	const timeout = 400 * time.Millisecond
	waits := map[string]int64{}
	for _, choice := range []string{ChoicePinned, ChoiceAnyIdle} {
		var first atomic.Bool
		srv := serve(t, func(s *server, c *net.TCPConn) {
			if first.CompareAndSwap(false, true) {
				echoRule(64, silent)(s, c)
			}
			echoes(s, c)
		})
		p := quick(srv, "epoll")
		p.Rate, p.Choice, p.Timeout, p.Duration = 400, choice, timeout, 400*time.Millisecond
		s := carryOut(t, p)
		if s.Requests.Timeouts != 1 {
			t.Errorf("%s: %d time-outs, want 1", choice, s.Requests.Timeouts)
		}
		waits[choice] = s.Response.P90
	}
	if waits[ChoicePinned] < int64(timeout)/4 || waits[ChoiceAnyIdle] > int64(timeout)/4 {
		t.Errorf("p90 of response times: %v", waits)
	}
}

func TestOverloadIsCountedAndNotForgotten(t *testing.T) {
	srv := serve(t, echoRule(64, func(c *net.TCPConn, i int64, request []byte) bool {
		time.Sleep(20 * time.Millisecond)
		return returns(c, i, request)
	}))
	p := quick(srv, "epoll")
	p.Conns, p.Rate, p.Timeout = 2, 2000, 200*time.Millisecond
	s := carryOut(t, p)
	if s.Requests.Unsent == 0 || s.Verdict == Valid || s.Response.P99 < int64(p.Timeout) {
		t.Errorf("%+v, p99 %d, verdict %s", s.Requests, s.Response.P99, s.Verdict)
	}
}

func TestPhasesComeInOrder(t *testing.T) {
	srv := serve(t, echoes)
	p := quick(srv, "epoll")
	p.Warmup, p.Settle = 100*time.Millisecond, 50*time.Millisecond
	var events []PhaseEvent
	s, err := Run(t.Context(), p, RunOptions{Phase: func(e PhaseEvent) { events = append(events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i, e := range events {
		names = append(names, e.Phase)
		if i > 0 && (e.AtNS < events[i-1].AtNS || e.OK < events[i-1].OK) {
			t.Errorf("%+v after %+v", e, events[i-1])
		}
	}
	want := []string{PhaseConnected, PhaseWarmup, PhaseMeasure, PhaseDrain, PhaseDone}
	if !slices.Equal(names, want) {
		t.Fatalf("phases %v, want %v", names, want)
	}
	// The watcher may come late on a busy machine, and then rightly sees the first replies.
	settled := time.Duration(events[1].AtNS - events[0].AtNS)
	punctual := settled < p.Settle+time.Millisecond
	if settled < p.Settle || punctual && events[1].OK != 0 {
		t.Errorf("settled for %v with %d replies", settled, events[1].OK)
	}
	if events[4].OK != s.Totals.OK {
		t.Errorf("%d replies at the end, the summary has %d", events[4].OK, s.Totals.OK)
	}
	if s.Generator.EndNS-s.Generator.StartNS != int64(p.Duration) {
		t.Errorf("measured for %d ns", s.Generator.EndNS-s.Generator.StartNS)
	}
}

func TestIntervalsCoverTheRun(t *testing.T) {
	srv := serve(t, echoes)
	p := quick(srv, "epoll")
	p.Warmup, p.Interval, p.Duration = 100*time.Millisecond, 20*time.Millisecond, 300*time.Millisecond
	s := carryOut(t, p)
	var last float64
	phases := map[string]int{}
	for _, i := range s.Intervals {
		if i.AtS < last {
			t.Errorf("interval ends at %v, after one that ends at %v", i.AtS, last)
		}
		last = i.AtS
		phases[i.Phase]++
	}
	if phases["measure"] < 10 || phases["warmup"] < 3 {
		t.Errorf("intervals per phase: %v", phases)
	}
}

func TestServerThatDiesEndsTheRun(t *testing.T) { onEveryEngine(t, testServerThatDiesEndsTheRun) }

func testServerThatDiesEndsTheRun(t *testing.T, engine string) {
	for name, p := range map[string]Plan{"closed": {}, "open": {Rate: 1000}} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, echoes)
			p.Addr, p.Conns, p.Duration, p.Engine = srv.addr(), 8, time.Minute, engine
			p.Interval = 50 * time.Millisecond
			var killed time.Time
			s, err := Run(t.Context(), p, RunOptions{Progress: func(i Interval) {
				if i.Phase == PhaseMeasure && killed.IsZero() {
					killed = time.Now()
					srv.die()
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(killed); took > 10*time.Second {
				t.Errorf("the run went on for %v", took)
			}
			conserve(t, s)
			if s.Verdict != Invalid || !strings.Contains(strings.Join(s.Reasons, " "), "went away") {
				t.Errorf("verdict %s: %v", s.Verdict, s.Reasons)
			}
			if s.Requests.OK == 0 || s.Connections.Failed["refused"] == 0 ||
				s.Connections.Failed["refused"] > 100 {
				t.Errorf("%+v, %+v", s.Requests, s.Connections)
			}
		})
	}
}

func TestRefusedFromTheStart(t *testing.T) { onEveryEngine(t, testRefusedFromTheStart) }

func testRefusedFromTheStart(t *testing.T, engine string) {
	srv := serve(t, echoes)
	srv.die()
	start := time.Now()
	_, err := Run(t.Context(), quick(srv, engine), RunOptions{})
	if err == nil || !strings.Contains(err.Error(), "refused") || !strings.Contains(err.Error(), srv.addr()) {
		t.Errorf("Run = %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v to say so", took)
	}
}

func TestServerThatTakesOnlySome(t *testing.T) { onEveryEngine(t, testServerThatTakesOnlySome) }

func testServerThatTakesOnlySome(t *testing.T, engine string) {
	var tickets atomic.Int64
	srv := serve(t, func(s *server, c *net.TCPConn) {
		if tickets.Add(1) <= 2 {
			echoes(s, c)
		}
	})
	p := quick(srv, engine)
	p.Timeout = 100 * time.Millisecond
	s := carryOut(t, p)
	if s.Verdict == Valid || s.Requests.OK == 0 || s.Connections.Failed["fruitless"] == 0 {
		t.Errorf("%s %v: %+v %+v", s.Verdict, s.Reasons, s.Requests, s.Connections)
	}
	if srv.accepted.Load() > 1000 {
		t.Errorf("the server had to turn down %d connections", srv.accepted.Load())
	}
}

func TestInterruptDrainsAndReports(t *testing.T) { onEveryEngine(t, testInterruptDrainsAndReports) }

func testInterruptDrainsAndReports(t *testing.T, engine string) {
	srv := serve(t, echoes)
	p := quick(srv, engine)
	p.Duration, p.Interval = time.Minute, 50*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Run(ctx, p, RunOptions{Progress: func(i Interval) {
		if i.Phase == PhaseMeasure {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	conserve(t, s)
	if !s.Interrupted || s.Requests.OK == 0 || s.Requests.InFlight != 0 || s.ElapsedS > 30 {
		t.Errorf("interrupted %v after %v s: %+v", s.Interrupted, s.ElapsedS, s.Requests)
	}
	before, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Run(before, p, RunOptions{}); err != nil || !s.Interrupted || s.Requests.Scheduled != 0 {
		t.Errorf("interrupted before the start: %+v, %v", s.Requests, err)
	}
}

// TestNothingIsAllocatedPerRequest: garbage would have to be collected, in the middle of a run.
func TestNothingIsAllocatedPerRequest(t *testing.T) {
	onEveryEngine(t, testNothingIsAllocatedPerRequest)
}

func testNothingIsAllocatedPerRequest(t *testing.T, engine string) {
	srv := serve(t, echoes)
	p := quick(srv, engine)
	p.Duration = 500 * time.Millisecond
	p.Interval = p.Duration // ticks allocate, but not in the loops
	var before, after runtime.MemStats
	s, err := Run(t.Context(), p, RunOptions{Phase: func(e PhaseEvent) {
		switch e.Phase {
		case PhaseMeasure:
			runtime.ReadMemStats(&before)
		case PhaseDrain:
			runtime.ReadMemStats(&after)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if n := after.Mallocs - before.Mallocs; s.Requests.OK < 1000 || n > s.Requests.OK/10 {
		t.Errorf("%d allocations in %d requests", n, s.Requests.OK)
	}
}

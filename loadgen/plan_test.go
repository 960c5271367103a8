package loadgen

import (
	"slices"
	"strings"
	"testing"
	"time"

	"iomodels/loadgen/engine"
	"iomodels/loadgen/uring"
)

func TestPreflightRefusesBeforeAnythingIsOpened(t *testing.T) {
	srv := serve(t, echoes)
	p := quick(srv, "epoll")
	p.Conns = 50_000_000
	p.Loops = 1
	_, err := Run(t.Context(), p, RunOptions{})
	if err == nil || !strings.Contains(err.Error(), "RLIMIT_NOFILE") || srv.accepted.Load() != 0 {
		t.Errorf("Run = %v, %d connections accepted", err, srv.accepted.Load())
	}
	p = quick(srv, "epoll")
	p.Addr, p.Sources = "192.0.2.1:80", 3
	if _, err := Run(t.Context(), p, RunOptions{}); err == nil ||
		!strings.Contains(err.Error(), "--sources") {
		t.Errorf("Run = %v", err)
	}
}

func TestPlansThatMakeNoSense(t *testing.T) {
	good := Plan{Addr: "127.0.0.1:1"}
	if _, err := good.WithDefaults(); err != nil {
		t.Fatal(err)
	}
	for want, edit := range map[string]func(*Plan){
		"--addr":              func(p *Plan) { p.Addr = "" },
		"--proto":             func(p *Plan) { p.Proto = "gopher" },
		"--path":              func(p *Plan) { p.Path = "/" },
		"--conns":             func(p *Plan) { p.Conns = -1 },
		"--size":              func(p *Plan) { p.Size = -1 },
		"--idle":              func(p *Plan) { p.Idle = -1 },
		"--duration":          func(p *Plan) { p.Duration = -1 },
		"--timeout":           func(p *Plan) { p.Timeout = time.Nanosecond },
		"--warmup":            func(p *Plan) { p.Warmup = -1 },
		"--rate":              func(p *Plan) { p.Rate = -1 },
		"needs --rate":        func(p *Plan) { p.Arrival = ArrivalPoisson },
		"closed has no":       func(p *Plan) { p.Arrival, p.Rate = ArrivalClosed, 10 },
		"burst:N":             func(p *Plan) { p.Arrival, p.Rate = "burst:0", 10 },
		"--arrival is":        func(p *Plan) { p.Arrival, p.Rate = "sometimes", 10 },
		"constant, poisson":   func(p *Plan) { p.Arrival, p.Rate = "poisson:3", 10 },
		"--pipeline":          func(p *Plan) { p.Pipeline = 5000 },
		"--loops":             func(p *Plan) { p.Conns, p.Loops = 2, 3 },
		"--engine":            func(p *Plan) { p.Engine = "kqueue" },
		"--spin":              func(p *Plan) { p.Spin = "maybe" },
		"--mix":               func(p *Plan) { p.Proto, p.Mix = "http", "/" },
		"exclude each other":  func(p *Plan) { p.Proto, p.Path, p.Mix = "http", "/", "/:1" },
		"--late is":           func(p *Plan) { p.Late, p.Rate = "never", 10 },
		"--late skip needs":   func(p *Plan) { p.Late = LateSkip },
		"--steps and --rate":  func(p *Plan) { p.Steps, p.Rate = []float64{1}, 10 },
		"--steps has a rate":  func(p *Plan) { p.Steps = []float64{10, 0} },
		"--steps: 2 steps":    func(p *Plan) { p.Steps, p.Duration = []float64{1, 2}, time.Millisecond },
		"--steps: 65 steps":   func(p *Plan) { p.Steps = slices.Repeat([]float64{5}, 65) },
		"--choice":            func(p *Plan) { p.Choice = "best" },
		"pinned needs --rate": func(p *Plan) { p.Choice = ChoicePinned },
	} {
		p := good
		edit(&p)
		_, err := p.WithDefaults()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a complaint about %q, got %v", want, err)
		}
	}
	if _, err := Run(t.Context(), Plan{}, RunOptions{}); err == nil {
		t.Error("an empty plan was carried out")
	}
	if _, err := Run(t.Context(), Plan{Addr: "nowhere.invalid:1"}, RunOptions{}); err == nil {
		t.Error("a name without an address was connected to")
	}
}

// TestAutoChoosesTheTransportThatSuitsTheLoad: a ring only where it saves something and the stamps
// are not the point.
func TestAutoChoosesTheTransportThatSuitsTheLoad(t *testing.T) {
	closed := engine.Uring
	if uring.Available() != nil {
		closed = engine.Epoll
	}
	for name, c := range map[string]struct {
		edit func(*Plan)
		want string
	}{
		"closed":        {func(*Plan) {}, closed},
		"closed, http":  {func(p *Plan) { p.Proto = "http" }, closed},
		"open":          {func(p *Plan) { p.Rate = 10 }, engine.Epoll},
		"steps":         {func(p *Plan) { p.Steps = []float64{10, 20} }, engine.Epoll},
		"large":         {func(p *Plan) { p.Size = 64 << 10 }, engine.Epoll},
		"large replies": {func(p *Plan) { p.Proto, p.Path = "http", "/bytes/100000" }, engine.Epoll},
		"pipeline":      {func(p *Plan) { p.Pipeline = 2 }, engine.Epoll},
		"churn":         {func(p *Plan) { p.RequestsPerConn = 3 }, engine.Epoll},
		"many":          {func(p *Plan) { p.Conns, p.Idle = 100, 5000 }, engine.Epoll},
		"stamps":        {func(p *Plan) { p.Stamps = 1 }, engine.Epoll},
		"told":          {func(p *Plan) { p.Rate, p.Engine = 10, engine.Uring }, engine.Uring},
	} {
		p := Plan{Addr: "127.0.0.1:1"}
		c.edit(&p)
		p, err := p.WithDefaults()
		if err == nil {
			p, err = p.fit()
		}
		if err != nil || p.Engine != c.want {
			t.Errorf("%s: %s, %v; want %s", name, p.Engine, err, c.want)
		}
	}
}

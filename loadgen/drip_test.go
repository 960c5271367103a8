package loadgen

import (
	"strings"
	"testing"
)

func TestSlowUploadsStandBesideTheLoad(t *testing.T) {
	srv := serve(t, echoes)
	p := quick(srv, "epoll")
	p.Rate, p.Drip, p.DripRate = 500, 3, 1000
	s := carryOut(t, p)
	if s.Drip == nil || s.Drip.Opened != 3 || s.Drip.Out == 0 || s.Drip.Failed != 0 {
		t.Errorf("the crowd: %+v", s.Drip)
	}
	if s.Connections.Target != s.Plan.Conns || s.Requests.OK != s.Requests.Scheduled {
		t.Errorf("the load: %+v, %+v", s.Connections, s.Requests)
	}
}

func TestNoCrowdNoReport(t *testing.T) {
	srv := serve(t, echoes)
	p := quick(srv, "epoll")
	p.Rate = 500
	if s := carryOut(t, p); s.Drip != nil {
		t.Errorf("a crowd nobody asked for: %+v", s.Drip)
	}
}

func TestSessionsAreTheMeasuresOfABalancer(t *testing.T) {
	srv := serve(t, echoes)
	p := quick(srv, "epoll")
	p.RequestsPerConn = 1
	s := carryOut(t, p)
	if s.Sessions.RatePerS <= 0 || s.Sessions.Concurrent != s.Connections.Peak || s.Sessions.BytesPerS <= 0 {
		t.Errorf("%+v", s.Sessions)
	}
}

func TestSlowUploadsNeedASensiblePlan(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Plan)
		want   string
	}{
		{"negative", func(p *Plan) { p.Drip = -1 }, "--drip"},
		{"negative rate", func(p *Plan) { p.Drip, p.DripRate = 1, -1 }, "--drip-rate"},
		{"too large", func(p *Plan) { p.Drip, p.DripBytes = 1, maxMessage+1 }, "--drip-bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Plan{Addr: "127.0.0.1:1"}
			test.change(&p)
			if _, err := p.WithDefaults(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one about %s", err, test.want)
			}
		})
	}
}

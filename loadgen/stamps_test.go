package loadgen

import (
	"strings"
	"testing"
	"time"

	"iomodels/loadgen/engine"
)

// TestKernelStamps: every request on the connections of the sample has a stamp of its write and
// one of its read, and both lie within its service time.
func TestKernelStamps(t *testing.T) {
	srv := serve(t, echoes)
	for name, p := range map[string]Plan{
		"all":          {Conns: 4, Stamps: 4, Rate: 1000},
		"closed":       {Conns: 2, Stamps: 2},
		"some":         {Conns: 4, Stamps: 1, Rate: 1000},
		"two loops":    {Conns: 4, Loops: 2, Stamps: 4, Rate: 1000},
		"more":         {Conns: 2, Stamps: 100, Rate: 1000},
		"replaced":     {Conns: 2, Stamps: 2, Rate: 1000, RequestsPerConn: 5},
		"none":         {Conns: 2},
		"from sources": {Conns: 2, Stamps: 2, Sources: 2},
	} {
		t.Run(name, func(t *testing.T) {
			p.Addr, p.Duration, p.Warmup = srv.addr(), 200*time.Millisecond, 50*time.Millisecond
			s := carryOut(t, p)
			k := s.Stamps
			if k.Unavailable != "" {
				t.Skipf("SKIPPED: no kernel stamps here: %s", k.Unavailable)
			}
			if k.Connections != min(p.Stamps, p.Conns) {
				t.Errorf("%d connections in the sample", k.Connections)
			}
			least := uint64(0)
			if p.Stamps > 0 { // the first and last at an edge may belong to the other part
				least = min(s.Requests.OK*uint64(k.Connections)/uint64(p.Conns)*9/10, s.Requests.OK-4)
			}
			most := s.Requests.OK * uint64(min(k.Connections, 1))
			for side, l := range map[string]Latency{"send": k.Send, "receive": k.Receive} {
				if l.Count+k.Missing < least || l.Count > most+s.WarmupOK {
					t.Errorf("%s: %d stamps, %d missing, for %d requests", side, l.Count, k.Missing, s.Requests.OK)
				}
				if l.P50 < 0 || l.P50 > s.Service.Max || l.Count > 0 && l.Max == 0 {
					t.Errorf("%s: p50 %d ns, longest %d ns, of service times up to %d", side, l.P50, l.Max, s.Service.Max)
				}
			}
		})
	}
}

func TestStampsNeedReadiness(t *testing.T) {
	_, err := Plan{Addr: "127.0.0.1:1", Stamps: 1, Engine: engine.Engines()[1]}.WithDefaults()
	if err == nil || !strings.Contains(err.Error(), "--stamps needs --engine epoll") {
		t.Errorf("%v", err)
	}
}

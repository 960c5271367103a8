package loadgen

import (
	"testing"

	"iomodels/loadgen/latency"
)

// TestSeriesLosesNothing: three processes tick in step but not at the same moment, one ends early,
// one reports late. The sums are those of all, the connections open those of the newest reports.
func TestSeriesLosesNothing(t *testing.T) {
	const second = int64(1e9)
	tick := func(at int64, ok uint64, open int) shareInterval {
		h := latency.New(latency.Coarse)
		h.Record(int64(ok))
		return shareInterval{Interval: Interval{Phase: PhaseMeasure, OK: ok, Open: open}, AtNS: at, Response: h}
	}
	s := newSeries(3, second, 0)
	for beat := range int64(4) {
		at := (beat + 1) * second
		s.add(0, tick(at, 1, 10))
		if got := s.merged(); len(got) != 0 {
			t.Fatalf("beat %d is merged before all have reported: %+v", beat, got)
		}
		if beat < 2 {
			s.add(1, tick(at-second/5, 100, 20))
		}
		s.add(2, tick(at+second/4, 10_000, 30))
		if beat == 1 {
			s.end(1)
		}
		got := s.merged()
		want := Interval{AtS: float64(beat + 1), Phase: PhaseMeasure, OK: 10_101, Open: 60}
		if beat >= 2 {
			want.OK = 10_001
		}
		if len(got) != 1 || got[0].OK != want.OK || got[0].Open != want.Open || got[0].AtS != want.AtS ||
			got[0].P99 < 9_900 {
			t.Fatalf("beat %d is %+v, want %+v", beat, got, want)
		}
	}
	s.add(2, tick(9*second, 7, 30))
	s.end(0)
	s.end(2)
	if got := s.merged(); len(got) != 1 || got[0].OK != 7 || got[0].AtS != 9 {
		t.Errorf("after the last beat: %+v", got)
	}
	if got := s.merged(); len(got) != 0 {
		t.Errorf("merged twice: %+v", got)
	}
}

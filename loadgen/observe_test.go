package loadgen

import (
	"testing"
	"time"
)

// TestTickWithoutAnswerGoesOn: a loop that does not hand its interval over must not leave a hole
// in the series. The tick ends with the next one, and counts nothing twice or never.
func TestTickWithoutAnswerGoesOn(t *testing.T) {
	srv := serve(t, echoes)
	p, err := quick(srv, "epoll").WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r, err := prepare(p, RunOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.timer, r.phase = time.NewTimer(time.Hour), PhaseMeasure
	r.lastCut = r.began - int64(time.Second)
	r.cut(false) // the loops do not turn yet
	if len(r.intervals) != 0 {
		t.Fatalf("an interval that no loop answered is shown: %+v", r.intervals)
	}
	r.launch()
	r.conduct(t.Context())
	if err := r.land(); err != nil {
		t.Fatal(err)
	}
	s := r.summary(r.outcome())
	var ok, opened uint64
	last := 0.0
	for i, tick := range s.Intervals {
		if tick.AtS <= last {
			t.Errorf("interval %d ends at %v, the one before at %v", i, tick.AtS, last)
		}
		last = tick.AtS
		ok, opened = ok+tick.OK, opened+tick.Opened
		if tick.Phase == PhaseMeasure && tick.Open != p.Conns {
			t.Errorf("interval %d of the measured part has a notch: %+v", i, tick)
		}
	}
	if ok != s.Totals.OK || opened != s.Connections.Opened {
		t.Errorf("the intervals have %d replies and %d connects, the run %d and %d", ok, opened, s.Totals.OK,
			s.Connections.Opened)
	}
}

// TestEdgeEndsATickWithoutAnswer: at the edge of a part the interval ends in any case, and shows
// as open what the loop last said.
func TestEdgeEndsATickWithoutAnswer(t *testing.T) {
	p, err := Plan{Addr: "127.0.0.1:1"}.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r, err := prepare(p, RunOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.timer, r.phase = time.NewTimer(time.Hour), PhaseMeasure
	r.lastCut = r.began - int64(time.Second)
	r.loops[0].Live().Open.Store(7)
	r.cut(true)
	if len(r.intervals) != 1 || r.intervals[0].Open != 7 {
		t.Errorf("%+v, want one interval with 7 connections open", r.intervals)
	}
}

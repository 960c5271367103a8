package offload_test

import (
	"testing"
	"time"

	"iomodels/servers/offload"
	"iomodels/servers/proto"
)

// gate is a session that waits until it is opened.
type gate chan struct{}

func (g gate) Feed(out, _ []byte) ([]byte, proto.Verdict) {
	<-g
	return out, proto.Continue
}

func (gate) Phase() proto.Phase { return proto.Idle }

func TestStats(t *testing.T) {
	const jobs, wait = 5, 20 * time.Millisecond
	p := offload.New(1)
	g, done := make(gate), make(chan struct{}, jobs)
	for range jobs {
		p.Submit(&offload.Job{Session: g, Done: func(*offload.Job) { done <- struct{}{} }})
	}
	for p.Stats().Jobs == 0 { // until the worker has the first
		time.Sleep(time.Millisecond)
	}
	s := p.Stats()
	if s.Workers != 1 || s.Deepest < jobs-1 || s.Deepest > jobs {
		t.Errorf("%+v; want one worker, and 4 or 5 jobs at once in the queue", s)
	}
	time.Sleep(wait)
	close(g)
	for range jobs {
		<-done
	}
	p.Close()
	if s = p.Stats(); s.Jobs != jobs || s.Longest < wait || s.Waited < (jobs-1)*wait || s.Lifetime < wait {
		t.Errorf("%+v; want %d jobs, and %d waits of at least %v", s, jobs, jobs-1, wait)
	}
	if mean := s.MeanWait(); mean < wait*(jobs-1)/jobs || mean > s.Longest {
		t.Errorf("mean wait %v of %+v", mean, s)
	}
	if depth := s.MeanDepth(); depth <= 0 || depth > float64(s.Deepest) {
		t.Errorf("mean depth %v of %+v", depth, s)
	}
}

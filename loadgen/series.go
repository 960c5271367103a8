package loadgen

import "iomodels/loadgen/latency"

// series merges the intervals of several processes into one. They tick alike, but not at the same
// moment; the first process gives the beat, and an interval of another belongs to the beat its end
// is nearest to. No count is lost: what comes late goes to the next beat.
type series struct {
	tick    int64             // of all phases but the first, in ns
	began   int64             // CLOCK_MONOTONIC at the start of the run
	pending [][]shareInterval // not merged yet, by process
	seen    []int64           // end of the newest interval of each process
	ended   []bool            // no more will come
	open    []int             // connections of each process, at its newest merged interval
}

func newSeries(procs int, tick, began int64) *series {
	return &series{
		tick: tick, began: began,
		pending: make([][]shareInterval, procs), seen: make([]int64, procs),
		ended: make([]bool, procs), open: make([]int, procs),
	}
}

// add takes an interval of a process.
func (s *series) add(proc int, i shareInterval) {
	s.pending[proc] = append(s.pending[proc], i)
	s.seen[proc] = i.AtNS
}

// end says that a process has nothing more to add.
func (s *series) end(proc int) { s.ended[proc] = true }

// merged returns the intervals that every process has contributed to by now.
func (s *series) merged() (out []Interval) {
	for len(s.pending[0]) > 0 {
		beat := s.pending[0][0]
		slack := s.tick / 2
		if beat.Phase == phaseRamp {
			slack = min(slack, int64(rampInterval)/2)
		}
		if !s.complete(beat.AtNS - slack) {
			return out
		}
		out = append(out, s.merge(beat.AtNS+slack, beat))
	}
	if s.ended[0] && s.complete(never) {
		if rest, ok := s.last(); ok {
			out = append(out, s.merge(never, rest))
		}
	}
	return out
}

// complete reports whether every process has come as far as at.
func (s *series) complete(at int64) bool {
	for i, seen := range s.seen {
		if !s.ended[i] && seen < at {
			return false
		}
	}
	return true
}

// last returns an interval that came after the last beat.
func (s *series) last() (last shareInterval, ok bool) {
	for _, waiting := range s.pending {
		for _, i := range waiting {
			if i.AtNS >= last.AtNS {
				last, ok = i, true
			}
		}
	}
	return last, ok
}

// merge takes what ended until then, and gives it the time and phase of the beat.
func (s *series) merge(until int64, beat shareInterval) Interval {
	m := Interval{AtS: float64(beat.AtNS-s.began) / 1e9, Phase: beat.Phase}
	response := latency.New(latency.Coarse)
	for proc, waiting := range s.pending {
		n := 0
		for n < len(waiting) && waiting[n].AtNS <= until {
			i := waiting[n]
			m.OK += i.OK
			m.Errors += i.Errors
			m.Opened += i.Opened
			m.MaxLag = max(m.MaxLag, i.MaxLag)
			response.Merge(i.Response)
			s.open[proc] = i.Open
			n++
		}
		s.pending[proc] = waiting[n:]
		m.Open += s.open[proc]
	}
	m.P50, m.P99 = response.Quantile(0.5), response.Quantile(0.99)
	return m
}

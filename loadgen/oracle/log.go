package oracle

import (
	"encoding/binary"
	"slices"
	"time"
)

// Report is what an oracle knows. Distributions hold only right replies to requests that arrived
// after Spec.Warmup; everything else counts the whole life of the oracle.
type Report struct {
	Counts
	Held     Distribution `json:"held"`     // from reading a request to releasing its reply
	Late     Distribution `json:"late"`     // from when a reply was due to its release: own error
	Kernel   Distribution `json:"kernel"`   // as Held, by the kernel's stamps, on stamped connections
	Accepts  []int64      `json:"accepts"`  // when the first and the last connection was accepted, in ns
	Arrivals []byte       `json:"arrivals"` // see Times
}

// Distribution is taken from the sorted sample itself, in nanoseconds.
type Distribution struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
	P1   int64   `json:"p1"`
	P50  int64   `json:"p50"`
	P90  int64   `json:"p90"`
	P99  int64   `json:"p99"`
	P999 int64   `json:"p99_9"`
	Max  int64   `json:"max"`
}

// Times decodes the log of arrivals: when each request was read, in ns.
func (r Report) Times() []int64 {
	var times []int64
	at := int64(0)
	for log := r.Arrivals; len(log) > 0; {
		gap, n := binary.Uvarint(log)
		if n <= 0 {
			return times // cut off; its end is missing
		}
		at += int64(gap)
		times = append(times, at)
		log = log[n:]
	}
	return times
}

// log is what an oracle writes down.
type log struct {
	arrivals           []byte // gaps between arrivals in ns, as varints: two or three bytes each
	last               time.Duration
	accepts            [2]time.Duration
	any                bool
	held, late, kernel []int64
}

// newLog makes room: a slice that grows is copied, and whoever is due meanwhile is late.
func newLog(n int) log {
	return log{
		arrivals: make([]byte, 0, 4*n), held: make([]int64, 0, n), late: make([]int64, 0, n),
		kernel: make([]int64, 0, n/10),
	}
}

func (l *log) arrived(now time.Duration) {
	l.arrivals = binary.AppendUvarint(l.arrivals, uint64(now-l.last))
	l.last = now
}

func (l *log) accepted(now time.Duration) {
	if !l.any {
		l.accepts[0], l.any = now, true
	}
	l.accepts[1] = now
}

func (s *server) report() Report {
	l := &s.log
	return Report{
		Counts: s.carried(), Held: distribution(l.held), Late: distribution(l.late),
		Kernel:  distribution(l.kernel),
		Accepts: []int64{int64(l.accepts[0]), int64(l.accepts[1])}, Arrivals: l.arrivals,
	}
}

// carried adds the connections that are open to those that are closed.
func (s *server) carried() Counts {
	c := s.counts
	c.Carried = map[uint64]uint64{}
	for n, conns := range s.counts.Carried {
		c.Carried[n] = conns
	}
	for i := range s.conns {
		if s.conns[i].open {
			c.Carried[s.conns[i].carried]++
		}
	}
	return c
}

func distribution(sample []int64) Distribution {
	n := len(sample)
	if n == 0 {
		return Distribution{}
	}
	sorted := slices.Sorted(slices.Values(sample))
	sum := 0.0
	for _, v := range sorted {
		sum += float64(v)
	}
	rank := func(q float64) int64 { return sorted[min(int(q*float64(n)), n-1)] }
	return Distribution{
		N: n, Mean: sum / float64(n), P1: rank(0.01), P50: rank(0.5), P90: rank(0.9), P99: rank(0.99),
		P999: rank(0.999), Max: sorted[n-1],
	}
}

package offload

import (
	"log/slog"
	"time"
)

// Stats are the measures of the shared queue. A queue that is hardly ever empty, or whose wait is
// as long as its handlers take, needs more workers, or fewer requests.
type Stats struct {
	Workers  int
	Jobs     uint64        // that a worker took
	Waited   time.Duration // by all of them, from Submit until then
	Longest  time.Duration // of those waits
	Deepest  int           // most jobs that ever waited at once
	Lifetime time.Duration // of the pool
}

// Stats returns what was measured so far.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Lifetime = time.Since(p.begin)
	return s
}

// MeanWait is how long a job waited for a worker.
func (s Stats) MeanWait() time.Duration {
	return s.Waited / time.Duration(max(s.Jobs, 1))
}

// MeanDepth is how many jobs waited, averaged over time: by Little's law, the rate at which they
// came times the time that each of them waited.
func (s Stats) MeanDepth() float64 {
	return float64(s.Waited) / float64(max(s.Lifetime, 1))
}

// LogValue implements slog.LogValuer.
func (s Stats) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("workers", s.Workers), slog.Uint64("jobs", s.Jobs),
		slog.Duration("mean_wait", s.MeanWait()), slog.Duration("longest_wait", s.Longest),
		slog.Float64("mean_depth", s.MeanDepth()), slog.Int("deepest", s.Deepest))
}

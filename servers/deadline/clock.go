package deadline

import "time"

// Clock is read at most once between two waits, and only if somebody wants to know the time.
type Clock struct {
	start   time.Time
	elapsed time.Duration // since start, as of the last look
	waited  bool          // since the last look
}

// StartClock returns a clock that starts now.
func StartClock() Clock { return Clock{start: time.Now()} }

// Waited says that time has passed: the next look is a real one.
func (c *Clock) Waited() { c.waited = true }

// Now is the tick of this moment.
func (c *Clock) Now() Tick {
	if c.waited {
		c.elapsed, c.waited = time.Since(c.start), false
	}
	return At(c.elapsed)
}

// Elapsed is the time since the start, as of the last look.
func (c *Clock) Elapsed() time.Duration { return c.elapsed }

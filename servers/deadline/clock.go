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

// Elapsed is the time since the start.
func (c *Clock) Elapsed() time.Duration {
	if c.waited {
		c.elapsed, c.waited = time.Since(c.start), false
	}
	return c.elapsed
}

// Now is the tick of this moment.
func (c *Clock) Now() Tick { return At(c.Elapsed()) }

// Sleep returns how long a loop may sleep from now on; negative: without end. It is called right
// before. Nobody looks at the clock as long as nobody's time is limited.
func (t *Table) Sleep(c *Clock) (wait time.Duration) {
	if wait = -1; t.earliest != Never {
		wait = t.Wait(c.Elapsed())
	}
	c.Waited()
	return wait
}

// Awake is called after Sleep, when handlers have run: it is Expire by a clock.
func (t *Table) Awake(c *Clock, expired func(slot int)) {
	if t.earliest != Never {
		t.Expire(c.Now(), expired)
	}
}

package blocking

import (
	"context"
	"log/slog"
	"time"
)

// BackOff slows a failing accept loop down, so that it neither spins nor floods the log. One
// goroutine owns it; Log must be set.
type BackOff struct {
	Log    *slog.Logger
	delay  time.Duration // of the next wait; 0: all is well
	logged time.Time
}

// maxDelay is also how late, at most, a connection is let in once there is room again.
const (
	minDelay = 5 * time.Millisecond
	maxDelay = 500 * time.Millisecond
)

// Wait passes the time after an accept that failed with err, until ctx is done at most.
func (b *BackOff) Wait(ctx context.Context, err error) {
	b.delay = min(max(2*b.delay, minDelay), maxDelay)
	if now := time.Now(); now.Sub(b.logged) >= time.Second {
		b.logged = now
		b.Log.Warn("accept failed, will try again", "err", err, "in", b.delay)
	}
	timer := time.NewTimer(b.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Over says that accept has succeeded.
func (b *BackOff) Over() { b.delay = 0 }

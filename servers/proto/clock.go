package proto

import (
	"context"
	"sync/atomic"
	"time"
)

// imfFixdate is the only date format a server may write (RFC 9110, 5.6.7).
const imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"

// clock holds the Date field line of the current second, ready to be copied. Reading the time
// and formatting it would cost more than everything else in the answer to a small GET.
type clock struct{ line atomic.Pointer[[]byte] }

// start sets the clock and lets it tick until ctx is done; after that the date stands still.
func (c *clock) start(ctx context.Context) {
	c.set(time.Now())
	go func() {
		for {
			// Up to the next full second, so that the date is never a second late.
			next := time.Now().Truncate(time.Second).Add(time.Second)
			timer := time.NewTimer(time.Until(next))
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case now := <-timer.C:
				c.set(now)
			}
		}
	}()
}

func (c *clock) set(now time.Time) {
	line := now.UTC().AppendFormat([]byte("Date: "), imfFixdate)
	line = append(line, "\r\n"...)
	c.line.Store(&line)
}

// date is the whole field line, CRLF included.
func (c *clock) date() []byte { return *c.line.Load() }

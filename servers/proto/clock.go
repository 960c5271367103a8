package proto

import (
	"context"
	"sync/atomic"
	"time"
)

// imfFixdate is the only date format a server may write (RFC 9110, 5.6.7).
const imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"

// clock holds the pieces of response heads that change once a second, ready to be copied.
// Reading the time and formatting it would cost more than all the rest of a small answer.
type clock struct{ now atomic.Pointer[pieces] }

// pieces are the pieces of one second.
type pieces struct {
	date   []byte // the field line Date, CRLF included
	text   []byte // a head with status 200 and type text/plain, up to the value of Content-Length
	octets []byte // the same for application/octet-stream
}

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
	date := now.UTC().Format("Date: " + imfFixdate + "\r\n")
	ok := func(contentType string) []byte {
		return []byte("HTTP/1.1 200 OK\r\n" + date +
			"Content-Type: " + contentType + "\r\nContent-Length: ")
	}
	c.now.Store(&pieces{date: []byte(date), text: ok(TextPlain), octets: ok(OctetStream)})
}

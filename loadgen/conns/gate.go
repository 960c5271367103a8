package conns

import "math"

// The bounds of opening. The window keeps the unanswered SYNs of a loop below what a common
// accept queue takes: beyond it the kernel drops SYNs, and connects that take exactly one
// second measure its retransmission timer instead of the server. On loopback the kernel answers
// for the server, and at once: connects that stay unanswered mean that the queue is full already,
// so only a few are risked.
const (
	Window     = 128               // connects of one loop that may be unanswered
	NearWindow = 16                // of them to a server on loopback
	Batch      = 64                // connects begun between two looks at the sockets
	firstDelay = 10 * 1000 * 1000  // ns; doubles with each failure ...
	lastDelay  = 500 * 1000 * 1000 // ... up to this: a dead server is asked twice a second
)

// Gate decides how many connects may begin. It holds times, and no clock.
type Gate struct {
	window int     // connects that may be unanswered
	perNS  float64 // connects per nanosecond; 0: no ramp
	start  int64   // of the ramp
	begun  uint64  // connects of the ramp
	delay  int64   // back-off in force; 0: none
	until  int64   // end of the back-off
	// wantReply: connections were accepted and came to nothing, so a connect proves nothing.
	wantReply bool
}

// NewGate returns a gate for one loop: perSecond connects per second from start on, evenly
// spaced; 0 sets no pace. At most window of them are unanswered at a time.
func NewGate(perSecond float64, start int64, window int) *Gate {
	return &Gate{window: window, perNS: perSecond / 1e9, start: start}
}

// Allows returns how many connects may begin now, with pending unanswered.
func (g *Gate) Allows(now int64, pending int) int {
	if now < g.until {
		return 0
	}
	n := min(g.window-pending, Batch)
	if g.delay > 0 {
		n = min(n, 1) // a server that failed is asked with one connect, not with a salvo
	}
	if g.perNS > 0 {
		due := uint64(max(float64(now-g.start)*g.perNS, 0)) + 1
		n = min(n, int(min(due-min(g.begun, due), Batch)))
	}
	return max(n, 0)
}

// Next returns the time from which Allows may say more than it did at now.
func (g *Gate) Next(now int64) int64 {
	next := max(now, g.until)
	if g.perNS > 0 {
		next = max(next, g.start+int64(math.Ceil(float64(g.begun)/g.perNS)))
	}
	return next
}

// Began takes note of one connect.
func (g *Gate) Began() { g.begun++ }

// Connected takes note of a connect that succeeded. It ends a back-off that began with failed
// connects; when connections were accepted and closed without a reply, only a reply does.
func (g *Gate) Connected() {
	if !g.wantReply {
		g.delay, g.until = 0, 0
	}
}

// Replied takes note of the first verified reply of a connection: the server is well.
func (g *Gate) Replied() {
	if g.delay != 0 {
		g.delay, g.until, g.wantReply = 0, 0, false
	}
}

// Failed takes note of a connect that failed, or of a connection that ended without a reply.
// Failures that come together lengthen the back-off once.
func (g *Gate) Failed(now int64, f Failure) {
	g.wantReply = g.wantReply || f == Fruitless || f == Unsolicited
	if now < g.until {
		return
	}
	g.delay = min(max(2*g.delay, firstDelay), lastDelay)
	g.until = now + g.delay
}

// EndRamp lifts the pace: from now on connects only replace connections.
func (g *Gate) EndRamp() { g.perNS = 0 }

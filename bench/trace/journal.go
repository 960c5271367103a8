package trace

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// journal takes down what happens, in the order of its times. Any goroutine may use it.
type journal struct {
	mu     sync.Mutex
	events []Event
	moved  time.Time // when the last call that is not the runtime's own came back
}

// record stamps and keeps an event. It is stamped under the lock: the client's marks must stand in
// the order of their times, too.
func (j *journal) record(e Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.At = now()
	j.events = append(j.events, e)
	if e.Verb == Exit && e.On != "" {
		j.moved = time.Now()
	}
}

// Mark records a moment of the client's: bytes is the length of a request.
func (j *journal) Mark(name string, bytes int) {
	j.record(Event{Layer: Client, Verb: Mark, Name: name, Ret: int64(bytes)})
}

// Events returns what has been recorded so far.
func (j *journal) Events() []Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Event(nil), j.events...)
}

// Moved returns when a call that is not the runtime's own last came back.
func (j *journal) Moved() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.moved
}

// now is the clock of all events.
func now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // it cannot fail for this clock
	}
	return ts.Nano()
}

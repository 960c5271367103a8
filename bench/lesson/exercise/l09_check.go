package exercise

import (
	"fmt"

	"iomodels/bench/trace"
)

// check09 has two traces. In the second another goroutine is parked first, for another reason.
func check09(find func(events []trace.Event) int) error {
	call := func(tid int, name, failed string) trace.Event {
		return trace.Event{Layer: trace.Syscall, Verb: trace.Exit, TID: tid, Name: name, Err: failed}
	}
	park := func(tid int) trace.Event { return trace.Event{Layer: "go", Verb: "park", TID: tid} }
	plain := []trace.Event{
		call(7, "read", ""), call(7, "write", ""), call(7, "read", "EAGAIN"), park(7), call(7, "epoll_wait", ""),
	}
	busy := append([]trace.Event{park(9), call(9, "futex", "EAGAIN"), park(9)}, plain...)
	busy = append(busy[:6], append([]trace.Event{park(9)}, busy[6:]...)...) // and one in between
	for i, c := range []struct {
		events []trace.Event
		want   int
	}{{plain, 3}, {busy, 7}} {
		if got := find(c.events); got != c.want {
			return fmt.Errorf("trace %d: event %d; want %d", i+1, got, c.want)
		}
	}
	return nil
}

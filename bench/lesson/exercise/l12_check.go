package exercise

import (
	"fmt"

	"iomodels/bench/trace"
)

// lanes12 is who did what for a request.
type lanes12 struct {
	read, wrote int  // thread ids
	onLoop      bool // the thread that waited in epoll also answered
}

func check12(label func(events []trace.Event) lanes12) error {
	call := func(tid int, name string) trace.Event {
		return trace.Event{Layer: trace.Syscall, Verb: trace.Exit, TID: tid, Name: name}
	}
	for name, c := range map[string]struct {
		events []trace.Event
		want   lanes12
	}{
		"like gnet":    {[]trace.Event{call(5, "epoll_wait"), call(5, "read"), call(5, "write")}, lanes12{5, 5, true}},
		"like netpoll": {[]trace.Event{call(5, "epoll_wait"), call(5, "readv"), call(6, "sendmsg")}, lanes12{5, 6, false}},
		"a pool":       {[]trace.Event{call(5, "epoll_wait"), call(8, "recvfrom"), call(8, "sendto")}, lanes12{8, 8, false}},
	} {
		if got := label(c.events); got != c.want {
			return fmt.Errorf("%s: %+v; want %+v", name, got, c.want)
		}
	}
	return nil
}

package lanes

import "strings"

// Verb is the kind of a thing that is done. Its letter and its colour say the same, so that one of
// them is enough for who cannot see the other.
type Verb struct {
	Letter string
	Name   string // also the class in the style sheet
	Means  string
}

// Verbs are all of them, in the order of the legend.
func Verbs() []Verb {
	return []Verb{
		{"Q", "ask", "the client asks"},
		{"W", "wait", "waits in a call"},
		{"P", "park", "the goroutine is parked, its thread is not"},
		{"K", "wake", "is woken, or given a thread"},
		{"N", "notify", "is told that something CAN be done"},
		{"E", "enlist", "tells the kernel what to report"},
		{"A", "accept", "accepts a connection"},
		{"U", "submit", "submits an operation"},
		{"C", "complete", "is told that it HAS been done"},
		{"R", "read", "reads"},
		{"H", "handle", "the handler thinks"},
		{"S", "send", "sends"},
		{"I", "inside", "inside the kernel, as its tracepoints tell"},
		{"O", "other", "another call"},
		{"D", "done", "the client has its answer"},
	}
}

func verbNamed(name string) Verb {
	for _, v := range Verbs() {
		if v.Name == name {
			return v
		}
	}
	return Verb{"O", "other", "another call"}
}

// verbOfCall tells what kind of thing a system call does.
func verbOfCall(name string) Verb {
	switch {
	case strings.HasPrefix(name, "epoll_ctl"):
		return verbNamed("enlist")
	case strings.HasPrefix(name, "epoll_"), strings.Contains(name, "poll"), strings.Contains(name, "select"),
		name == "io_uring_enter":
		return verbNamed("wait")
	case strings.HasPrefix(name, "read"), strings.HasPrefix(name, "recv"):
		return verbNamed("read")
	case strings.HasPrefix(name, "write"), strings.HasPrefix(name, "send"):
		return verbNamed("send")
	case strings.HasPrefix(name, "accept"):
		return verbNamed("accept")
	}
	return verbNamed("other")
}

package trace

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// resources gives the descriptors of all traced processes names by what they are, counted over
// the whole trace, so that a number that is used again is not taken for what it was before:
// conn1, listener1, epoll2, eventfd1, ring1, file3.
type resources struct {
	names  map[int]map[int64]string // by process and descriptor
	counts map[string]int
}

func newResources() *resources {
	return &resources{names: map[int]map[int64]string{}, counts: map[string]int{}}
}

// name returns the name of a descriptor, and finds one if it is new.
func (r *resources) name(pid int, fd int64) string {
	if name, ok := r.names[pid][fd]; ok {
		return name
	}
	return r.give(pid, fd, kindOf(pid, fd))
}

// give names a descriptor anew.
func (r *resources) give(pid int, fd int64, kind string) string {
	r.counts[kind]++
	name := fmt.Sprintf("%s%d", kind, r.counts[kind])
	if r.names[pid] == nil {
		r.names[pid] = map[int64]string{}
	}
	r.names[pid][fd] = name
	return name
}

// kindOf asks the kernel what a descriptor is.
func kindOf(pid int, fd int64) string {
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
	switch {
	case err != nil:
		return "closed"
	case target == "anon_inode:[eventpoll]":
		return "epoll"
	case target == "anon_inode:[eventfd]":
		return "eventfd"
	case target == "anon_inode:[io_uring]":
		return "ring"
	case strings.HasPrefix(target, "socket:"):
		return "socket"
	case strings.HasPrefix(target, "pipe:"):
		return "pipe"
	}
	return "file"
}

// enter fills in what the event of a call that begins is about.
func (r *resources) enter(e *Event, c call) {
	switch c.about {
	case nothing:
		return
	case many:
		e.On = "set"
		return
	case first:
	}
	fd := e.Args[0]
	switch c.name {
	case "accept", "accept4", "listen":
		if name := r.names[e.PID][fd]; !strings.HasPrefix(name, "listener") {
			r.give(e.PID, fd, "listener")
		}
	}
	e.On = r.name(e.PID, fd)
	switch c.name {
	case "epoll_ctl":
		e.With = r.name(e.PID, e.Args[2])
	case "close":
		// Now, not at the exit: in between another thread may be given the number.
		delete(r.names[e.PID], fd)
	}
}

// exit takes note of what a successful call made.
func (r *resources) exit(e *Event) {
	switch e.Name {
	case "accept", "accept4":
		e.With = r.give(e.PID, e.Ret, "conn")
	case "socket":
		r.give(e.PID, e.Ret, "socket")
	case "execve":
		delete(r.names, e.PID) // close-on-exec closed most of them
	case "fcntl":
		if cmd := e.Args[1]; cmd == unix.F_DUPFD || cmd == unix.F_DUPFD_CLOEXEC {
			delete(r.names[e.PID], e.Ret)
		}
	}
}

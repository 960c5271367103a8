// Package scan is the half that two sources of events share which must look at every descriptor to
// find those that are ready: poll, which asks the kernel about all of them, and spin, which asks
// nobody. epoll needs none of this: there the kernel keeps the list.
package scan

import (
	"errors"

	"golang.org/x/sys/unix"

	"iomodels/servers/reactor/demux"
)

// List keeps the interests of a source that has to name all of them each time it asks, for the
// kernel keeps none. The entries lie close together, since they are read from end to end.
type List struct {
	Polls       []unix.PollFd // what to ask; Revents is the source's own
	generations []uint32      // of Polls
	places      []int32       // in Polls, by descriptor; from 1
	next        int           // where Collect begins
}

// Control implements demux.Source.
func (l *List) Control(op demux.Control, fd int, interest demux.Readiness, generation uint32) error {
	if interest&(demux.Edge|demux.Once) != 0 {
		return errors.New("this demultiplexer knows levels only")
	}
	switch op {
	case demux.Add:
		for fd >= len(l.places) {
			l.places = append(l.places, 0)
		}
		l.Polls = append(l.Polls, unix.PollFd{Fd: int32(fd), Events: int16(interest)})
		l.generations = append(l.generations, generation)
		l.places[fd] = int32(len(l.Polls))
	case demux.Modify:
		l.Polls[l.places[fd]-1].Events = int16(interest)
	case demux.Delete:
		l.Forget(fd)
	}
	return nil
}

// Forget fills the gap with the last entry. Handlers run on a copy of what was ready, so they may
// come and go meanwhile.
func (l *List) Forget(fd int) {
	gap, last := l.places[fd]-1, len(l.Polls)-1
	l.Polls[gap], l.generations[gap] = l.Polls[last], l.generations[last]
	l.places[l.Polls[gap].Fd] = gap + 1
	l.places[fd] = 0
	l.Polls, l.generations = l.Polls[:last], l.generations[:last]
}

// Collect fills the batch with the entries for which ready is not 0, and reports whether it has
// looked at all. It goes on where it stopped the last time: who is far behind must have a turn.
func (l *List) Collect(batch []demux.Event, ready func(unix.PollFd) demux.Readiness) (n int, all bool) {
	for range l.Polls {
		if n == len(batch) {
			return n, false
		}
		if l.next >= len(l.Polls) {
			l.next = 0
		}
		p := l.Polls[l.next]
		if r := ready(p); r != 0 {
			batch[n] = demux.Event{Events: uint32(r), Fd: p.Fd, Pad: int32(l.generations[l.next])}
			n++
		}
		l.next++
	}
	return n, true
}

package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxHead bounds a request head.
const maxHead = 1024

// conn is a connection, in a table indexed by descriptors.
type conn struct {
	gen     uint32
	open    bool
	stamped bool  // the kernel stamps its packets
	request int32 // the request that is arriving; none
	got     int32 // bytes of it
	carried uint64
	kernel  time.Duration // when the kernel received the last packet
}

// request is one request that waits for its release, in a slab.
type request struct {
	fd      int32
	gen     uint32
	index   uint64
	arrived time.Duration
	kernel  time.Duration // the same, as the kernel says; 0: not stamped
	data    []byte        // the message
}

const none = -1

// accept takes all the connections that wait.
func (s *server) accept(listener int32) error {
	for {
		fd, _, err := unix.Accept4(int(listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED):
			continue
		case err != nil:
			return os.NewSyscallError("accept4", err)
		}
		for fd >= len(s.conns) {
			s.conns = append(s.conns, conn{})
		}
		gen := s.conns[fd].gen + 1
		s.conns[fd] = conn{gen: gen, open: true, request: none}
		s.log.accepted(s.now())
		s.counts.Accepted++
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return os.NewSyscallError("setsockopt TCP_NODELAY", err)
		}
		if n := uint64(s.spec.Stamped); n > 0 && s.counts.Accepted%n == 0 {
			if err := askForStamps(fd); err != nil {
				return err
			}
			s.conns[fd].stamped = true
		}
		if err := s.watch(int32(fd), gen); err != nil {
			return err
		}
	}
}

// read takes what a connection has sent.
func (s *server) read(fd int32, gen uint32) error {
	c := &s.conns[fd]
	if !c.open || c.gen != gen {
		return nil
	}
	n, err := s.receive(fd)
	now := s.now()
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		if c.stamped { // a stamp that came late, and nothing else
			sendStamp(int(fd))
		}
		return nil
	case err != nil || n == 0: // the client may close as it likes
		s.forget(fd)
		return nil
	}
	s.counts.BytesIn += uint64(n)
	for in := s.buffer[:n]; len(in) > 0; {
		used, whole, err := s.gather(c, in)
		if err != nil {
			return err
		}
		in = in[used:]
		if whole {
			s.arrived(fd, now)
		}
	}
	return nil
}

func (s *server) receive(fd int32) (int, error) {
	if s.conns[fd].stamped {
		n, at, err := receiveStamped(int(fd), s.buffer)
		if !at.IsZero() {
			s.conns[fd].kernel = at.Sub(s.base.Round(0))
		}
		return n, err
	}
	return unix.Read(int(fd), s.buffer)
}

// gather adds bytes to the request that is arriving, and reports whether it is whole.
func (s *server) gather(c *conn, in []byte) (used int, whole bool, err error) {
	if c.request == none {
		c.request, c.got = s.requests.take(), 0
	}
	data := s.requests.of[c.request].data
	if s.spec.Proto == "echo" {
		n := copy(data[c.got:s.spec.Size], in)
		c.got += int32(n)
		return n, int(c.got) == s.spec.Size, nil
	}
	before := int(c.got)
	n := copy(data[before:], in)
	from := max(before-3, 0)
	if end := bytes.Index(data[from:before+n], []byte("\r\n\r\n")); end >= 0 {
		return from + end + 4 - before, true, nil
	}
	if before+n == len(data) {
		return 0, false, fmt.Errorf("a request head has more than %d bytes", maxHead)
	}
	c.got += int32(n)
	return n, false, nil
}

// arrived decides what becomes of a whole request.
func (s *server) arrived(fd int32, now time.Duration) {
	c := &s.conns[fd]
	if s.first < 0 {
		s.first = now
	}
	slot := c.request
	r := &s.requests.of[slot]
	r.fd, r.gen, r.arrived, r.index = fd, c.gen, now, s.counts.Requests
	r.kernel = 0
	if c.stamped {
		r.kernel = c.kernel
	}
	c.request = none
	c.carried++
	s.counts.Requests++
	s.log.arrived(now)
	fate := s.fate(r.index)
	s.counts.Fates[fate]++
	at := s.release(r.index, now-s.first) // also for the silent ones: they wait in the queue too
	if fate == Silence {
		s.requests.give(slot)
		return
	}
	s.due.push(entry{at: at + s.first, index: r.index, slot: slot})
}

func (s *server) fate(i uint64) string {
	if n := uint64(len(s.spec.Fates)); n > 0 {
		return s.spec.Fates[i%n]
	}
	return Answer
}

// forget closes a connection.
func (s *server) forget(fd int32) {
	c := &s.conns[fd]
	if c.request != none {
		s.requests.give(c.request)
	}
	s.counts.Carried[c.carried]++
	c.open = false
	unix.Close(int(fd))
}

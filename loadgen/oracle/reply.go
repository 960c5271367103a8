package oracle

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The replies of HTTP. The body of a right one is what the generator expects for "/".
const (
	greeting = "Hello, World!"
	right    = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + greeting
	wrong    = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + "Hello, World?"
	failed   = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
	missing  = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
	garbage  = "\x16\x03\x01\x02\x00 this is not the protocol you were looking for \r\n\r\n"
)

// reply does to a request what its fate is. at: when it was due.
func (s *server) reply(slot int32, at, now time.Duration) error {
	r := &s.requests.of[slot]
	defer s.requests.give(slot)
	if c := &s.conns[r.fd]; !c.open || c.gen != r.gen {
		s.counts.Lost++
		return nil
	}
	fate := s.fate(r.index)
	if fate == Reset {
		err := unix.SetsockoptLinger(int(r.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		if err != nil {
			return os.NewSyscallError("setsockopt SO_LINGER", err)
		}
	}
	if b := s.bytes(fate, r); len(b) > 0 {
		if sent, err := s.write(r.fd, b); err != nil || !sent {
			s.counts.Lost++
			return err
		}
	}
	switch fate {
	case Answer:
		s.counts.Replies++
		s.record(r, at, now)
	case Reset, Fin, Half:
		s.forget(r.fd)
	}
	return nil
}

// bytes returns what is sent. For echo, it is made of the message itself.
func (s *server) bytes(fate string, r *request) []byte {
	whole := []byte(nil)
	if s.spec.Proto == "echo" {
		whole = r.data[:s.spec.Size]
	}
	switch fate {
	case Answer, Half:
		if whole == nil {
			whole = append(s.buffer[:0], right...)
		}
		if fate == Half {
			whole = whole[:len(whole)/2]
		}
	case Wrong:
		if whole == nil {
			return append(s.buffer[:0], wrong...)
		}
		whole[len(whole)-1] ^= 0xff
	case Garbage:
		return append(s.buffer[:0], garbage...)
	case Error500:
		return append(s.buffer[:0], failed...)
	case Error404:
		return append(s.buffer[:0], missing...)
	default:
		return nil
	}
	return whole
}

// write sends a reply whole. With one request in flight per connection it always fits; if it
// does not, nothing that is measured afterwards would mean anything.
func (s *server) write(fd int32, b []byte) (sent bool, err error) {
	n, err := unix.SendmsgN(int(fd), b, nil, nil, unix.MSG_NOSIGNAL)
	switch {
	case errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET):
		s.forget(fd)
		return false, nil
	case err != nil:
		return false, os.NewSyscallError("send", err)
	case n < len(b):
		return false, fmt.Errorf("a reply of %d bytes does not fit the socket's buffer", len(b))
	}
	s.counts.BytesOut += uint64(n)
	return true, nil
}

// record takes note of how long the reply was held, and how late it was released.
func (s *server) record(r *request, at, now time.Duration) {
	if r.arrived-s.first < s.spec.Warmup {
		return
	}
	s.log.held = append(s.log.held, int64(now-r.arrived))
	s.log.late = append(s.log.late, int64(now-at))
	if r.kernel == 0 {
		return
	}
	if sent := sendStamp(int(r.fd)); !sent.IsZero() {
		s.log.kernel = append(s.log.kernel, int64(sent.Sub(s.base.Round(0))-r.kernel))
	}
}

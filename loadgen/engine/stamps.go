package engine

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/loadgen/latency"
)

// Stamps holds this generator's clock against the kernel's on a sample of its connections. Service
// time runs from a clock reading before the write to one after the read; the kernel stamps the
// same bytes when it hands them to the device and when they come in. What lies between the stamps
// of one side is this program's own, and its system calls': not the server's, nor the network's.
type Stamps struct {
	Send    *latency.Histogram // from the stamp before the write to the kernel's
	Receive *latency.Histogram // from the kernel's to the stamp after the read
	Missing uint64             // writes and reads without the kernel's stamp
	Refused string             // why the kernel gives none
}

func newStamps() Stamps {
	return Stamps{Send: latency.New(latency.Exact), Receive: latency.New(latency.Exact)}
}

// Add merges the stamps of another loop.
func (s *Stamps) Add(o *Stamps) {
	s.Send.Merge(o.Send)
	s.Receive.Merge(o.Receive)
	s.Missing += o.Missing
	if s.Refused == "" {
		s.Refused = o.Refused
	}
}

// stamper takes the kernel's stamps of the connections in the first slots of an epoll loop. The
// stamp of a write comes back through the socket's error queue, with the place of its last byte
// in the stream; that of a read as ancillary data. Structures whose address the kernel is given
// are fields: stacks move.
type stamper struct {
	epoll   *epoll
	out     *Stamps
	sent    []stampedWrite // by slot
	message unix.Msghdr
	vector  unix.Iovec
	control [256]byte
	flags   uint32
}

// stampedWrite is a write whose stamp has not come.
type stampedWrite struct {
	bytes   uint32 // of the stream so far; the kernel counts modulo 2^32, too
	at      int64  // clock reading before the write; 0: none is awaited
	watched bool
}

const stampFlags = unix.SOF_TIMESTAMPING_SOFTWARE | unix.SOF_TIMESTAMPING_TX_SOFTWARE |
	unix.SOF_TIMESTAMPING_RX_SOFTWARE | unix.SOF_TIMESTAMPING_OPT_ID | unix.SOF_TIMESTAMPING_OPT_TSONLY

func newStamper(e *epoll, slots int) *stamper {
	return &stamper{
		epoll: e, out: &e.loop.tally.Stamps, sent: make([]stampedWrite, slots), flags: stampFlags,
	}
}

// has reports whether the slot is one of the sample.
func (s *stamper) has(slot int32) bool { return int(slot) < len(s.sent) }

// watch asks for the stamps of a new connection. When the kernel refuses, nobody is asked again.
func (s *stamper) watch(slot int32) {
	fd := s.epoll.loop.conns[slot].fd
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPING,
		uintptr(unsafe.Pointer(&s.flags)), unsafe.Sizeof(s.flags), 0)
	if errno != 0 {
		s.out.Refused = fmt.Sprintf("setsockopt SO_TIMESTAMPING: %v", errno)
		s.sent = nil
		return
	}
	s.sent[slot] = stampedWrite{watched: true}
}

// wrote notes that n bytes were written. If that ended the newest request, its stamp is awaited;
// on loopback it is there already.
func (s *stamper) wrote(slot int32, n int) {
	w, l := &s.sent[slot], s.epoll.loop
	if !w.watched {
		return
	}
	w.bytes += uint32(n)
	c := &l.conns[slot]
	if c.unwritten > 0 || c.inFlight == 0 {
		return
	}
	newest := l.around(c.head + c.inFlight - 1)
	w.at = l.flights[slot*l.deep+newest].sent
	s.collect(slot)
}

// collect empties the error queue of the slot's socket: as long as there is something in it,
// epoll reports an error.
func (s *stamper) collect(slot int32) {
	for {
		_, errno := s.receive(slot, nil, unix.MSG_ERRQUEUE)
		if errno != 0 {
			return
		}
		at, ok := s.stamp()
		id, sent := s.id()
		w := &s.sent[slot]
		if w.at == 0 || !sent || id != w.bytes-1 {
			continue // of a part of a request, or of an earlier one
		}
		if ok {
			s.record(s.out.Send, at-w.at, w.at)
		} else {
			s.out.Missing++
		}
		w.at = 0
	}
}

// read reads from the slot's socket into b, like recvfrom, and notes when the bytes had come.
func (s *stamper) read(slot int32, b []byte) (int, syscall.Errno, int64) {
	n, errno := s.receive(slot, b, 0)
	now := s.epoll.loop.clock.Now()
	if errno == 0 && n > 0 && s.sent[slot].watched {
		if at, ok := s.stamp(); ok {
			s.record(s.out.Receive, now-at, now)
		} else {
			s.out.Missing++
		}
	}
	return n, errno, now
}

// record keeps what belongs to the measured part and its drain.
func (s *stamper) record(h *latency.Histogram, ns, at int64) {
	if s.epoll.loop.measure <= at {
		h.Record(ns)
	}
}

func (s *stamper) receive(slot int32, b []byte, flags uintptr) (int, syscall.Errno) {
	s.message = unix.Msghdr{Control: &s.control[0], Controllen: uint64(len(s.control))}
	if len(b) > 0 {
		s.vector = unix.Iovec{Base: &b[0], Len: uint64(len(b))}
		s.message.Iov, s.message.Iovlen = &s.vector, 1
	}
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(s.epoll.loop.conns[slot].fd),
		uintptr(unsafe.Pointer(&s.message)), flags)
	return int(n), errno
}

// stamp returns the kernel's stamp of what was received last, as CLOCK_MONOTONIC. The kernel
// stamps with the wall clock; the distance between the two is taken anew each time, since the
// wall clock is adjusted.
func (s *stamper) stamp() (at int64, ok bool) {
	data := s.ancillary(unix.SOL_SOCKET, unix.SCM_TIMESTAMPING)
	if len(data) < 16 {
		return 0, false
	}
	wall := int64(binary.NativeEndian.Uint64(data))*1e9 + int64(binary.NativeEndian.Uint64(data[8:]))
	if wall == 0 {
		return 0, false
	}
	now, clock := time.Now(), s.epoll.loop.clock // one reading of both clocks
	return wall - now.UnixNano() + clock.zero + int64(now.Sub(clock.base)), true
}

// id returns which byte of the stream a stamp from the error queue is of, and whether it is one
// of handing over to the device.
func (s *stamper) id() (id uint32, sent bool) {
	const infoAt, dataAt, size = 8, 12, 16 // struct sock_extended_err
	data := s.ancillary(unix.SOL_IP, unix.IP_RECVERR)
	if data == nil {
		data = s.ancillary(unix.SOL_IPV6, unix.IPV6_RECVERR)
	}
	if len(data) < size {
		return 0, false
	}
	const handedOver = 0 // SCM_TSTAMP_SND
	return binary.NativeEndian.Uint32(data[dataAt:]), binary.NativeEndian.Uint32(data[infoAt:]) == handedOver
}

// ancillary finds a control message in what was received last. It does not allocate, as the
// standard parser would.
func (s *stamper) ancillary(level, kind int32) []byte {
	rest := s.control[:min(s.message.Controllen, uint64(len(s.control)))]
	for len(rest) >= unix.SizeofCmsghdr {
		header := (*unix.Cmsghdr)(unsafe.Pointer(&rest[0]))
		if header.Len < unix.SizeofCmsghdr || header.Len > uint64(len(rest)) {
			return nil
		}
		if header.Level == level && header.Type == kind {
			return rest[unix.SizeofCmsghdr:header.Len]
		}
		rest = rest[min((header.Len+7)&^7, uint64(len(rest))):]
	}
	return nil
}

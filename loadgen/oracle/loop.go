package oracle

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The sizes of the loop.
const (
	maxSize   = 16 << 10 // bytes of a message: a reply must fit the socket's buffer at once
	maxEvents = 256
	spin      = 15 * time.Microsecond // before a reply is due: sleeping wakes up later than that
	forever   = time.Duration(-1)
)

// server is an oracle at work. Its thread owns everything.
type server struct {
	spec     Spec
	release  Releaser
	control  int // descriptor of the commands
	out      *os.File
	epoll    int
	events   []unix.EpollEvent
	timeout  unix.Timespec // handed to the kernel, so in the heap
	buffer   []byte
	base     time.Time // the clock counts from here
	first    time.Duration
	addrs    []string
	listener map[int32]bool
	conns    []conn // by descriptor
	requests slab
	due      heap
	command  []byte // the part of a command line that has come
	log      log
	counts   Counts
}

// Counts are exact.
type Counts struct {
	Accepted uint64            `json:"accepted"`
	Requests uint64            `json:"requests"` // whole ones
	Replies  uint64            `json:"replies"`  // whole and right ones
	Fates    map[string]uint64 `json:"fates"`    // what was decided, by fate
	Lost     uint64            `json:"lost"`     // replies whose connection was gone when they were due
	BytesIn  uint64            `json:"bytes_in"`
	BytesOut uint64            `json:"bytes_out"`
	Carried  map[uint64]uint64 `json:"carried"` // closed connections by how many requests they had brought
}

func newServer(spec Spec, in, out *os.File) (_ *server, err error) {
	s := &server{
		spec: spec, control: int(in.Fd()), out: out, base: time.Now(), first: -1, epoll: -1,
		events: make([]unix.EpollEvent, maxEvents), buffer: make([]byte, 64<<10),
		listener: map[int32]bool{}, requests: newSlab(max(spec.Size, maxHead)),
		counts: Counts{Fates: map[string]uint64{}, Carried: map[uint64]uint64{}},
		log:    newLog(spec.Log),
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.release, err = spec.Rule.Releaser(spec.Seed); err != nil {
		return nil, err
	}
	if err = growDescriptorTable(); err != nil {
		return nil, err
	}
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	for range spec.Ports {
		if err = s.listen(); err != nil {
			return nil, err
		}
	}
	return s, s.watch(int32(s.control), 0)
}

// growDescriptorTable makes room for all descriptors now: each doubling of the table stalls the
// process, and would be taken for the client's.
func growDescriptorTable() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, int(min(limit.Cur, 1<<20))-1)
	if err != nil {
		return os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

// listen opens one listening socket on a port of the kernel's choice.
func (s *server) listen() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	s.listener[int32(fd)] = true
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, s.spec.Backlog); err != nil {
		return os.NewSyscallError("listen", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	s.addrs = append(s.addrs, fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port))
	if s.spec.Hold {
		return nil
	}
	return s.watch(int32(fd), 0)
}

// watch asks for readability. The generation travels with the event: a descriptor may belong to
// another connection by the time an event of the same batch is looked at.
func (s *server) watch(fd int32, gen uint32) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: fd, Pad: int32(gen)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, int(fd), &ev))
}

func (s *server) now() time.Duration { return time.Since(s.base) }

// run turns until the commands end. They are served last in a batch, and only when no socket
// has anything left to say: a report contains all that was sent before it was asked for.
func (s *server) run() error {
	asked := false
	for {
		wait := s.patience()
		if asked {
			wait = 0
		}
		n, err := s.wait(wait)
		if err != nil {
			return err
		}
		if asked && n == 0 {
			asked = false
			if over, err := s.obey(); over || err != nil {
				return err
			}
		}
		for _, ev := range s.events[:n] {
			switch {
			case int(ev.Fd) == s.control:
				asked = true
				err = s.mute()
			case s.listener[ev.Fd]:
				err = s.accept(ev.Fd)
			default:
				err = s.read(ev.Fd, uint32(ev.Pad))
			}
			if err != nil {
				return err
			}
			if err := s.releaseDue(); err != nil {
				return err
			}
		}
		if err := s.releaseDue(); err != nil {
			return err
		}
	}
}

// mute stops reporting that a command waits, so that the sockets can be drained first.
func (s *server) mute() error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(s.epoll, unix.EPOLL_CTL_DEL, s.control, nil))
}

// patience is how long to sleep: not quite until the next reply is due.
func (s *server) patience() time.Duration {
	if len(s.due) == 0 {
		return forever
	}
	return max(s.due[0].at-s.now()-spin, 0)
}

func (s *server) wait(d time.Duration) (int, error) {
	var timeout *unix.Timespec
	if d != forever {
		s.timeout = unix.NsecToTimespec(int64(d))
		timeout = &s.timeout
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(s.epoll),
		uintptr(unsafe.Pointer(&s.events[0])), maxEvents, uintptr(unsafe.Pointer(timeout)), 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return 0, os.NewSyscallError("epoll_pwait2", errno)
	}
	if errno != 0 {
		return 0, nil
	}
	return int(n), nil
}

// releaseDue sends every reply that is due.
func (s *server) releaseDue() error {
	for len(s.due) > 0 {
		now := s.now()
		if s.due[0].at > now {
			return nil
		}
		next := s.due.pop()
		if err := s.reply(next.slot, next.at, now); err != nil {
			return err
		}
	}
	return nil
}

// obey carries out the commands that have come. over: there will be no more.
func (s *server) obey() (over bool, err error) {
	if err := s.watch(int32(s.control), 0); err != nil {
		return false, err
	}
	n, err := unix.Read(s.control, s.buffer)
	if err != nil || n == 0 {
		return n == 0, os.NewSyscallError("read a command", err)
	}
	for _, b := range s.buffer[:n] {
		if b != '\n' {
			s.command = append(s.command, b)
			continue
		}
		word := string(s.command)
		s.command = s.command[:0]
		switch word {
		case cmdReport:
			err = s.say(s.report())
		case cmdAccept:
			for fd := range s.listener {
				err = errors.Join(err, s.watch(fd, 0))
			}
		default:
			err = fmt.Errorf("command %q: want %s or %s", word, cmdReport, cmdAccept)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

func (s *server) close() {
	for fd := range s.conns {
		if s.conns[fd].open {
			unix.Close(fd)
		}
	}
	for fd := range s.listener {
		unix.Close(int(fd))
	}
	if s.epoll >= 0 {
		unix.Close(s.epoll)
	}
}

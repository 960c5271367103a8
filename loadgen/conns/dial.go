package conns

import (
	"encoding/binary"
	"fmt"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Target is the address of the server, ready for connect.
type Target struct {
	family int
	addr   unix.RawSockaddrInet6 // large enough for both families
	length uintptr
	ip     net.IP
	Name   string // HOST:PORT, resolved
}

// Resolve turns HOST:PORT into a Target. It asks the resolver once; a run stays with the answer.
func Resolve(addr string) (Target, error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return Target{}, fmt.Errorf("address %q: %w", addr, err)
	}
	if a.Port == 0 {
		return Target{}, fmt.Errorf("address %q: port 0 is nobody's", addr)
	}
	if a.IP == nil {
		a.IP = net.IPv4(127, 0, 0, 1)
	}
	t := Target{ip: a.IP, Name: a.String()}
	if ip4 := a.IP.To4(); ip4 != nil {
		t.family, t.addr, t.length = unix.AF_INET, inet4([4]byte(ip4), a.Port), unix.SizeofSockaddrInet4
		return t, nil
	}
	t.family, t.length = unix.AF_INET6, unix.SizeofSockaddrInet6
	t.addr = unix.RawSockaddrInet6{
		Family: unix.AF_INET6, Port: networkOrder(a.Port), Addr: [16]byte(a.IP.To16()),
	}
	return t, nil
}

// Loopback reports whether the target is in 127.0.0.0/8, where any number of source addresses
// stand ready without set-up.
func (t Target) Loopback() bool { return t.family == unix.AF_INET && t.ip.IsLoopback() }

// Window is how many connects to the target a loop may leave unanswered.
func (t Target) Window() int {
	if t.Loopback() {
		return NearWindow
	}
	return Window
}

func inet4(ip [4]byte, port int) (sa unix.RawSockaddrInet6) {
	*(*unix.RawSockaddrInet4)(unsafe.Pointer(&sa)) = unix.RawSockaddrInet4{
		Family: unix.AF_INET, Port: networkOrder(port), Addr: ip,
	}
	return sa
}

func networkOrder(port int) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], uint16(port))
	return binary.NativeEndian.Uint16(b[:])
}

// MaxSources bounds how many source addresses a run uses: 127.0.0.2 to 127.0.0.255.
const MaxSources = 254

// Dialer opens non-blocking sockets to one target. One loop owns it; it does not allocate.
type Dialer struct {
	target  Target
	sources []unix.RawSockaddrInet6 // bound round robin; empty: the kernel chooses
	next    int
	on      uint32 // the value of the options; its address is handed to the kernel
	// portRange narrows the local ports to high<<16 | low, for tests that use them up; 0: all.
	portRange uint32
}

// NewDialer returns a dialer that leaves from the source addresses 127.0.0.2, 127.0.0.3, ...
// Several dialers of one run start at different ones.
func NewDialer(target Target, sources, start int) *Dialer {
	d := &Dialer{target: target, on: 1}
	for i := range sources {
		d.sources = append(d.sources, inet4([4]byte{127, 0, 0, byte(2 + i)}, 0))
	}
	if sources > 0 {
		d.next = start % sources
	}
	return d
}

// Dial begins a connection. It returns the descriptor and whether the connection stands
// already, as it mostly does on loopback; otherwise the socket becomes writable when the
// outcome is known. When a source address has no port left, the next one is tried; only when
// all are used up the dial fails with Ports.
func (d *Dialer) Dial() (fd int, connected bool, failure Failure) {
	for range max(len(d.sources), 1) {
		fd, connected, failure = d.dialOnce()
		if failure != Ports {
			break
		}
	}
	return fd, connected, failure
}

func (d *Dialer) dialOnce() (fd int, connected bool, failure Failure) {
	const kind = unix.SOCK_STREAM | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	r, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(d.target.family), kind, 0)
	if errno != 0 {
		return -1, false, FailureOf(errno)
	}
	fd = int(r)
	errno = d.prepare(fd)
	if errno == 0 {
		errno = d.connect(fd)
	}
	switch errno {
	case 0:
		return fd, true, None
	case unix.EINPROGRESS, unix.EALREADY:
		return fd, false, None
	}
	unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return -1, false, FailureOf(errno)
}

// prepare sets what must be set before connect. IP_BIND_ADDRESS_NO_PORT leaves the choice of a
// port to connect, which knows the destination: a plain bind must find a port that is free for
// every destination, and runs out of them many times sooner.
func (d *Dialer) prepare(fd int) syscall.Errno {
	if errno := setOption(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, &d.on); errno != 0 {
		return errno
	}
	if d.portRange != 0 {
		if errno := setOption(fd, unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, &d.portRange); errno != 0 {
			return errno
		}
	}
	if len(d.sources) == 0 {
		return 0
	}
	if errno := setOption(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, &d.on); errno != 0 {
		return errno
	}
	source := unsafe.Pointer(&d.sources[d.next])
	d.next = (d.next + 1) % len(d.sources)
	_, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(source), unix.SizeofSockaddrInet4)
	return errno
}

func setOption(fd, level, name int, value *uint32) syscall.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(value)), unsafe.Sizeof(*value), 0)
	return errno
}

// connect asks twice. On loopback the handshake is over when the first call returns, but a
// non-blocking socket says EINPROGRESS all the same; the second call says so, and saves a
// round through the poller whose delay would be counted as connect time.
func (d *Dialer) connect(fd int) syscall.Errno {
	errno := d.connectOnce(fd)
	if errno == unix.EINPROGRESS {
		errno = d.connectOnce(fd)
	}
	if errno == unix.EISCONN {
		return 0
	}
	return errno
}

func (d *Dialer) connectOnce(fd int) syscall.Errno {
	to := unsafe.Pointer(&d.target.addr)
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(to), d.target.length)
	return errno
}

package servertest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/sock"
)

// What a test can see because the server runs in its own process: the other end of a
// connection, and everything that was left behind.

// inventory is what existed at one moment.
type inventory struct {
	fds        map[string]string // number -> what it is
	goroutines goleak.Option
}

func takeInventory() inventory {
	return inventory{openFDs(), goleak.IgnoreCurrent()}
}

// awaitEqual waits until nothing exists any more that did not exist before. Closing takes a
// moment: a peer's close must reach the server, a goroutine must be scheduled to end.
func (before inventory) awaitEqual() error {
	return poll(time.Now().Add(stopSlack), before.left)
}

// left returns an error that names what exists now and did not before.
func (before inventory) left() error {
	var left []string
	for fd, what := range openFDs() {
		if before.fds[fd] != what {
			left = append(left, fd+" -> "+what)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("%d descriptors left open: %s", len(left), strings.Join(left, ", "))
	}
	return goleak.Find(before.goroutines)
}

// openFDs lists the descriptors of this process that belong to I/O models: sockets and the
// kernel's event objects. Plain files and pipes are the test program's own.
func openFDs() map[string]string {
	open := map[string]string{}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return open
	}
	for _, entry := range entries {
		what, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil && (strings.HasPrefix(what, "socket:") || strings.HasPrefix(what, "anon_inode:")) {
			open[entry.Name()] = what
		}
	}
	return open
}

// serverSide returns the server's descriptor of connection c.
func serverSide(c *net.TCPConn) (int, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1, err
	}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		peer, err := unix.Getpeername(fd)
		if err == nil && portOf(peer) == c.LocalAddr().(*net.TCPAddr).Port {
			return fd, nil
		}
	}
	return -1, errNoServerSide
}

var errNoServerSide = errors.New("the server has no socket for this connection")

func portOf(sa unix.Sockaddr) int {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Port
	case *unix.SockaddrInet6:
		return sa.Port
	}
	return -1
}

// unread returns how many bytes of c lie in the server's socket; 0 if it has none.
func unread(c *net.TCPConn) int {
	fd, err := serverSide(c)
	if err != nil {
		return 0
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// awaitConsumed waits until the server has taken everything c sent out of its socket.
func (e *Env) awaitConsumed(c *net.TCPConn) error {
	return e.until(func() error {
		unsent, err := outstanding(c)
		if err != nil {
			return err
		}
		if n := unsent + unread(c); n > 0 {
			return fmt.Errorf("the server has left %d bytes unread", n)
		}
		return nil
	})
}

// outstanding returns how many bytes of c have not reached the server's socket.
func outstanding(c *net.TCPConn) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var ioctlErr error
	err = raw.Control(func(fd uintptr) { n, ioctlErr = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
	return n, errors.Join(err, os.NewSyscallError("ioctl", ioctlErr))
}

// awaitGone waits until the server has closed its side of c.
func (e *Env) awaitGone(c *net.TCPConn) error {
	return e.until(func() error {
		if fd, err := serverSide(c); !errors.Is(err, errNoServerSide) {
			return fmt.Errorf("the server still holds the connection (descriptor %d, %v)", fd, err)
		}
		return nil
	})
}

// intOptions are compared between a model's sockets and one that sock.Listen gave.
var intOptions = []struct {
	name       string
	level, opt int
}{
	{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY},
	{"TCP_CORK", unix.IPPROTO_TCP, unix.TCP_CORK},
	{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT},
	{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE},
	{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF},
	{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF},
	{"SO_LINGER", unix.SOL_SOCKET, unix.SO_LINGER},
	{"SO_BUSY_POLL", unix.SOL_SOCKET, unix.SO_BUSY_POLL},
}

func readOptions(fd int) (map[string]string, error) {
	got := map[string]string{}
	for _, o := range intOptions {
		v, err := unix.GetsockoptInt(fd, o.level, o.opt)
		if err != nil {
			return nil, os.NewSyscallError("getsockopt "+o.name, err)
		}
		got[o.name] = strconv.Itoa(v)
	}
	cc, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	if err != nil {
		return nil, os.NewSyscallError("getsockopt TCP_CONGESTION", err)
	}
	got["TCP_CONGESTION"] = cc
	return got, nil
}

// tunedOptions returns the options of a socket accepted from sock.Listen.
func tunedOptions() (map[string]string, error) {
	l, addr, err := sock.Listen("127.0.0.1:0", false, false)
	if err != nil {
		return nil, err
	}
	defer unix.Close(l)
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	fd, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("accept4", err)
	}
	defer unix.Close(fd)
	return readOptions(fd)
}

// compareOptions accepts a difference only from a library, and only if its card discloses it.
func (e *Env) compareOptions(got, want map[string]string) error {
	var errs []error
	for name, w := range want {
		switch {
		case got[name] == w:
		case e.Model.Family == servers.Library && strings.Contains(e.Model.Card.Sockets, name):
			e.Logf("disclosed: %s is %s; sock.Tune gives %s", name, got[name], w)
		default:
			errs = append(errs, fmt.Errorf("%s is %s; want %s, as sock.Tune gives", name, got[name], w))
		}
	}
	return errors.Join(errs...)
}

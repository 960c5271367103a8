package conns

import (
	"math/rand/v2"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFailureClasses(t *testing.T) {
	for errno, want := range map[syscall.Errno]Failure{
		0: None, unix.ECONNREFUSED: Refused, unix.ETIMEDOUT: TimedOut, unix.ENETUNREACH: Unreachable,
		unix.EADDRNOTAVAIL: Ports, unix.EMFILE: Descriptors, unix.ENOBUFS: Memory, unix.ECONNRESET: Reset,
		unix.EIO: Other,
	} {
		if got := FailureOf(errno); got != want {
			t.Errorf("%v is %v, want %v", errno, got, want)
		}
	}
	seen := map[string]bool{}
	for f := range Failure(Failures) {
		if seen[f.String()] || f.String() == "" {
			t.Errorf("failure %d is called %q", f, f.String())
		}
		seen[f.String()] = true
	}
}

func TestResolve(t *testing.T) {
	for addr, loopback := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, ":80": true, "[::1]:80": false, "192.0.2.1:80": false,
	} {
		target, err := Resolve(addr)
		if err != nil || target.Loopback() != loopback {
			t.Errorf("%s: loopback %v, %v", addr, target.Loopback(), err)
		}
	}
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999"} {
		if _, err := Resolve(addr); err == nil {
			t.Errorf("%q is taken for an address", addr)
		}
	}
}

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Skipf("no %s here: %v", addr, err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dialer(t *testing.T, addr string, sources int) *Dialer {
	t.Helper()
	target, err := Resolve(addr)
	if err != nil {
		t.Fatal(err)
	}
	return NewDialer(target, sources, 0)
}

func dial(t *testing.T, d *Dialer) (int, Failure) {
	t.Helper()
	fd, _, failure := d.Dial()
	if failure == None {
		t.Cleanup(func() { unix.Close(fd) })
	}
	return fd, failure
}

func TestDialReachesTheServerFromEachSource(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	d := dialer(t, l.Addr().String(), 3)
	for _, want := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.2"} {
		fd, failure := dial(t, d)
		if failure != None {
			t.Fatal(failure)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if host, _, _ := net.SplitHostPort(c.RemoteAddr().String()); host != want {
			t.Errorf("connection comes from %s, want %s", host, want)
		}
		c.Close()
		if v, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); v != 1 || err != nil {
			t.Errorf("TCP_NODELAY is %d, %v", v, err)
		}
	}
}

func TestDialIPv6(t *testing.T) {
	l := listen(t, "tcp", "[::1]:0")
	if _, failure := dial(t, dialer(t, l.Addr().String(), 0)); failure != None {
		t.Fatal(failure)
	}
}

func TestDialRefused(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	addr := l.Addr().String()
	l.Close()
	if _, failure := dial(t, dialer(t, addr, 1)); failure != Refused {
		t.Errorf("a port where nobody listens: %v", failure)
	}
}

// TestPortsRunOut: a source address has so many ports per destination. When they are used up,
// the next source is taken, and only when all are the dial fails, with a class of its own.
// Other programs use ports too, so the test looks for a range that it has for itself.
func TestPortsRunOut(t *testing.T) {
	const ports, sources, tries = 4, 2, 100
	servers := []net.Listener{listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")}
	want := ports * sources * len(servers)
	limits, err := ReadLimits()
	if err != nil {
		t.Fatal(err)
	}
	best := 0
	for range tries {
		opened, low := 0, uint32(limits.PortLow+rand.IntN(limits.Ports()-ports))
		for _, l := range servers {
			d := dialer(t, l.Addr().String(), sources)
			d.portRange = (low+ports-1)<<16 | low
			opened += dialUntilPortsRunOut(t, d, want)
		}
		if best = max(best, opened); best >= want {
			break
		}
	}
	// A port that a socket in TIME_WAIT was bound to by number cannot be shared, whatever the
	// addresses: other programs may leave tens of thousands.
	kernel, err := ReadKernel()
	if err != nil {
		t.Fatal(err)
	}
	if best < want && kernel.TimeWait > uint64(limits.Ports()/10) {
		t.Skipf("%d connections of others in TIME_WAIT hold the ports of this machine", kernel.TimeWait)
	}
	if best != want {
		t.Errorf("%d connections from %d sources with %d ports to %d servers, want %d",
			best, sources, ports, len(servers), want)
	}
}

func dialUntilPortsRunOut(t *testing.T, d *Dialer, bound int) (opened int) {
	t.Helper()
	for opened <= bound {
		switch _, failure := dial(t, d); failure {
		case None:
			opened++
		case Ports:
			return opened
		default:
			t.Fatal(failure)
		}
	}
	return opened
}

func TestDialOutOfDescriptors(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	d := dialer(t, l.Addr().String(), 0)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	next, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	_, failure := dial(t, d)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if failure != Descriptors {
		t.Errorf("without a descriptor left: %v", failure)
	}
}

func TestDialDoesNotAllocate(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	d := dialer(t, l.Addr().String(), 2)
	n := testing.AllocsPerRun(50, func() {
		fd, _, failure := d.Dial()
		if failure != None {
			t.Fatal(failure)
		}
		unix.Close(fd)
	})
	if n != 0 {
		t.Errorf("%v allocations per connection", n)
	}
}

package conns

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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

func TestCheckNamesLimitAndRemedy(t *testing.T) {
	roomy := Limits{Nofile: 20_000, PortLow: 32_768, PortHigh: 60_999}
	for _, c := range []struct {
		name   string
		limits func(*Limits)
		need   Need
		want   []string // words of the refusal; none: no refusal
	}{
		{"fits", nil, Need{Conns: 10_000, Spare: 64, Sources: 1}, nil},
		{"just fits", nil, Need{Conns: 19_936, Spare: 64, Sources: 1}, nil},
		{"descriptors", nil, Need{Conns: 19_937, Spare: 64, Sources: 1}, []string{"20001", "20000", "ulimit -n 20001"}},
		{
			"ports", func(l *Limits) { l.Nofile = 1 << 20 }, Need{Conns: 30_000, Sources: 1},
			[]string{"ip_local_port_range 32768-60999", "28232", "--sources 2"},
		},
		{"more sources", func(l *Limits) { l.Nofile = 1 << 20 }, Need{Conns: 30_000, Sources: 2}, nil},
		{
			"conntrack", func(l *Limits) { l.ConntrackMax, l.ConntrackUsed = 1000, 900 }, Need{Conns: 200, Sources: 1},
			[]string{"nf_conntrack_max=1000", "900", "sysctl -w"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := roomy
			if c.limits != nil {
				c.limits(&l)
			}
			err := l.Check(c.need)
			if (err != nil) != (c.want != nil) {
				t.Fatalf("Check = %v", err)
			}
			for _, word := range c.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
		})
	}
}

func TestSourcesFor(t *testing.T) {
	l := Limits{PortLow: 32_768, PortHigh: 60_999}
	for _, c := range []struct {
		conns int
		churn bool
		want  int
	}{
		{1, false, 1}, {20_000, false, 1}, {22_000, false, 2}, {100_000, false, 5}, {1, true, 16}, {10_000_000, false, 254},
	} {
		if got := l.SourcesFor(c.conns, c.churn); got != c.want {
			t.Errorf("%d connections, churn %v: %d sources, want %d", c.conns, c.churn, got, c.want)
		}
	}
}

func TestReadLimits(t *testing.T) {
	l, err := ReadLimits()
	if err != nil {
		t.Fatal(err)
	}
	if l.Nofile == 0 || l.Ports() < 2 {
		t.Errorf("limits are %+v", l)
	}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil || now.Cur != now.Max {
		t.Errorf("the soft limit stayed below the hard one: %+v, %v", now, err)
	}
}

func TestPregrowFDs(t *testing.T) {
	if err := PregrowFDs(1000); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Readlink(filepath.Join("/proc/self/fd", "999")); err == nil {
		t.Error("the descriptor that grew the table stayed open")
	}
	if err := PregrowFDs(1 << 30); err == nil {
		t.Error("a table beyond the limit was not refused")
	}
}

const ms = int64(time.Millisecond)

func TestGateRampIsEven(t *testing.T) {
	g := NewGate(1000, 50*ms)
	opened := 0
	for now := int64(0); now < 1050*ms; now += ms / 2 {
		for n := g.Allows(now, 0); n > 0; n-- {
			g.Began()
			opened++
		}
		if want := int(max(now-50*ms+ms, 0) / ms); now >= 50*ms && opened != want {
			t.Fatalf("%d connects begun after %d us, want %d", opened, (now-50*ms)/1000, want)
		}
		if next := g.Next(now); next > now+ms && now >= 50*ms {
			t.Fatalf("next connect at %d, a millisecond after %d", next, now)
		}
	}
	g.EndRamp()
	if n := g.Allows(1050*ms, 0); n != batch {
		t.Errorf("after the ramp %d connects are allowed, want %d", n, batch)
	}
}

func TestGateWindow(t *testing.T) {
	g := NewGate(0, 0)
	for pending, want := range map[int]int{0: batch, window - 10: 10, window: 0, 2 * window: 0} {
		if got := g.Allows(0, pending); got != want {
			t.Errorf("with %d pending %d connects are allowed, want %d", pending, got, want)
		}
	}
}

func TestGateBacksOffAndRecovers(t *testing.T) {
	g := NewGate(0, 0)
	now, attempts := int64(0), 0
	for ; now < 10_000*ms; now += ms {
		if g.Allows(now, 0) > 0 {
			attempts++
			g.Began()
			g.Failed(now, Refused)
			g.Failed(now, Refused) // at the same time: counts once
		}
	}
	if attempts < 15 || attempts > 30 {
		t.Errorf("a dead server was asked %d times in 10 s", attempts)
	}
	if next := g.Next(now); next <= now || next > now+lastDelay {
		t.Errorf("next attempt is %d ns away", next-now)
	}
	g.Connected()
	if n := g.Allows(now, 0); n != batch {
		t.Errorf("after a connection %d connects are allowed, want %d", n, batch)
	}
}

func TestGateIsNotFooledByAcceptAndClose(t *testing.T) {
	g := NewGate(0, 0)
	attempts := 0
	for now := int64(0); now < 10_000*ms; now += ms {
		for n := g.Allows(now, 0); n > 0; n-- {
			attempts++
			g.Connected()
			g.Failed(now, Fruitless)
		}
	}
	if attempts > batch+30 {
		t.Errorf("a server that accepts and closes was asked %d times in 10 s", attempts)
	}
	g.Replied()
	if n := g.Allows(10_000*ms, 0); n != batch {
		t.Errorf("after a reply %d connects are allowed, want %d", n, batch)
	}
}

func TestKernelCounters(t *testing.T) {
	c := counters("TcpExt: ListenOverflows ListenDrops TCPSynRetrans\nTcpExt: 3 4 5\nIpExt: A B\nIpExt: 1\n")
	if c["ListenOverflows"] != 3 || c["ListenDrops"] != 4 || c["TCPSynRetrans"] != 5 || c["A"] != 1 || c["B"] != 0 {
		t.Errorf("%v", c)
	}
	if tw := timeWait("sockets: used 9\nTCP: inuse 5 orphan 0 tw 12 alloc 8 mem 1\n"); tw != 12 {
		t.Errorf("%d sockets in TIME_WAIT", tw)
	}
	earlier, err := ReadKernel()
	if err != nil {
		t.Fatal(err)
	}
	later, err := ReadKernel()
	if err != nil {
		t.Fatal(err)
	}
	if since := later.Since(earlier); since.ListenDrops > 1<<40 || since.TimeWait != later.TimeWait {
		t.Errorf("%+v since %+v is %+v", later, earlier, since)
	}
}

// TestFullAcceptQueueIsCounted: with nobody accepting, connects beyond the queue stay pending.
func TestFullAcceptQueueIsCounted(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	before, err := ReadKernel()
	if err != nil {
		t.Fatal(err)
	}
	d := dialer(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(sa.(*unix.SockaddrInet4).Port)), 1)
	connected := 0
	for range 10 {
		next, done, failure := d.Dial()
		if failure != None {
			t.Fatal(failure)
		}
		defer unix.Close(next)
		if done {
			connected++
		}
	}
	after, err := ReadKernel()
	if err != nil {
		t.Fatal(err)
	}
	if connected != 2 || after.Since(before).ListenOverflows < 8 {
		t.Errorf("%d connected, %+v", connected, after.Since(before))
	}
}

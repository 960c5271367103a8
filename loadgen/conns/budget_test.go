package conns

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

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
		{
			"descriptors", nil,
			Need{Conns: 19_937, Spare: 64, Sources: 1},
			[]string{"20001", "20000", "ulimit -n 20001"},
		},
		{
			"ports", func(l *Limits) { l.Nofile = 1 << 20 },
			Need{Conns: 30_000, Sources: 1},
			[]string{"ip_local_port_range 32768-60999", "28232", "--sources 3"},
		},
		{"more sources", func(l *Limits) { l.Nofile = 1 << 20 }, Need{Conns: 30_000, Sources: 2}, nil},
		{"more processes", nil, Need{Conns: 100_000, Procs: 6, Spare: 64, Sources: 5}, nil},
		{
			"too few processes", nil,
			Need{Conns: 100_000, Procs: 5, Spare: 64, Sources: 5},
			[]string{"20064", "each of 5 processes", "--procs 6", "ulimit -n"},
		},
		{
			"descriptors of the system", func(l *Limits) { l.FilesMax, l.FilesUsed = 10_000, 4_000 },
			Need{Conns: 5_000, Both: true},
			[]string{"fs.file-max is 10000", "10000 descriptors", "6000 left", "sysctl -w fs.file-max="},
		},
		{
			"memory", func(l *Limits) { l.Available = 64 << 20 },
			Need{Conns: 10_000, Both: true},
			[]string{"87 MiB", "64 MiB", "7294 connections at most"},
		},
		{"memory of one end", func(l *Limits) { l.Available = 64 << 20 }, Need{Conns: 10_000}, nil},
		{
			"accept queue", func(l *Limits) { l.Somaxconn = 128 },
			Need{Conns: 10_000, Both: true, Salvo: 256},
			[]string{"net.core.somaxconn=128", "sysctl -w net.core.somaxconn=256", "--ramp"},
		},
		{"accept queue elsewhere", func(l *Limits) { l.Somaxconn = 128 }, Need{Conns: 10_000, Salvo: 256}, nil},
		{
			"conntrack", func(l *Limits) { l.ConntrackMax, l.ConntrackUsed = 1000, 900 },
			Need{Conns: 200, Sources: 1},
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
		{1, false, 1},
		{10_000, false, 1},
		{12_000, false, 2},
		{100_000, false, 9},
		{1, true, 16},
		{10_000_000, false, 254},
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

func TestKernelCounters(t *testing.T) {
	c := counters("TcpExt: ListenOverflows ListenDrops TCPSynRetrans\nTcpExt: 3 4 5\nIpExt: A B\nIpExt: 1\n")
	if c["ListenOverflows"] != 3 || c["ListenDrops"] != 4 || c["TCPSynRetrans"] != 5 || c["A"] != 1 ||
		c["B"] != 0 {
		t.Errorf("%v", c)
	}
	if tw := field("sockets: used 9\nTCP: inuse 5 orphan 0 tw 12 alloc 8 mem 1\n", "TCP:", "tw"); tw != 12 {
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

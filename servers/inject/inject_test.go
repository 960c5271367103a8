package inject_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/inject"
	"iomodels/servers/proto"
)

// faulty is a session of echo with a fault.
func faulty(t *testing.T, fault string) proto.Session {
	t.Helper()
	p, err := inject.Into(proto.Echo(), fault)
	if err != nil {
		t.Fatal(err)
	}
	return p.New()
}

func TestFaultsChangeNoByte(t *testing.T) {
	for _, fault := range []string{"", inject.Syscall, inject.Alloc, inject.Memory, inject.Stall, "cpu:20"} {
		out, verdict := faulty(t, fault).Feed([]byte("a"), []byte("bc"))
		if string(out) != "abc" || verdict != proto.Continue {
			t.Errorf("%q: %q, %v", fault, out, verdict)
		}
	}
}

func TestUnknownFaultsAreNamed(t *testing.T) {
	for _, fault := range []string{"slow", "cpu:", "cpu:0", "cpu:x", "cpu:1001"} {
		if _, err := inject.Into(proto.Echo(), fault); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q: %v", fault, err)
		}
	}
}

func TestAllocations(t *testing.T) {
	for fault, want := range map[string]float64{inject.Syscall: 0, inject.Alloc: 1, inject.Memory: 0} {
		s, out, in := faulty(t, fault), make([]byte, 0, 8), []byte("a")
		if got := testing.AllocsPerRun(100, func() { s.Feed(out, in) }); got != want {
			t.Errorf("%s allocates %v times for a request, want %v", fault, got, want)
		}
	}
	plain := testing.AllocsPerRun(100, func() { faulty(t, inject.Syscall) })
	if got := testing.AllocsPerRun(100, func() { faulty(t, inject.Memory) }); got != plain+1 {
		t.Errorf("a connection allocates %v times, want %v", got, plain+1)
	}
}

// TestStall counts what sleeps: nothing runs in this process meanwhile, so the clock of the wall
// moves at least as far as the stalls.
func TestStall(t *testing.T) {
	s, begin := faulty(t, inject.Stall), time.Now()
	for range 3000 {
		s.Feed(nil, nil)
	}
	if took := time.Since(begin); took < 6*time.Millisecond {
		t.Errorf("3000 requests took %v; three of them stall for 2 ms", took)
	}
}

// TestBurnerFollowsTheServer gives the requests some work of their own, in CPU time, and
// looks at what is spent on top. The bounds are those of a crowded machine.
func TestBurnerFollowsTheServer(t *testing.T) {
	const requests, own = 1 << 14, 5 * time.Microsecond
	spend := func(s proto.Session) time.Duration {
		begin := cpu(t)
		for range requests {
			for until := time.Now().Add(own); time.Now().Before(until); {
			}
			s.Feed(nil, nil)
		}
		return cpu(t) - begin
	}
	plain := spend(faulty(t, ""))
	if burnt := spend(faulty(t, "cpu:300")); burnt < 2*plain {
		t.Errorf("with three times as much on top, %d requests took %v of CPU, and %v without", requests, burnt, plain)
	}
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

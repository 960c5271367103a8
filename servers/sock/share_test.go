package sock

import (
	"errors"
	"math"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

func TestListenLoops(t *testing.T) {
	for _, n := range []int{1, 3} {
		fds, addr, err := ListenLoops("127.0.0.1:0", n, false, true)
		if err != nil || len(fds) != n {
			t.Fatalf("ListenLoops(%d) = %v, %v", n, fds, err)
		}
		for _, fd := range fds {
			if got, err := LocalAddr(fd); err != nil || got.String() != addr.String() {
				t.Errorf("listener %d is bound to %v (%v); want %v", fd, got, err, addr)
			}
		}
		// A second server must learn that the address is taken, not take a share of it.
		for _, other := range []int{1, 2} {
			if _, _, err := ListenLoops(addr.String(), other, false, true); !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("%d more listeners of somebody else: %v; want EADDRINUSE", other, err)
			}
		}
		for _, fd := range fds {
			if err := unix.Close(fd); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestOtherProcessesMayJoin: told so, a second server takes its share.
func TestOtherProcessesMayJoin(t *testing.T) {
	addr := "127.0.0.1:0"
	for range 2 {
		fds, bound, err := ListenLoops(addr, 2, true, true)
		if err != nil {
			t.Fatal(err)
		}
		addr = bound.String()
		for _, fd := range fds {
			defer unix.Close(fd)
		}
	}
}

func TestReserve(t *testing.T) {
	held, addr, err := Reserve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(held)
	if c, err := net.Dial("tcp", addr.String()); err == nil {
		c.Close()
		t.Error("a reserved address accepts")
	}
	fds, _, err := ListenLoops(addr.String(), 1, true, true)
	if err != nil {
		t.Fatalf("whom it is reserved for: %v", err)
	}
	defer unix.Close(fds[0])
	for i := range 10 { // all go there, and none to the holder
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fd, errno := Accept(fds[0])
		if errno != 0 {
			t.Fatalf("connection %d: %v", i, errno)
		}
		unix.Close(fd)
	}
}

// TestSpread shows how evenly the kernel deals connections out to loops: as dice would.
func TestSpread(t *testing.T) {
	const conns = 1000
	for _, loops := range []int{2, 4, 8, 16} {
		counts := spread(t, loops, conns)
		fewest, most, sum := conns, 0, 0
		for _, n := range counts {
			fewest, most, sum = min(fewest, n), max(most, n), sum+n
		}
		mean := float64(conns) / float64(loops)
		off := max(float64(most)-mean, mean-float64(fewest)) / mean
		t.Logf("%d connections to %2d loops: %d to %d, at most %.0f %% off the mean", conns, loops, fewest, most, 100*off)
		// Six standard deviations of a binomial distribution: it never is, unless it is none.
		if limit := 6 * math.Sqrt(float64(loops-1)/conns); sum != conns || off > limit {
			t.Errorf("%d loops got %v of %d connections; want none %.0f %% off", loops, counts, conns, 100*limit)
		}
	}
}

// spread opens connections to an address that loops share, and counts how many each gets.
func spread(t *testing.T, loops, conns int) []int {
	fds, addr, err := ListenLoops("127.0.0.1:0", loops, false, true)
	if err != nil {
		t.Fatal(err)
	}
	for range conns {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	counts := make([]int, loops)
	for i, listener := range fds {
		for {
			fd, errno := Accept(listener)
			if errno != 0 {
				break
			}
			unix.Close(fd)
			counts[i]++
		}
		unix.Close(listener)
	}
	return counts
}

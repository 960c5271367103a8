package sock

import (
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// An accepted socket must carry the listener's options, or the io_uring models, which never
// call setsockopt, would be measured on other sockets than everybody else.
func TestAcceptedSocketsInheritTune(t *testing.T) {
	fd, addr, err := Listen("127.0.0.1:0", false, false)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	client, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(os.NewSyscallError("accept4", err))
	}
	defer unix.Close(accepted)
	if on, err := unix.GetsockoptInt(accepted, unix.IPPROTO_TCP, unix.TCP_NODELAY); err != nil || on == 0 {
		t.Errorf("TCP_NODELAY on the accepted socket is %d (%v), want it set", on, err)
	}
}

func TestListenersShareAPortByReusePort(t *testing.T) {
	first, addr, err := Listen("127.0.0.1:0", true, true)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(first)
	second, again, err := Listen(addr.String(), true, true)
	if err != nil {
		t.Fatalf("second listener on %s: %v", addr, err)
	}
	defer unix.Close(second)
	if again.Port != addr.Port {
		t.Errorf("second listener is on port %d, want %d", again.Port, addr.Port)
	}
}

func TestListenSaysWhatFailed(t *testing.T) {
	fd, addr, err := Listen("127.0.0.1:0", false, false)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, _, err := Listen(addr.String(), false, false); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("port in use: got %v, want EADDRINUSE in the chain", err)
	}
	if _, _, err := Listen("127.0.0.1:notaport", false, false); err == nil {
		t.Error("a port that is no number was accepted")
	}
}

func TestIPv6(t *testing.T) {
	fd, addr, err := Listen("[::1]:0", false, false)
	if err != nil {
		t.Skipf("no IPv6 loopback here: %v", err)
	}
	defer unix.Close(fd)
	if !addr.IP.Equal(net.IPv6loopback) {
		t.Errorf("bound to %s, want ::1", addr)
	}
}

func TestPregrowFDsLeavesNothingOpen(t *testing.T) {
	before := openFDs(t)
	if err := PregrowFDs(); err != nil {
		t.Fatal(err)
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors open before, %d after", before, after)
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

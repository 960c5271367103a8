package sock

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRawCallsOverLoopback(t *testing.T) {
	listener, addr, err := Listen("127.0.0.1:0", false, true)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(listener)
	if _, errno := Accept(listener); errno != unix.EAGAIN {
		t.Fatalf("Accept without a connection: %v; want EAGAIN", errno)
	}
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(client)
	if err := unix.Connect(client, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	fd, errno := Accept(listener)
	if errno != 0 {
		t.Fatalf("Accept: %v", errno)
	}
	defer unix.Close(fd)
	for name, get := range map[string]int{"non-blocking": unix.F_GETFL, "close-on-exec": unix.F_GETFD} {
		want := map[int]int{unix.F_GETFL: unix.O_NONBLOCK, unix.F_GETFD: unix.FD_CLOEXEC}[get]
		if flags, err := unix.FcntlInt(uintptr(fd), get, 0); err != nil || flags&want == 0 {
			t.Errorf("accepted socket is not %s", name)
		}
	}
	buf := make([]byte, 100)
	if n, errno := Recv(fd, buf); n != -1 || errno != unix.EAGAIN {
		t.Errorf("Recv without data = %d, %v; want -1, EAGAIN", n, errno)
	}
	if n, errno := Send(client, []byte("hello")); n != 5 || errno != 0 {
		t.Errorf("Send = %d, %v", n, errno)
	}
	if n, errno := Recv(fd, buf); errno != 0 || string(buf[:n]) != "hello" {
		t.Errorf("Recv = %q, %v", buf[:n], errno)
	}
	if err := unix.Shutdown(client, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if n, errno := Recv(fd, buf); n != 0 || errno != 0 {
		t.Errorf("Recv after FIN = %d, %v; want 0, no error", n, errno)
	}
}

func TestSendTakesWhatFitsAndReportsBrokenPeers(t *testing.T) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	big := bytes.Repeat([]byte("x"), 8<<20)
	if n, errno := Send(p[0], big); errno != 0 || n == 0 || n == len(big) {
		t.Errorf("Send of %d bytes = %d, %v; want a part", len(big), n, errno)
	}
	if n, errno := Send(p[0], big); n != -1 || errno != unix.EAGAIN {
		t.Errorf("Send into a full socket = %d, %v; want -1, EAGAIN", n, errno)
	}
	unix.Close(p[1])
	if _, errno := Send(p[0], big); errno != unix.EPIPE {
		t.Errorf("Send to nobody: %v; want EPIPE", errno)
	}
}

func TestAllocsPerRunRaw(t *testing.T) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	buf := make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() { Send(p[0], buf); Recv(p[1], buf) }); n != 0 {
		t.Errorf("%v allocations per message; want 0", n)
	}
}

package rawcall_test

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"iomodels/servers/rawcall"
)

func TestSyscall(t *testing.T) {
	if pid, _, errno := rawcall.Syscall(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0); errno != 0 || int(pid) != os.Getpid() {
		t.Errorf("getpid: %d (errno %d), want %d", pid, errno, os.Getpid())
	}
	if r, _, errno := rawcall.Syscall(unix.SYS_CLOSE, ^uintptr(0), 0, 0, 0, 0, 0); errno != unix.EBADF || int(r) != -1 {
		t.Errorf("close(-1): %d (errno %d), want -1 and EBADF", int(r), errno)
	}
}

// What a call is given as a pointer must still be there when the kernel writes, on a stack that
// moves and a heap that is collected.
func TestPointersStayAlive(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	for i := range 1000 {
		if got := through(fds, byte(i), i%50); got != byte(i) {
			t.Fatalf("round %d: read %d", i, got)
		}
		if i%100 == 0 {
			runtime.GC()
		}
	}
}

// through sends a byte through a pipe, from and to the stack, some frames down.
func through(fds [2]int, b byte, depth int) byte {
	var room [512]byte
	if depth > 0 {
		room[depth] = through(fds, b, depth-1)
		return room[depth]
	}
	in, out := b, byte(^b)
	for _, c := range []struct {
		trap uintptr
		fd   int
		at   *byte
	}{{unix.SYS_WRITE, fds[1], &in}, {unix.SYS_READ, fds[0], &out}} {
		if n, _, errno := rawcall.Syscall(c.trap, uintptr(c.fd), uintptr(unsafe.Pointer(c.at)), 1, 0, 0, 0); n != 1 {
			panic(errno)
		}
	}
	return out
}

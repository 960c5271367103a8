package proc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysEnter is the tracepoint that fires on every entry of a system call.
const sysEnter = "events/raw_syscalls/sys_enter/id"

// Counter counts the system calls of one child and all its threads. It is opened disabled on
// the thread that starts the child; the child inherits it, and so does each of its threads.
// Counting slows a server down by an amount that differs between models, so a Counter must be
// stopped before time is measured.
type Counter struct {
	// Filter is a tracepoint filter over the field id, the number of the system call, to be set
	// before the child starts; "": all calls count.
	Filter string

	tracepoint int // kernel's number of sysEnter
	fd         int // -1: not open
	err        error
	closing    sync.WaitGroup
}

// NewCounter returns a counter for one child, or an error that says why this machine does not
// let us count, and what would.
func NewCounter() (*Counter, error) {
	id, err := tracepointID()
	if err != nil {
		return nil, fmt.Errorf("count system calls: %w", err)
	}
	c := &Counter{tracepoint: id, fd: -1}
	if c.openForChildren(); c.err != nil {
		return nil, fmt.Errorf("count system calls: %w (as root: sysctl kernel.perf_event_paranoid=-1)", c.err)
	}
	c.Close()
	return c, nil
}

// openForChildren attaches the counter to the calling thread, for what it starts from now on.
func (c *Counter) openForChildren() {
	attr := unix.PerfEventAttr{
		Type:   unix.PERF_TYPE_TRACEPOINT,
		Config: uint64(c.tracepoint),
		Bits:   unix.PerfBitDisabled | unix.PerfBitInherit,
	}
	attr.Size = uint32(unsafe.Sizeof(attr))
	const self, anyCPU, noGroup = 0, -1, -1
	fd, err := unix.PerfEventOpen(&attr, self, anyCPU, noGroup, unix.PERF_FLAG_FD_CLOEXEC)
	c.fd, c.err = fd, os.NewSyscallError("perf_event_open", err)
	if c.err == nil && c.Filter != "" {
		c.err = c.filter()
	}
}

// filter gives the event its filter. What inherits the event, inherits this.
func (c *Counter) filter() error {
	text, err := unix.BytePtrFromString(c.Filter)
	if err != nil {
		return fmt.Errorf("filter of system calls: %w", err)
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(c.fd), unix.PERF_EVENT_IOC_SET_FILTER,
		uintptr(unsafe.Pointer(text)))
	if errno != 0 {
		return os.NewSyscallError("ioctl PERF_EVENT_IOC_SET_FILTER", errno)
	}
	return nil
}

// Enable starts counting in the child and all its threads.
func (c *Counter) Enable() error {
	if c.err != nil {
		return c.err
	}
	return os.NewSyscallError("ioctl PERF_EVENT_IOC_ENABLE", unix.IoctlSetInt(c.fd, unix.PERF_EVENT_IOC_ENABLE, 0))
}

// Stop ends the counting and returns the number of calls entered since Enable, by threads that
// have died since included. The counter closes behind the caller's back: that takes the kernel
// tens of milliseconds of waiting, and Stop is called at the edge of the measured window.
func (c *Counter) Stop() (uint64, error) {
	if c.err != nil {
		return 0, c.err
	}
	fd := c.fd
	c.fd = -1
	defer c.closing.Go(func() { closeEvent(fd) })
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_DISABLE, 0); err != nil {
		return 0, os.NewSyscallError("ioctl PERF_EVENT_IOC_DISABLE", err)
	}
	var buf [8]byte
	if n, err := unix.Read(fd, buf[:]); err != nil || n != len(buf) {
		return 0, fmt.Errorf("read counter: %d bytes: %w", n, err)
	}
	return binary.NativeEndian.Uint64(buf[:]), nil
}

// Close detaches the counter, and waits until it is gone. It may be called again.
func (c *Counter) Close() {
	closeEvent(c.fd)
	c.fd = -1
	c.closing.Wait()
}

func closeEvent(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}

// tracepointID looks the number up where tracefs is mounted. Where it is not, whoever may
// mount it gets a mount of his own that has no place in the tree and ends with its descriptor.
func tracepointID() (int, error) {
	for _, root := range []string{"/sys/kernel/tracing/", "/sys/kernel/debug/tracing/"} {
		if data, err := os.ReadFile(root + sysEnter); err == nil {
			return strconv.Atoi(strings.TrimSpace(string(data)))
		}
	}
	data, err := readDetached("tracefs", sysEnter)
	if err != nil {
		return 0, fmt.Errorf("%w (as root: mount -t tracefs tracefs /sys/kernel/tracing)", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

// readDetached reads one file of a file system that is mounted for the length of the call.
func readDetached(fstype, path string) ([]byte, error) {
	fs, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("%s is not readable: %w", fstype, os.NewSyscallError("fsopen", err))
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, os.NewSyscallError("fsconfig", err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	defer unix.Close(mount)
	fd, err := unix.Openat(mount, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, os.NewSyscallError("openat", err))
	}
	file := os.NewFile(uintptr(fd), path)
	data, err := io.ReadAll(file)
	return data, errors.Join(err, file.Close())
}

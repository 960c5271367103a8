package trace

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// about says which argument of a call names what it is about.
type about int8

const (
	nothing about = iota // no descriptor, or none that matters: the runtime's own calls
	first                // the first argument is a descriptor
	many                 // descriptors in memory: poll and its like
)

type call struct {
	name  string
	about about
}

// calls names the system calls that a server makes on its way. Others are recorded by number.
var calls = merge(archCalls(), map[int64]call{
	unix.SYS_READ: {"read", first}, unix.SYS_READV: {"readv", first},
	unix.SYS_RECVFROM: {"recvfrom", first}, unix.SYS_RECVMSG: {"recvmsg", first},
	unix.SYS_WRITE: {"write", first}, unix.SYS_WRITEV: {"writev", first},
	unix.SYS_SENDTO: {"sendto", first}, unix.SYS_SENDMSG: {"sendmsg", first},
	unix.SYS_ACCEPT: {"accept", first}, unix.SYS_ACCEPT4: {"accept4", first},
	unix.SYS_SHUTDOWN: {"shutdown", first}, unix.SYS_CLOSE: {"close", first},
	unix.SYS_LISTEN: {"listen", first}, unix.SYS_BIND: {"bind", first},
	unix.SYS_GETSOCKNAME: {"getsockname", first}, unix.SYS_GETPEERNAME: {"getpeername", first},
	unix.SYS_SETSOCKOPT: {"setsockopt", first}, unix.SYS_GETSOCKOPT: {"getsockopt", first},
	unix.SYS_FCNTL: {"fcntl", first}, unix.SYS_IOCTL: {"ioctl", first},
	unix.SYS_SENDFILE: {"sendfile", first}, unix.SYS_SPLICE: {"splice", first},
	unix.SYS_SOCKET: {"socket", nothing}, unix.SYS_EVENTFD2: {"eventfd2", nothing},

	unix.SYS_EPOLL_CREATE1: {"epoll_create1", nothing}, unix.SYS_EPOLL_CTL: {"epoll_ctl", first},
	unix.SYS_EPOLL_PWAIT: {"epoll_pwait", first}, unix.SYS_EPOLL_PWAIT2: {"epoll_pwait2", first},
	unix.SYS_PPOLL: {"ppoll", many}, unix.SYS_PSELECT6: {"pselect6", many},
	unix.SYS_IO_URING_SETUP: {"io_uring_setup", nothing}, unix.SYS_IO_URING_ENTER: {"io_uring_enter", first},
	unix.SYS_IO_URING_REGISTER: {"io_uring_register", first},

	unix.SYS_FUTEX: {"futex", nothing}, unix.SYS_NANOSLEEP: {"nanosleep", nothing},
	unix.SYS_CLOCK_NANOSLEEP: {"clock_nanosleep", nothing}, unix.SYS_SCHED_YIELD: {"sched_yield", nothing},
	unix.SYS_SCHED_GETAFFINITY: {"sched_getaffinity", nothing}, unix.SYS_MADVISE: {"madvise", nothing},
	unix.SYS_MMAP: {"mmap", nothing}, unix.SYS_MUNMAP: {"munmap", nothing},
	unix.SYS_MPROTECT: {"mprotect", nothing}, unix.SYS_PRCTL: {"prctl", nothing},
	unix.SYS_RT_SIGACTION: {"rt_sigaction", nothing}, unix.SYS_RT_SIGPROCMASK: {"rt_sigprocmask", nothing},
	unix.SYS_RT_SIGRETURN: {"rt_sigreturn", nothing}, unix.SYS_SIGALTSTACK: {"sigaltstack", nothing},
	unix.SYS_TGKILL: {"tgkill", nothing}, unix.SYS_GETPID: {"getpid", nothing}, unix.SYS_GETTID: {"gettid", nothing},
	unix.SYS_CLONE: {"clone", nothing}, unix.SYS_CLONE3: {"clone3", nothing}, unix.SYS_EXIT: {"exit", nothing},
	unix.SYS_RSEQ: {"rseq", nothing}, unix.SYS_RESTART_SYSCALL: {"restart_syscall", nothing},
})

func merge(a, b map[int64]call) map[int64]call {
	for nr, c := range b {
		a[nr] = c
	}
	return a
}

// callOf describes a system call.
func callOf(nr int64) call {
	if c, ok := calls[nr]; ok {
		return c
	}
	return call{name: "syscall_" + strconv.FormatInt(nr, 10)}
}

// errName names the error that a call returned as a negative number.
func errName(ret int64) string {
	if name := unix.ErrnoName(unix.Errno(-ret)); name != "" {
		return name
	}
	// The kernel will make the call again after a signal, and only a tracer sees these.
	return "RESTART_" + strconv.FormatInt(-ret, 10)
}

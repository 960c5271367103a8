package gate

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// filter makes the kernel count every system call of a server except those that Go's runtime
// makes on its own account: locks, timers, memory, threads and signals come and go with the
// weather; getpid is how it addresses the signal that takes a goroutine off its thread. Also out
// are the calls that list open files, which netserve does now and then to see whether a crowd
// has left.
func filter() string {
	var terms []string
	for _, number := range []int{
		unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_SCHED_YIELD, unix.SYS_RESTART_SYSCALL,
		unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MPROTECT, unix.SYS_BRK,
		unix.SYS_CLONE, unix.SYS_CLONE3, unix.SYS_EXIT, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_GETTID,
		unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_TGKILL,
		unix.SYS_GETPID,
		unix.SYS_TIMER_SETTIME, unix.SYS_OPENAT, unix.SYS_GETDENTS64, unix.SYS_FSTAT, unix.SYS_CLOSE,
	} {
		terms = append(terms, fmt.Sprintf("id != %d", number))
	}
	return strings.Join(terms, " && ")
}

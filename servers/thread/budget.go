package thread

import (
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// reserve is how many threads are left for the runtime, the workers of --offload and others.
const reserve = 256

// budget returns how many connections can have a thread, and the limit that decides.
//
// The Go runtime cannot survive a clone(2) that fails, so the number must be known before:
// it is the smallest of all limits that clone(2) checks, less what is in use already.
func budget() (connections int, decidedBy string) {
	inUse := allThreads()
	connections, decidedBy = 1<<20, "none found"
	take := func(limit int, name string) {
		if limit > 0 && limit-reserve < connections {
			connections, decidedBy = max(limit-reserve, 1), name
		}
	}
	take(readNumber("/proc/sys/kernel/threads-max")-inUse, "kernel.threads-max")
	take(readNumber("/proc/sys/kernel/pid_max")-inUse, "kernel.pid_max")
	// In programs with cgo each thread has a stack of its own and a guard page before it.
	take(readNumber("/proc/sys/vm/max_map_count")/2, "vm.max_map_count")
	var user unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &user) == nil && os.Geteuid() != 0 && user.Cur < 1<<30 {
		take(int(user.Cur), "RLIMIT_NPROC (ulimit -u)")
	}
	take(cgroupPids())
	return connections, decidedBy
}

// cgroupPids returns how many more tasks the control groups of this process allow; 0: no bound.
func cgroupPids() (left int, name string) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, ""
	}
	for line := range strings.Lines(string(text)) {
		// "0::/a/b" in version 2, "7:pids:/a/b" in version 1.
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		root := "/sys/fs/cgroup"
		switch {
		case len(part) != 3 || part[1] != "" && part[1] != "pids":
			continue
		case part[1] == "pids":
			root += "/pids"
		}
		// A limit of any group above counts as well.
		for dir := path.Join(root, part[2]); strings.HasPrefix(dir, root); dir = path.Dir(dir) {
			most := readNumber(dir + "/pids.max")
			if most == 0 {
				continue
			}
			if free := max(most-readNumber(dir+"/pids.current"), 1); left == 0 || free < left {
				left, name = free, dir+"/pids.max"
			}
		}
	}
	return left, name
}

// allThreads counts the threads of the whole machine: the fourth field of /proc/loadavg is
// "runnable/all".
func allThreads() int {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 4 {
		return 0
	}
	_, all, _ := strings.Cut(fields[3], "/")
	n, _ := strconv.Atoi(all)
	return n
}

// readNumber returns the number in a file; 0 if there is none ("max", or no such file).
func readNumber(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

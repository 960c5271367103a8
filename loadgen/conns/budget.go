package conns

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Need is what a plan asks of the machine.
type Need struct {
	Conns   int  // connections open at once, idle ones included
	Procs   int  // processes that share them
	Spare   int  // descriptors of each for everything else
	Sources int  // source addresses; 0: the kernel's choice, one
	Churn   bool // connections are replaced all the time
	Both    bool // the server is on this machine: both ends of a connection are
	Salvo   int  // connects that may be begun before the server accepts one
}

// Limits is what the machine grants.
type Limits struct {
	Nofile        uint64 // descriptors per process
	PortLow       int    // local ports for outgoing connections
	PortHigh      int
	ConntrackMax  int // connections the firewall tracks; 0: it tracks none
	ConntrackUsed int
	FilesMax      int // descriptors of the whole system
	FilesUsed     int
	Available     uint64 // bytes of memory that can be had without swapping; 0: unknown
	Somaxconn     int    // the longest accept queue a server here can ask for; 0: unknown
}

// ReadLimits asks the kernel. It raises the soft limit on descriptors to the hard one first.
func ReadLimits() (Limits, error) {
	var l Limits
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return l, os.NewSyscallError("getrlimit RLIMIT_NOFILE", err)
	}
	if files.Cur < files.Max {
		raised := unix.Rlimit{Cur: files.Max, Max: files.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			files.Cur = files.Max
		}
	}
	l.Nofile = files.Cur
	ports, err := numbers("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return l, err
	}
	if len(ports) == 2 {
		l.PortLow, l.PortHigh = ports[0], ports[1]
	}
	for path, to := range map[string][]*int{
		"/proc/sys/net/netfilter/nf_conntrack_max":   {&l.ConntrackMax},
		"/proc/sys/net/netfilter/nf_conntrack_count": {&l.ConntrackUsed},
		"/proc/sys/net/core/somaxconn":               {&l.Somaxconn},
		"/proc/sys/fs/file-nr":                       {&l.FilesUsed, new(int), &l.FilesMax},
	} {
		n, err := numbers(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return l, err
		}
		for i := range min(len(n), len(to)) {
			*to[i] = n[i]
		}
	}
	memory, err := ReadFootprint()
	l.Available = memory.Available
	return l, err
}

func numbers(path string) ([]int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read limits: %w", err)
	}
	var out []int
	for _, word := range strings.Fields(string(text)) {
		n, err := strconv.Atoi(word)
		if errors.Is(err, strconv.ErrRange) {
			n, err = math.MaxInt, nil // no limit that matters
		}
		if err != nil {
			return nil, fmt.Errorf("read limits: %s: %w", path, err)
		}
		out = append(out, n)
	}
	return out, nil
}

// Ports is how many connections one source address can have to one destination.
func (l Limits) Ports() int { return max(l.PortHigh-l.PortLow+1, 0) }

// SourcesFor returns how many source addresses conns connections need. The kernel looks through
// every second port of the range before it tries the others: a source that has used up one half
// costs a search of thousands of ports for each further connect, a millisecond and more, so only
// four fifths of that half are used. Replaced connections stay in TIME_WAIT and hold their port,
// so churn gets many sources.
func (l Limits) SourcesFor(conns int, churn bool) int {
	usable := max(l.Ports()*2/5, 1)
	n := (conns + usable - 1) / usable
	if churn {
		n = max(n, 16)
	}
	return min(max(n, 1), MaxSources)
}

// PregrowFDs makes the kernel allocate the descriptor table for n descriptors now. The table
// starts small and doubles; in a process with several threads each doubling waits for an RCU
// grace period, some 10 ms during which every socket call stalls: steps in the connect times
// that are nobody's but ours.
func PregrowFDs(n int) error {
	fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, n-1)
	if err != nil {
		return os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

package record

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Programs are the executables of a run.
type Programs struct {
	Netserve string // path of the server program
	Netload  string // path of the load generator
}

// limitFiles are the kernel settings that change what a benchmark shows, by the name under
// which they stand in Env.Limits.
var limitFiles = map[string]string{
	"clocksource":         "/sys/devices/system/clocksource/clocksource0/current_clocksource",
	"governor":            "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
	"io_uring_disabled":   "/proc/sys/kernel/io_uring_disabled",
	"ip_local_port_range": "/proc/sys/net/ipv4/ip_local_port_range",
	"load_at_start":       "/proc/loadavg",
	"pid_max":             "/proc/sys/kernel/pid_max",
	"pids_max":            "/sys/fs/cgroup/pids.max",
	"perf_event_paranoid": "/proc/sys/kernel/perf_event_paranoid",
	"smt":                 "/sys/devices/system/cpu/smt/control",
	"somaxconn":           "/proc/sys/net/core/somaxconn",
	"tcp_max_tw_buckets":  "/proc/sys/net/ipv4/tcp_max_tw_buckets",
	"tcp_rmem":            "/proc/sys/net/ipv4/tcp_rmem",
	"tcp_tw_reuse":        "/proc/sys/net/ipv4/tcp_tw_reuse",
	"tcp_wmem":            "/proc/sys/net/ipv4/tcp_wmem",
	"threads_max":         "/proc/sys/kernel/threads-max",
	"thp":                 "/sys/kernel/mm/transparent_hugepage/enabled",
}

// Capture describes this machine and these programs. What cannot be read stays empty: a
// container that hides a setting must not stop a run.
func Capture(programs Programs, now time.Time) (Env, error) {
	commit, dirty := gitState(filepath.Dir(programs.Netserve))
	env := Env{
		V: Version, Commit: commit, Dirty: dirty, Command: os.Args, Started: now.UTC(),
		Kernel: kernelRelease(), CPU: cpuName(), CPUs: runtime.NumCPU(), MemoryMB: memoryMB(),
		Go:         runtime.Version(),
		Congestion: readSetting("/proc/sys/net/ipv4/tcp_congestion_control"),
		Nofile:     nofile(), Host: hostDigest(),
		Limits: map[string]string{}, Modules: modules(programs.Netserve), Binaries: map[string]string{},
		Identity: identity(programs.Netserve),
	}
	for name, path := range limitFiles {
		if v := readSetting(path); v != "" {
			env.Limits[name] = v
		}
	}
	if n, ok := maxProcesses(); ok {
		env.Limits["nproc"] = strconv.FormatUint(n, 10)
	}
	self, err := os.Executable()
	if err != nil {
		return env, fmt.Errorf("find own program: %w", err)
	}
	for name, path := range map[string]string{
		"netbench": self, "netserve": programs.Netserve, "netload": programs.Netload,
	} {
		if env.Binaries[name], err = fileDigest(path); err != nil {
			return env, err
		}
	}
	return env, nil
}

// Differences says in words why records of now must not be mixed into a run of e: other code,
// another machine, another plan. Empty: they belong together.
func (e Env) Differences(now Env) []string {
	var out []string
	differ := func(what string, then, now any) {
		if t, n := fmt.Sprint(then), fmt.Sprint(now); t != n {
			out = append(out, fmt.Sprintf("%s was %s, is %s", what, clip(t), clip(n)))
		}
	}
	differ("commit", e.Commit, now.Commit)
	for _, name := range slices.Sorted(maps.Keys(now.Binaries)) {
		differ("program "+name, e.Binaries[name], now.Binaries[name])
	}
	differ("host", e.Host, now.Host)
	differ("kernel", e.Kernel, now.Kernel)
	differ("profile", e.Profile, now.Profile)
	differ("seed", e.Seed, now.Seed)
	differ("configuration", e.Config, now.Config)
	differ("plan", planDigest(e), planDigest(now))
	return out
}

func planDigest(e Env) string {
	sum := sha256.Sum256(fmt.Append(nil, e.Plan, e.Repeats))
	return fmt.Sprintf("%d cells (%s)", len(e.Plan), hex.EncodeToString(sum[:4]))
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

// gitState asks git about the folder the programs stand in; a tree without git has no commit.
func gitState(dir string) (commit string, dirty bool) {
	git := func(args ...string) (string, error) {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	commit, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil || commit == "" {
		return "nogit", false
	}
	// What a run writes when it is reported is no source: the second of two runs in a row is as clean
	// as the first.
	changes, err := git("status", "--porcelain", "--untracked-files=no", "--", ":(top)",
		":(top,exclude)results", ":(top,exclude)REPORT.md", ":(top,exclude)README.md")
	return commit, err == nil && changes != ""
}

// modules are the versions of everything linked into the server program.
func modules(path string) map[string]string {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for _, dep := range info.Deps {
		out[dep.Path] = dep.Version
	}
	return out
}

func fileDigest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("digest of program: %w", err)
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("digest of %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// hostDigest names this machine without giving its name away: results are published.
func hostDigest() string {
	name, err := os.Hostname()
	if err != nil {
		name = "unnamed"
	}
	sum := sha256.Sum256([]byte(readSetting("/etc/machine-id") + "\n" + name))
	return hex.EncodeToString(sum[:6])
}

func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func cpuName() string {
	for line := range strings.Lines(readSetting("/proc/cpuinfo")) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func memoryMB() int {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int(uint64(info.Totalram) * uint64(info.Unit) >> 20)
}

func nofile() uint64 {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0
	}
	return lim.Max
}

// maxProcesses is how many threads the user may have; false: no bound.
func maxProcesses() (uint64, bool) {
	var lim unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NPROC, &lim)
	return lim.Cur, err == nil && lim.Cur != unix.RLIM_INFINITY
}

// readSetting returns a kernel setting as one line, blanks single; empty if there is none.
func readSetting(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if strings.Count(string(data), "\n") > 1 {
		return string(data)
	}
	return strings.Join(strings.Fields(string(data)), " ")
}

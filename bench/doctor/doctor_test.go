package doctor_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"iomodels/bench/doctor"
)

const (
	portRange   = "proc/sys/net/ipv4/ip_local_port_range"
	sockstat    = "proc/net/sockstat"
	somaxconn   = "proc/sys/net/core/somaxconn"
	pidMax      = "proc/sys/kernel/pid_max"
	governor    = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
	clocksource = "sys/devices/system/clocksource/clocksource0/current_clocksource"
)

// healthy is a machine with nothing the matter.
func healthy() (doctor.Host, fstest.MapFS) {
	files := fstest.MapFS{}
	for path, content := range map[string]string{
		portRange:                     "1024\t65535\n",
		sockstat:                      "sockets: used 9\nTCP: inuse 3 orphan 0 tw 12 alloc 4\n",
		somaxconn:                     "4096\n",
		"proc/sys/kernel/threads-max": "190000\n",
		pidMax:                        "32768\n",
		"proc/sys/net/ipv4/tcp_congestion_control": "cubic\n",
		governor:    "performance\n",
		clocksource: "tsc\n",
	} {
		files[path] = &fstest.MapFile{Data: []byte(content)}
	}
	return doctor.Host{Files: files, CPUs: []int{0, 1}, Nofile: 20000}, files
}

func TestAHealthyMachine(t *testing.T) {
	h, _ := healthy()
	findings := doctor.Examine(h)
	for _, f := range findings {
		if f.State != doctor.OK || f.Fix != "" || f.Check == "" || f.Found == "" {
			t.Errorf("%+v", f)
		}
	}
	if doctor.Worst(findings) != doctor.OK {
		t.Errorf("worst is %s", doctor.Worst(findings))
	}
}

func TestEveryAilmentIsFoundAndMended(t *testing.T) {
	for _, tc := range []struct {
		check string
		state doctor.State
		found string
		fix   string
		harm  func(*doctor.Host, fstest.MapFS)
	}{
		{"cpus", doctor.Note, "one CPU", "taskset", set(func(h *doctor.Host) { h.CPUs = []int{3} })},
		{
			"open files", doctor.Problem, "1024 per process", "ulimit -Hn 10064",
			set(func(h *doctor.Host) { h.Nofile = 1024 }),
		},
		{"ports", doctor.Note, "1000 for clients", "ip_local_port_range", write(portRange, "60000 60999")},
		{"busy ports", doctor.Note, "60000 connections", "wait", write(sockstat, "TCP: inuse 1 tw 60000 alloc 1")},
		{"accept queue", doctor.Note, "somaxconn 128", "somaxconn=4096", write(somaxconn, "128")},
		{"threads", doctor.Problem, "pid_max is 4096", "kernel.pid_max=", write(pidMax, "4096")},
		{
			"io_uring", doctor.Problem, "not permitted", "io_uring_disabled=0",
			set(func(h *doctor.Host) { h.Uring = errors.New("not permitted") }),
		},
		{
			"counting calls", doctor.Note, "paranoid", "perf_event_paranoid",
			set(func(h *doctor.Host) { h.Counting = errors.New("paranoid") }),
		},
		{"governor", doctor.Note, "powersave", "cpupower", write(governor, "powersave")},
		{"neighbours", doctor.Note, "0.70 CPUs", "top", set(func(h *doctor.Host) { h.Foreign = 0.7 })},
		{"steal", doctor.Note, "9.0 %", "quieter host", set(func(h *doctor.Host) { h.Steal = 0.09 })},
		{"clock", doctor.Note, "hpet", "clocksource=tsc", write(clocksource, "hpet")},
	} {
		t.Run(tc.check, func(t *testing.T) {
			h, files := healthy()
			tc.harm(&h, files)
			findings := doctor.Examine(h)
			for _, f := range findings {
				if f.Check != tc.check {
					if f.State != doctor.OK {
						t.Errorf("unharmed, but %+v", f)
					}
					continue
				}
				if f.State != tc.state || !strings.Contains(f.Found, tc.found) || !strings.Contains(f.Fix, tc.fix) {
					t.Errorf("got %+v", f)
				}
			}
			if doctor.Worst(findings) != tc.state {
				t.Errorf("worst is %s", doctor.Worst(findings))
			}
		})
	}
}

func set(change func(*doctor.Host)) func(*doctor.Host, fstest.MapFS) {
	return func(h *doctor.Host, _ fstest.MapFS) { change(h) }
}

func write(path, content string) func(*doctor.Host, fstest.MapFS) {
	return func(_ *doctor.Host, files fstest.MapFS) { files[path] = &fstest.MapFile{Data: []byte(content)} }
}

func TestFilesThatCannotBeReadAreSaid(t *testing.T) {
	h, files := healthy()
	clear(files)
	for _, f := range doctor.Examine(h) {
		if f.Check == "ports" && !strings.Contains(f.Found, "cannot be read") {
			t.Errorf("%+v", f)
		}
	}
}

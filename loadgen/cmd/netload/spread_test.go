package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"iomodels/loadgen"
)

// TestSeveralProcesses: their counts, bytes, connections and distributions add up to one result,
// and the schedule is that of one process.
func TestSeveralProcesses(t *testing.T) {
	addr := server(t, echoes)
	for name, flags := range map[string]string{
		"closed":  "--procs 3 --conns 31 --loops 2 --warmup 50ms",
		"open":    "--procs 3 --conns 31 --rate 3k --choice pinned --settle 50ms",
		"idle":    "--procs 2 --conns 4 --idle 20 --rate 500 --arrival poisson",
		"churn":   "--procs 2 --conns 8 --requests-per-conn 5 --rate 1k",
		"ramp":    "--procs 2 --conns 8 --ramp 200/s",
		"implied": "--conns 400", // with 256 descriptors each
	} {
		t.Run(name, func(t *testing.T) {
			s := spread(t, addr, flags)
			r, c := s.Requests, s.Connections
			ended := r.OK + r.Timeouts + r.InFlight
			if r.OK == 0 || r.Scheduled != r.Sent+r.Unsent || r.Sent != ended || len(r.Errors) > 0 {
				t.Errorf("requests %+v", r)
			}
			if s.Response.Count != r.OK+r.Unsent+r.Timeouts+r.InFlight {
				t.Errorf("%d response times for %+v", s.Response.Count, r)
			}
			if s.Totals.BytesIn != 64*s.Totals.OK || s.Totals.BytesOut != 64*s.Totals.OK {
				t.Errorf("%+v in messages of 64 bytes", s.Totals)
			}
			active := uint64(s.Plan.Conns)
			if c.Peak != c.Target || c.Answered < active || c.Answered > c.Opened || c.OpenS <= 0 {
				t.Errorf("connections %+v, %d of them active", c, active)
			}
			if s.Plan.Procs < 2 || s.Generator.CPUS <= 0 || s.Memory.Generator == 0 {
				t.Errorf("%d processes cost %+v and %+v", s.Plan.Procs, s.Generator, s.Memory)
			}
			if want := s.Plan.Rate * s.ElapsedS; s.Plan.Arrival == loadgen.ArrivalConstant &&
				(float64(r.Scheduled) < want-2 || float64(r.Scheduled) > want+2) {
				t.Errorf("%d requests became due, the plan has %v", r.Scheduled, want)
			}
			var ok, opened uint64
			for _, i := range s.Intervals {
				ok += i.OK
				opened += i.Opened
			}
			if ok != s.Totals.OK || opened != c.Opened {
				t.Errorf("the intervals have %d replies on %d connections, the totals %d on %d",
					ok, opened, s.Totals.OK, c.Opened)
			}
		})
	}
}

// spread runs netload where a process has 256 descriptors.
func spread(t *testing.T, addr, flags string) (s loadgen.Summary) {
	t.Helper()
	args := append([]string{"--addr", addr, "--duration", "300ms", "--json"}, strings.Fields(flags)...)
	out, code := withFewDescriptors(t, args...)
	if err := json.Unmarshal(out, &s); err != nil || code != exitOK && code != exitInvalid { // a busy machine makes it late
		t.Fatalf("exit %d: %v: %s", code, err, out)
	}
	return s
}

func withFewDescriptors(t *testing.T, args ...string) (out []byte, code int) {
	t.Helper()
	self := program(t, "netload")
	cmd := exec.CommandContext(t.Context(), "sh",
		append([]string{"-c", `ulimit -n 256; exec "$@"`, "sh", self.Path}, args...)...)
	cmd.Env = self.Env
	out, _ = cmd.CombinedOutput()
	return out, cmd.ProcessState.ExitCode()
}

func TestTooFewDescriptors(t *testing.T) {
	out, code := withFewDescriptors(t, "--addr", server(t, echoes), "--conns", "1k", "--procs", "1")
	if code != exitUsage || !strings.Contains(string(out), "the limit (RLIMIT_NOFILE) is 256") ||
		!strings.Contains(string(out), "--procs 6") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestSeveralProcessesRefused(t *testing.T) {
	r := netload(t, "--addr", "127.0.0.1:1", "--conns", "4", "--procs", "2", "--timeout", "1s")
	if r.code != exitUsage || !strings.Contains(r.stderr, "of 2: ") || !strings.Contains(r.stderr, "refused") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

// TestOneProcessDies: a part of the load is not the load.
func TestOneProcessDies(t *testing.T) {
	l := begin(t, "--conns", "4", "--procs", "2")
	kids := children(t, l.Process.Pid, 2)
	if err := syscall.Kill(kids[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := l.end(); code != exitUsage || !strings.Contains(l.said.String(), "signal: killed") {
		t.Errorf("exit %d: %s", code, &l.said)
	}
	if !gone(kids[0]) {
		t.Error("the other process lives on")
	}
}

// TestSeveralProcessesInterrupted: the first interrupt has all of them drain and report.
func TestSeveralProcessesInterrupted(t *testing.T) {
	l := begin(t, "--conns", "4", "--procs", "2", "--json")
	children(t, l.Process.Pid, 2)
	if err := l.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	code := l.end()
	var s loadgen.Summary
	err := json.Unmarshal(l.out.Bytes(), &s)
	if err != nil || !s.Interrupted || code != exitInterrupted || s.Requests.OK == 0 {
		t.Errorf("exit %d, %v, interrupted %v: %s", code, err, s.Interrupted, &l.said)
	}
}

// TestProcessesDoNotOutliveTheirParent: they notice that nobody will read their report.
func TestProcessesDoNotOutliveTheirParent(t *testing.T) {
	l := begin(t, "--conns", "4", "--procs", "2")
	kids := children(t, l.Process.Pid, 2)
	if err := l.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	l.end()
	for _, pid := range kids {
		awaitThat(t, fmt.Sprintf("process %d ends", pid), func() bool { return gone(pid) })
	}
}

// loading is a netload at work.
type loading struct {
	*exec.Cmd
	out, said bytes.Buffer // standard output and error, once it has ended
	read      chan bool
}

// begin starts a long load on an echo server and returns when its measured part has begun.
func begin(t *testing.T, args ...string) *loading {
	t.Helper()
	args = append([]string{"--addr", server(t, echoes), "--duration", "1m", "--phases"}, args...)
	l := &loading{Cmd: program(t, "netload", args...), read: make(chan bool)}
	l.Stdout = &l.out
	said, err := l.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	begun := make(chan bool)
	go func() {
		defer close(l.read)
		lines := bufio.NewScanner(io.TeeReader(said, &l.said))
		for first := true; lines.Scan(); {
			if first && strings.Contains(lines.Text(), `"measure"`) {
				close(begun)
				first = false
			}
		}
	}()
	select {
	case <-begun:
	case <-l.read:
		t.Fatalf("it ended: %s", &l.said)
	case <-time.After(30 * time.Second):
		t.Fatal("the measured part did not begin")
	}
	return l
}

// end waits for it and returns its exit code.
func (l *loading) end() int {
	<-l.read
	_ = l.Wait() // the code says it
	return l.ProcessState.ExitCode()
}

func children(t *testing.T, pid, n int) (kids []int) {
	t.Helper()
	awaitThat(t, "netload has children", func() bool {
		kids = kids[:0]
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		for _, task := range tasks {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
			for _, word := range strings.Fields(string(text)) {
				kid, _ := strconv.Atoi(word)
				kids = append(kids, kid)
			}
		}
		return len(kids) == n
	})
	return kids
}

func awaitThat(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"iomodels/loadgen"
)

// The test binary is netload too, so that the tests see the real program: flags, streams,
// signals and exit codes.
const playKey = "NETLOAD_TEST_PLAY"

func TestMain(m *testing.M) {
	switch os.Getenv(playKey) {
	case "netload":
		os.Exit(run(os.Args[1:]))
	case "parent":
		os.Exit(playParent())
	}
	os.Exit(m.Run())
}

// playParent starts netload, says its process id, and waits to be killed.
func playParent() int {
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), playKey+"=netload")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return 1
	}
	os.Stdout.WriteString(strconv.Itoa(cmd.Process.Pid) + "\n")
	cmd.Wait()
	return 0
}

type result struct {
	stdout, stderr string
	code           int
}

func netload(t *testing.T, args ...string) result {
	t.Helper()
	cmd := program(t, "netload", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func program(t *testing.T, play string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), playKey+"="+play)
	return cmd
}

// server answers every connection with what handle does.
func server(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return l.Addr().String()
}

func echoes(c net.Conn) { _, _ = io.Copy(c, c) }

func TestHelpOpensWithExamples(t *testing.T) {
	r := netload(t, "--help")
	head, _, _ := strings.Cut(r.stdout, "Flags:")
	if r.code != 0 || strings.Count(head, "netload --addr") < 3 || !strings.HasPrefix(r.stdout, "Examples:") {
		t.Errorf("exit %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, flag := range []string{"--addr", "--rate", "--phases", "--settle", "--die-with-parent", "--hgrm"} {
		if !strings.Contains(r.stdout, flag+" ") {
			t.Errorf("--help does not explain %s", flag)
		}
	}
}

func TestBadUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"did you mean --conns":       {"--con", "10"},
		"did you mean --pipeline":    {"--pipelin=3"},
		"unknown flag: --zzzzzzzzzz": {"--zzzzzzzzzz"},
		"--addr is missing":          {},
		"unexpected argument":        {"127.0.0.1:80"},
		`"--conns"`:                  {"--addr", "127.0.0.1:1", "--conns", "many"},
		"whole number":               {"--addr", "127.0.0.1:1", "--conns", "1.5"},
		"--conns is 0":               {"--addr", "127.0.0.1:1", "--conns", "0"},
		"--rate is 0":                {"--addr", "127.0.0.1:1", "--rate", "0"},
		`"--ramp"`:                   {"--addr", "127.0.0.1:1", "--ramp", "-5"},
		"--proto":                    {"--addr", "127.0.0.1:1", "--proto", "gopher"},
		"--engine":                   {"--addr", "127.0.0.1:1", "--engine", "kqueue"},
		"port 0":                     {"--addr", "127.0.0.1:0"},
		"ulimit -n":                  {"--addr", "127.0.0.1:1", "--conns", "2000m"},
	} {
		r := netload(t, args...)
		if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, want) ||
			!strings.HasPrefix(r.stderr, "netload: ") {
			t.Errorf("%q: exit %d, want 2 and a word about %s; stdout %q, stderr %q", args, r.code, want,
				r.stdout, r.stderr)
		}
	}
}

func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := netload(t, "--addr", l.Addr().String())
	if r.code != 2 || !strings.Contains(r.stderr, "refused") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestJSON(t *testing.T) {
	addr := server(t, echoes)
	r := netload(t, "--addr", addr, "--conns", "4", "--rate", "1k", "--duration", "300ms", "--seed", "7",
		"--json", "--phases")
	var s loadgen.Summary
	dec := json.NewDecoder(strings.NewReader(r.stdout))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil || dec.More() {
		t.Fatalf("stdout is not one summary (%v): %s", err, r.stdout)
	}
	if s.Requests.OK != 300 || s.Plan.Seed != 7 || s.Plan.Rate != 1000 || s.Plan.Arrival != "constant" {
		t.Errorf("%+v of plan %+v", s.Requests, s.Plan)
	}
	if want := map[bool]int{true: 3, false: 0}[s.Verdict == loadgen.Invalid]; r.code != want {
		t.Errorf("exit %d with verdict %s", r.code, s.Verdict)
	}
	var phases []string
	for line := range strings.Lines(r.stderr) {
		var e loadgen.PhaseEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.AtNS == 0 {
			t.Errorf("stderr has %q: %v", line, err)
		}
		phases = append(phases, e.Phase)
	}
	if want := []string{"connected", "warmup", "measure", "drain", "done"}; !slices.Equal(phases, want) {
		t.Errorf("phases %q, want %q", phases, want)
	}
}

func TestTableLeadsWithResponseTime(t *testing.T) {
	addr := server(t, echoes)
	r := netload(t, "--addr", addr, "--conns", "2", "--duration", "200ms")
	response, service := strings.Index(r.stdout, "response time"), strings.Index(r.stdout, "service time")
	if response < 0 || service < response || !strings.Contains(r.stdout, "verdict") ||
		strings.Contains(r.stderr, "\x1b") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestInvalidRunExitsWithThree(t *testing.T) {
	addr := server(t, func(c net.Conn) {
		b := make([]byte, 100)
		for {
			if _, err := c.Read(b); err != nil {
				return
			}
			if _, err := io.WriteString(c, strings.Repeat("something else ", 10)); err != nil {
				return
			}
		}
	})
	r := netload(t, "--addr", addr, "--duration", "200ms", "--timeout", "200ms")
	if r.code != 3 || !strings.Contains(r.stdout, "invalid") || !strings.Contains(r.stdout, "wrong-body") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestFiles(t *testing.T) {
	addr, dir := server(t, echoes), t.TempDir()
	hgrm, csv := filepath.Join(dir, "h.hgrm"), filepath.Join(dir, "i.csv")
	r := netload(t, "--addr", addr, "--duration", "300ms", "--hgrm", hgrm, "--csv", csv, "--progress")
	if r.code == 2 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	if text, err := os.ReadFile(hgrm); err != nil || !strings.Contains(string(text), "Percentile") {
		t.Errorf("%v: %s", err, text)
	}
	if text, err := os.ReadFile(csv); err != nil || strings.Count(string(text), "\n") < 4 {
		t.Errorf("%v: %s", err, text)
	}
	if !strings.Contains(r.stderr, "replies/s") {
		t.Errorf("--progress shows %q", r.stderr)
	}
	r = netload(t, "--addr", addr, "--duration", "100ms", "--csv", filepath.Join(dir, "no", "such.csv"))
	if r.code != 2 || !strings.Contains(r.stderr, "such.csv") || !strings.Contains(r.stdout, "verdict") {
		t.Errorf("exit %d: %s, and the result is %q", r.code, r.stderr, r.stdout)
	}
}

// start runs netload until it says that the measured part begins.
func start(t *testing.T, play string, args ...string) (*exec.Cmd, *bytes.Buffer, *bufio.Reader) {
	t.Helper()
	cmd := program(t, play, args...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr := bufio.NewReader(pipe)
	for {
		line, err := stderr.ReadString('\n')
		if err != nil {
			t.Fatalf("no measured part: %v", err)
		}
		if strings.Contains(line, `"measure"`) {
			return cmd, &stdout, stderr
		}
	}
}

func TestInterruptPrintsWhatThereIs(t *testing.T) {
	addr := server(t, echoes)
	cmd, stdout, stderr := start(t, "netload", "--addr", addr, "--duration", "1m", "--json", "--phases")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, stderr); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	var s loadgen.Summary
	if err := json.Unmarshal(stdout.Bytes(), &s); err != nil || !s.Interrupted {
		t.Errorf("stdout %q: %v", stdout, err)
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit %d, want 130", code)
	}
}

func TestSecondInterruptEndsAtOnce(t *testing.T) {
	addr := server(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }) // a drain would take the time-out
	cmd, stdout, stderr := start(t, "netload", "--addr", addr, "--duration", "1m", "--timeout", "1m",
		"--phases")
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, stderr)
		cmd.Wait()
		close(done)
	}()
	deadline := time.After(20 * time.Second)
	for {
		_ = cmd.Process.Signal(os.Interrupt) // the first ones may become one
		select {
		case <-done:
			if code := cmd.ProcessState.ExitCode(); code != 130 || stdout.Len() > 0 {
				t.Errorf("exit %d, stdout %q", code, stdout)
			}
			return
		case <-deadline:
			t.Fatal("still running")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestDiesWithParent(t *testing.T) {
	addr := server(t, echoes)
	cmd := program(t, "parent", "--addr", addr, "--duration", "1m", "--phases", "--die-with-parent")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	// Once it is connected, the kernel knows what it wishes.
	if _, err := bufio.NewReader(stderr).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if gone(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d survived its parent", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// gone reports whether the process has ended; a zombie that nobody waits for has, too.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z")
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]float64{
		"7": 7, "10k": 10_000, "2m": 2e6, "5k/s": 5000, "1.5K": 1500, "0": 0,
	} {
		var got float64
		n := number{set: func(v float64) error { got = v; return nil }}
		if err := n.Set(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "k", "ten", "1e999", "nan", "5/h", "10kk"} {
		if err := (number{set: func(float64) error { return nil }}).Set(text); err == nil {
			t.Errorf("%q is taken for a number", text)
		}
	}
}

func TestShort(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0ns", 999: "999ns", 1000: "1us", 999_600: "1ms", 12_345: "12.3us", 5_000_000_000: "5s",
		1_234_000_000_000: "1,234s",
	} {
		if got := short(ns); got != want {
			t.Errorf("%d ns prints as %s, want %s", ns, got, want)
		}
	}
}

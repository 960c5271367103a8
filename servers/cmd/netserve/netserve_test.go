package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"iomodels/servers"
	"iomodels/servers/all"
)

// The tests run the program itself: this test binary, told by a variable to be netserve.
const (
	beNetserve = "NETSERVE_TEST_MAIN"   // run main
	beParent   = "NETSERVE_TEST_PARENT" // start netserve and wait to be killed
	patience   = 20 * time.Second
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(beNetserve) != "":
		main()
	case os.Getenv(beParent) != "":
		os.Exit(parentOfNetserve())
	}
	os.Exit(m.Run())
}

// command returns netserve with args, not started.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	// The race detector's runtime otherwise lingers for a second at exit.
	cmd.Env = append(os.Environ(), beNetserve+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// outcome runs netserve to its end.
func outcome(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, args...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), diag.String()
}

// running is a netserve that serves.
type running struct {
	cmd    *exec.Cmd
	ready  readyLine
	rest   *bufio.Reader // what follows the ready line on stdout
	stderr bytes.Buffer
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	r := &running{cmd: command(ctx, args...)}
	r.cmd.Stderr = &r.stderr
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill(); r.cmd.Wait() })
	r.rest = bufio.NewReader(stdout)
	line, err := r.rest.ReadBytes('\n')
	if err != nil {
		r.cmd.Wait()
		t.Fatalf("no ready line: %v; stderr: %s", err, r.stderr.String())
	}
	if err := json.Unmarshal(line, &r.ready); err != nil {
		t.Fatalf("ready line %q: %v", line, err)
	}
	return r
}

// stop sends SIGTERM and returns the exit code and what else came on stdout.
func (r *running) stop(t *testing.T) (code int, rest string) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	more, err := io.ReadAll(r.rest)
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode(), string(more)
}

func TestServesEveryModelAndStops(t *testing.T) {
	for _, m := range all.Models() {
		for _, p := range rowOf(m).Protocols {
			t.Run(m.Name+"/"+p, func(t *testing.T) {
				if r := rowOf(m); !r.Available {
					t.Skip(r.Reason)
				}
				r := start(t, "--model", m.Name, "--proto", p, "--addr", "127.0.0.1:0", "--max-conns", "1k")
				if r.ready.Model != m.Name || r.ready.Proto != p || r.ready.PID != r.cmd.Process.Pid {
					t.Errorf("ready line %+v; want %s, %s, pid %d", r.ready, m.Name, p, r.cmd.Process.Pid)
				}
				ask, want := "hello", "hello"
				switch p {
				case "frame":
					ask, want = "\x00\x00\x00\x05hello", "\x00\x00\x00\x05hello"
				case "http":
					ask, want = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n"
				}
				if got := exchange(t, r.ready.Ready, ask, len(want)); got != want {
					t.Errorf("answer %q; want %q", got, want)
				}
				if code, rest := r.stop(t); code != exitOK || rest != "" || r.stderr.Len() > 0 {
					t.Errorf("after SIGTERM: exit %d, stdout %q, stderr %q; want 0 and silence", code, rest, &r.stderr)
				}
				if c, err := net.Dial("tcp", r.ready.Ready); err == nil {
					c.Close()
					t.Error("the port still accepts")
				}
			})
		}
	}
}

// exchange sends ask and reads n bytes.
func exchange(t *testing.T, addr, ask string, n int) string {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, ask); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, n)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("answer to %q: %v", ask, err)
	}
	return string(got)
}

func TestWrongUse(t *testing.T) {
	tests := []struct {
		args string
		want string // on stderr
	}{
		{"", "--model is missing"},
		{"--model gorutine", "did you mean goroutine?"},
		{"--model qqqqqqqq", "there are goroutine, "},
		{"--modle goroutine", "no flag --modle; did you mean --model?"},
		{"-max-cons 3", "did you mean --max-conns?"},
		{"--model goroutine --proto htpp", "did you mean http?"},
		{"--model goroutine --addr 8080", "want host:port"},
		{"--model goroutine --loops -1", "want a number"},
		{"--model goroutine --without batching", "nothing that it could do without"},
		{"--model goroutine --loops 9999999999", "want a number"},
		{"--model goroutine --grace -1s", "--grace is -1s"},
		{"--model goroutine --idle-timeout soon", "idle-timeout"},
		{"--model goroutine --read-size 0", "--read-size is 0"},
		{"--model goroutine serve", `"serve" is no flag`},
		{"--json", "--json belongs to --list"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			code, stdout, stderr := outcome(t, strings.Fields(tt.args)...)
			if code != exitUsage || stdout != "" || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit %d, stdout %q, stderr %q; want 2, nothing, and %q", code, stdout, stderr, tt.want)
			}
		})
	}
}

func TestProtocolTheModelLacks(t *testing.T) {
	var out, diag bytes.Buffer
	m := servers.Model{Name: "picky", Protocols: []string{"http"}}
	code := run([]string{"--model", "picky", "--proto", "echo"}, []servers.Model{m}, &out, &diag)
	if code != exitUsage || !strings.Contains(diag.String(), "picky does not serve echo, only http") {
		t.Errorf("exit %d, %q", code, &diag)
	}
}

func TestUnavailable(t *testing.T) {
	absent := servers.Model{
		Name: "absent", Available: func() error { return errors.New("the kernel says no") },
		Serve: func(context.Context, servers.Config) error { t.Error("served"); return nil },
	}
	var out, diag bytes.Buffer
	code := run([]string{"--model", "absent"}, []servers.Model{absent}, &out, &diag)
	if code != exitUnavailable || out.Len() > 0 || !strings.Contains(diag.String(), "the kernel says no") {
		t.Errorf("exit %d, stdout %q, stderr %q; want 3, nothing, and the reason", code, &out, &diag)
	}
	out.Reset()
	run([]string{"--list"}, []servers.Model{absent}, &out, &diag)
	if !strings.Contains(out.String(), "absent is not available here: the kernel says no") {
		t.Errorf("--list: %s", &out)
	}
}

func TestPortInUse(t *testing.T) {
	for _, m := range all.Models() { // with SO_REUSEPORT, too, nobody may share a port by accident
		t.Run(m.Name, func(t *testing.T) {
			if r := rowOf(m); !r.Available {
				t.Skip(r.Reason)
			}
			first := start(t, "--model", m.Name, "--proto", "http")
			code, stdout, stderr := outcome(t, "--model", m.Name, "--proto", "http", "--addr", first.ready.Ready)
			if code != exitFailed || stdout != "" || !strings.Contains(stderr, first.ready.Ready+" is in use") {
				t.Errorf("exit %d, stdout %q, stderr %q; want 1, nothing, and the address", code, stdout, stderr)
			}
		})
	}
}

func TestListJSON(t *testing.T) {
	code, stdout, stderr := outcome(t, "--list", "--json")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(all.Models()) {
		t.Errorf("%d rows for %d models", len(rows), len(all.Models()))
	}
	fields := []string{
		"name", "family", "notify", "wait", "summary", "protocols", "available", "reason", "card", "known_limits",
	}
	for i, row := range rows {
		for _, field := range fields {
			if _, ok := row[field]; !ok {
				t.Errorf("row %d lacks %q", i, field)
			}
		}
		if row["name"] != all.Models()[i].Name {
			t.Errorf("row %d is %v; want %s", i, row["name"], all.Models()[i].Name)
		}
	}
}

func TestHelpOpensWithExamples(t *testing.T) {
	code, stdout, stderr := outcome(t, "--help")
	lines := strings.Split(stdout, "\n")
	if code != exitOK || stderr != "" || len(lines) < 3 {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	for _, line := range lines[:3] {
		if !strings.HasPrefix(line, "netserve --") {
			t.Errorf("%q is no example", line)
		}
	}
	opts, _ := parse(nil, nil)
	for _, g := range opts.groups {
		for _, name := range g.names {
			if !strings.Contains(stdout, "--"+name+" ") {
				t.Errorf("--help does not mention --%s", name)
			}
		}
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	long := "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 200) + "\r\n\r\n"
	tests := []struct{ flag, ask, want string }{
		{"--max-header-bytes=100", long, "HTTP/1.1 431"},
		{"--max-headers=1", long, "HTTP/1.1 431"},
		{"--max-request-line=20", "GET /123456789012345678901234567890 HTTP/1.1\r\n", "HTTP/1.1 414"},
		{"--max-body=4", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345", "HTTP/1.1 413"},
		{"--max-body=0", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1", "HTTP/1.1 413"},
	}
	for _, tt := range tests {
		t.Run(tt.flag, func(t *testing.T) {
			r := start(t, "--model", "goroutine", "--proto", "http", tt.flag)
			if got := exchange(t, r.ready.Ready, tt.ask, len(tt.want)); got != tt.want {
				t.Errorf("answer %q; want %q", got, tt.want)
			}
		})
	}
	framed := start(t, "--model", "goroutine", "--proto", "frame", "--max-frame", "1")
	c, err := net.DialTimeout("tcp", framed.ready.Ready, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "\x00\x00\x00\x01x"+"\x00\x00\x00\x02yy")
	if got, err := io.ReadAll(c); string(got) != "\x00\x00\x00\x01x" || err != nil {
		t.Errorf("--max-frame=1: answer %q, %v; want the first frame and the end", got, err)
	}
	r := start(t, "--model", "goroutine", "--addr", ":0")
	if !strings.HasPrefix(r.ready.Ready, "127.0.0.1:") {
		t.Errorf("without a host it listens on %s; want loopback", r.ready.Ready)
	}
}

func TestTooManyConnectionsForTheLimit(t *testing.T) {
	code, _, stderr := outcome(t, "--model", "goroutine", "--max-conns", "2000m")
	if code != exitFailed || !strings.Contains(stderr, "open files; the limit is") {
		t.Errorf("exit %d, stderr %q; want 1 and the limit", code, stderr)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	r := start(t, "--model", "goroutine", "--proto", "http", "--grace", "1h")
	c, err := net.Dial("tcp", r.ready.Ready)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Half a request: it is in flight, and with that grace the server would wait for it.
	head := "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil { // the interim response: it has arrived
		t.Fatal(err)
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	awaitRefused(t, r.ready.Ready) // the first signal has been understood
	if code, _ := r.stop(t); code != exitFailed {
		t.Errorf("exit %d; want 1", code)
	}
}

// awaitRefused waits until nobody listens on addr.
func awaitRefused(t *testing.T, addr string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		c.Close()
		if time.Now().After(end) {
			t.Fatalf("%s still accepts", addr)
		}
	}
}

func TestDiesWithParent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	parent := exec.CommandContext(ctx, os.Args[0])
	parent.Env = append(os.Environ(), beParent+"=1")
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	var ready readyLine
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		parent.Process.Kill()
		t.Fatalf("ready line %q: %v", line, err)
	}
	parent.Process.Kill() // SIGKILL: the parent can do nothing about its child
	parent.Wait()
	awaitRefused(t, ready.Ready)
}

// parentOfNetserve starts a server that shall not outlive it, and waits to be killed.
func parentOfNetserve() int {
	cmd := exec.Command(os.Args[0], "--model", "goroutine", "--die-with-parent")
	cmd.Env = append(os.Environ(), beNetserve+"=1", beParent+"=")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cmd.Wait()
	return 0
}

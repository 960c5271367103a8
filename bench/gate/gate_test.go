package gate_test

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"iomodels/bench/gate"
	"iomodels/bench/gate/probe"
	"iomodels/bench/proc"
)

// asServer makes the test binary be a small echo server; its value is what it does too much.
const asServer = "GATE_TEST_SERVER"

func TestMain(m *testing.M) {
	if fault := os.Getenv(asServer); fault != "" {
		serve(fault)
	}
	os.Exit(m.Run())
}

// serve echoes, a goroutine per connection, until it is killed.
func serve(fault string) {
	probe.GateListen()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ready := map[string]any{"ready": l.Addr().String(), "pid": os.Getpid()}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		panic(err)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go echo(conn, fault)
	}
}

func echo(conn net.Conn, fault string) {
	defer conn.Close()
	buf := make([]byte, 1024)
	var hoard []byte
	if fault == "memory" {
		hoard = bytes.Repeat([]byte(fault), 512/len(fault)+1) // of a size the compiler cannot put on the stack
	}
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		switch fault {
		case "syscall":
			unix.Getppid()
		case "alloc":
			buf = append(bytes.Clone(buf[:n]), make([]byte, 1024)...)[:1024:1024]
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
		runtime.KeepAlive(hoard)
	}
}

func count(t *testing.T, fault string) gate.Counts {
	t.Helper()
	cpus, err := proc.AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	if len(cpus) < 2 {
		t.Skip("SKIPPED: counting needs a CPU each for server and client")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asServer, fault)
	effort := gate.Effort{Repetitions: 1, Steps: 100, Rounds: 10, AllocRequests: 200, Few: 50, Many: 350}
	counts, err := gate.Count(t.Context(), effort, gate.Subject{
		Program: self, Model: "fault", Proto: "echo", ServerCPU: cpus[0], ClientCPU: cpus[1],
	})
	if err != nil {
		t.Fatal(err)
	}
	return counts[0]
}

// TestWhatIsTooMuchIsFound counts real servers: one as it should be, and three of which each
// does one thing too much. Each must be found by the metric it is about.
func TestWhatIsTooMuchIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	plain := count(t, "none")
	for fault, metric := range map[string]string{"syscall": gate.Lockstep, "alloc": gate.Allocs, "memory": gate.Bytes} {
		t.Run(fault, func(t *testing.T) {
			if why := plain.Missing[metric]; why != "" {
				t.Skip("SKIPPED: " + why)
			}
			faulty := count(t, fault)
			for _, row := range gate.Judge("echo", plain, faulty) {
				t.Logf("%s: %s, %.4f to %.4f %v %s",
					row.Metric, row.State, row.Base, row.Head, faulty.Values[row.Metric], row.Why)
				if row.Metric == metric && row.State != gate.Worse {
					t.Errorf("%s: %s", row.Metric, row.State)
				}
			}
		})
	}
}

func counts(values ...float64) gate.Counts {
	return gate.Counts{Values: map[string][]float64{gate.Lockstep: values}}
}

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name       string
		base, head gate.Counts
		want       gate.State
	}{
		{"equal", counts(2, 2, 2), counts(2, 2, 2), gate.Same},
		{"within the limit", counts(2, 2, 2), counts(2.02, 2.02, 2.02), gate.Same},
		{"one more in fifty", counts(2, 2, 2), counts(2.021, 2.021, 2.021), gate.Worse},
		{"one less", counts(3, 3, 3), counts(2, 2, 2), gate.Better},
		{"one repetition of each disturbed", counts(2, 2.1, 2), counts(2.4, 2.01, 2), gate.Same},
		{"worse in spite of that", counts(2, 2.1, 2), counts(2.4, 2.05, 2.06), gate.Worse},
		{"base wavers", counts(2, 2.05, 2.1), counts(3, 3, 3), gate.Unsteady},
		{"head wavers", counts(2, 2, 2), counts(3, 3.1, 2.9), gate.Unsteady},
		{"a single one", counts(2), counts(2), gate.Same},
		{"not counted", counts(), counts(2, 2, 2), gate.Missing},
	} {
		rows := gate.Judge("m", tc.base, tc.head)
		if len(rows) != 4 || rows[0].Metric != gate.Lockstep || rows[0].State != tc.want {
			t.Errorf("%s: %+v", tc.name, rows[0])
		}
	}
	if limit := gate.Limit(gate.Bytes, 10000); limit != 300 {
		t.Errorf("limit of 10 kB: %v", limit)
	}
	if limit := gate.Limit(gate.Bytes, 200); limit != 64 {
		t.Errorf("limit of 200 B: %v", limit)
	}
}

func TestConfirmAndDecide(t *testing.T) {
	row := func(states ...gate.State) (rows []gate.Row) {
		for _, s := range states {
			rows = append(rows, gate.Row{Model: "m", State: s})
		}
		return rows
	}
	for _, tc := range []struct {
		name          string
		first, second gate.State
		want          gate.State
		verdict       gate.Verdict
	}{
		{"twice worse", gate.Worse, gate.Worse, gate.Worse, gate.Fail},
		{"once worse", gate.Worse, gate.Same, gate.Same, gate.Pass},
		{"only then worse", gate.Same, gate.Worse, gate.Same, gate.Pass},
		{"unsteady, then worse", gate.Unsteady, gate.Worse, gate.Worse, gate.Fail},
		{"unsteady for good", gate.Unsteady, gate.Unsteady, gate.Unsteady, gate.Inconclusive},
		{"worse, then unsteady", gate.Worse, gate.Unsteady, gate.Unsteady, gate.Inconclusive},
		{"better", gate.Better, gate.Better, gate.Better, gate.Pass},
	} {
		got := gate.Confirm(row(tc.first), row(tc.second))
		if got[0].State != tc.want || gate.Decide(got) != tc.verdict {
			t.Errorf("%s: %s, verdict %s", tc.name, got[0].State, gate.Decide(got))
		}
	}
	if gate.Decide(nil) != gate.Pass {
		t.Error("nothing to count is a pass")
	}
	if gate.Decide(row(gate.Missing, gate.Missing)) != gate.Inconclusive {
		t.Error("a model of which nothing was counted was waved through")
	}
	if gate.Decide(row(gate.Missing, gate.Same)) != gate.Pass || gate.NeedsConfirming(row(gate.Missing, gate.Same)) {
		t.Error("what cannot be counted here does not block what can")
	}
}

// tree makes a source tree with a main package where netserve has it.
func tree(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range map[string]string{
		"go.mod": "module example\n\ngo 1.26.0\n", "servers/cmd/netserve/main.go": source,
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func build(t *testing.T, source string) (gate.Build, error) {
	t.Helper()
	return gate.BuildTree(t.Context(), tree(t, source), "tree", t.TempDir(), gate.Recipe{Layout: 7})
}

const hello = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello\") }\n"

func TestCommentsAreNoCode(t *testing.T) {
	t.Parallel()
	one, err := build(t, hello)
	if err != nil {
		t.Fatal(err)
	}
	comment, err := build(t, strings.Replace(hello, "func main", "// A comment.\n\nfunc main", 1))
	if err != nil || comment.Code != one.Code {
		t.Errorf("a comment changed the code: %s, %s, %v", one.Code, comment.Code, err)
	}
	other, err := build(t, strings.Replace(hello, "hello", "hullo", 1))
	if err != nil || other.Code == one.Code {
		t.Errorf("a changed word did not: %s, %v", other.Code, err)
	}
	if data, err := os.ReadFile(one.Probed); err != nil || !strings.Contains(string(data), "main.GateListen") {
		t.Errorf("the counted program has no probe (%v)", err)
	}
}

func TestTheCompilerHasTheWord(t *testing.T) {
	_, err := build(t, hello+"\nfunc broken() { return 1 }\n")
	if err == nil || !strings.HasPrefix(err.Error(), "tree does not build") ||
		!strings.Contains(err.Error(), "too many return values") {
		t.Errorf("got %v", err)
	}
	_, err = gate.BuildCommit(t.Context(), ".", "no-such-commit", t.TempDir(), gate.Recipe{})
	if err == nil || !strings.Contains(err.Error(), "no-such-commit") {
		t.Errorf("got %v", err)
	}
}

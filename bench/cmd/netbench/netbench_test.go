package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
)

// asProgram makes the test binary be netbench.
const asProgram = "NETBENCH_TEST_MAIN"

func TestMain(m *testing.M) {
	proctest.Main()
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// outcome is what a command line led to.
type outcome struct {
	code           int
	stdout, stderr string
}

// netbench runs a command line in this process, with fake servers and loads.
func netbench(bin string, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	code := run(append([]string{"--bin", bin}, args...), &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// onlyRun returns the folder of the one run below root.
func onlyRun(t *testing.T, root string) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(root, "*Z-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("runs below %s: %q, %v", root, dirs, err)
	}
	return dirs[0]
}

// small chooses a short plan that succeeds: two models, two protocols, two numbers of
// connections, two blocks.
func small(root string) []string {
	return []string{"run", "--profile", "smoke", "--models", "alpha,beta", "--workloads", "closed", "--out", root}
}

const (
	smallCells  = 2*2*2 + 2 // with a headline, on which two servers take turns
	smallVisits = 2 * smallCells
)

func TestCommandLines(t *testing.T) {
	bin := proctest.Install(t)
	out := t.TempDir()
	run := []string{"run", "--profile", "smoke", "--workloads", "short", "--out", out}
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string // on either stream
	}{
		{"no verb", nil, exitOK, "Usage:"},
		{"help", []string{"run", "--help"}, exitOK, "c10k"},
		{"unknown verb", []string{"rum"}, exitUsage, "Did you mean this?"},
		{"unknown flag", []string{"run", "--modles", "a"}, exitUsage, `did you mean "--models"?`},
		{"unknown profile", []string{"run", "--profile", "ful"}, exitUsage, `did you mean "full"?`},
		{"unknown model", append(run, "--models", "alfa"), exitUsage, `did you mean "alpha"?`},
		{"unknown workload", append(run, "--workloads", "shrot"), exitUsage, `did you mean "short"?`},
		{"bad CPU list", append(run, "--server-cpus", "x"), exitUsage, "--server-cpus"},
		{"CPU that is not ours", append(run, "--load-cpus", "900"), exitUsage, "may not use CPU [900]"},
		{"resume what is no run", []string{"run", "--resume", out}, exitUsage, "holds no run"},
		{"resume with another plan", []string{"run", "--resume", out, "--profile", "full"}, exitUsage, "profile"},
		{"plan", append(run, "--dry-run"), exitOK, "skipped: refused echo c=4 short"},
		{"list", []string{"list"}, exitOK, "no: the kernel said no"},
		{"list as JSON", []string{"list", "--json"}, exitOK, `"name": "alpha"`},
		{"nothing can run", append(run, "--models", "refused"), exitUnavailable, "the kernel said no"},
		{"a server that breaks", append(run, "--models", "broken"), exitFailed, "address already in use"},
		{"a server that dies", append(run, "--models", "mortal"), exitFailed, "in mid-cell, signal: killed"},
		{"compare with nothing", []string{"compare", out, out}, exitUsage, "holds no run"},
		{"report of nothing", []string{"report", out}, exitUsage, "holds no run"},
		{"duels there are", []string{"duel", "--all", "--list"}, exitOK, "proactor / proactor:-multishot, echo of 64 B"},
		{"duels chosen", []string{"duel", "--all", "--list", "--only", "64 connections, 1 request per"}, exitOK, "rate"},
		{"duel of one", []string{"duel", "alpha"}, exitUsage, "name two sides"},
		{"duel of all and two", []string{"duel", "--all", "alpha", "beta"}, exitUsage, "name no sides"},
		{"duel with nobody", []string{"duel", "alpha", "floor-none"}, exitUsage, "floor-none is missing: build it"},
		{"compare one", []string{"compare", out}, exitUsage, "accepts 2 arg"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := netbench(bin, tc.args...)
			if got.code != tc.code || !strings.Contains(got.stdout+got.stderr, tc.want) {
				t.Errorf("exit code %d, want %d with %q\nstdout: %s\nstderr: %s",
					got.code, tc.code, tc.want, got.stdout, got.stderr)
			}
		})
	}
	if left, err := proctest.Children(bin); err != nil || len(left) > 0 {
		t.Errorf("still running: %v (%v)", left, err)
	}
}

func TestProgramsThatAreMissingAreNamed(t *testing.T) {
	got := netbench(t.TempDir(), "run")
	if got.code != exitUsage || !strings.Contains(got.stderr, "make build") {
		t.Errorf("%+v", got)
	}
}

func TestRunLeavesAWholeFolder(t *testing.T) {
	bin, root := proctest.Install(t), t.TempDir()
	got := netbench(bin, small(root)...)
	if got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	dir := onlyRun(t, root)
	if !strings.HasSuffix(strings.TrimSpace(got.stdout), dir) || !strings.Contains(got.stdout, "alpha echo c=10") {
		t.Errorf("stdout\n%s", got.stdout)
	}
	run, err := record.Open(dir)
	if err != nil || len(run.Records) != smallVisits || len(run.Warnings) != 0 {
		t.Fatalf("%d records, %q, %v", len(run.Records), run.Warnings, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, record.BenchFile))
	if err != nil || strings.Count(string(text), "\nBenchmarkServe/") != smallVisits {
		t.Errorf("bench.txt: %v\n%s", err, text)
	}
	for _, r := range run.Records {
		if !r.OK() || r.Server.CPUS < 0 || r.Machine.Tries < 1 {
			t.Errorf("%+v", r)
		}
	}
	if strings.Contains(got.stderr, "\x1b") || strings.Contains(got.stderr, "\r") {
		t.Errorf("escape codes or rewritten lines without a terminal: %q", got.stderr)
	}
}

func TestQuietSaysNothingButTheResult(t *testing.T) {
	bin, root := proctest.Install(t), t.TempDir()
	got := netbench(bin, append(small(root), "--quiet", "--models", "alpha")...)
	if got.code != exitOK || got.stderr != "" {
		t.Errorf("%+v", got)
	}
}

func TestCompare(t *testing.T) {
	bin, rootA, rootB := proctest.Install(t), t.TempDir(), t.TempDir()
	for _, root := range []string{rootA, rootB} {
		if got := netbench(bin, small(root)...); got.code != exitOK {
			t.Fatalf("%+v", got)
		}
	}
	a, b := onlyRun(t, rootA), onlyRun(t, rootB)
	got := netbench(bin, "compare", a, b)
	if got.code != exitOK || strings.Count(got.stdout, "\n") != smallCells+1 || !strings.Contains(got.stdout, "1.00") {
		t.Errorf("%+v", got)
	}
	edit(t, filepath.Join(b, record.EnvFile), func(env map[string]any) { env["host"] = "another" })
	got = netbench(bin, "compare", a, b)
	if got.code != exitUsage || !strings.Contains(got.stderr, "different machines") {
		t.Errorf("%+v", got)
	}
	if got := netbench(bin, "compare", "--force", a, b); got.code != exitOK {
		t.Errorf("%+v", got)
	}
}

func TestReport(t *testing.T) {
	bin, root, out := proctest.Install(t), t.TempDir(), t.TempDir()
	if got := netbench(bin, small(root)...); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	dir := onlyRun(t, root)
	page := filepath.Join(out, "REPORT.md")
	report := func() outcome {
		return netbench(bin, "report", dir, "--charts", filepath.Join(out, "charts"), "--report", page)
	}
	if got := report(); got.code != exitOK || !strings.Contains(got.stdout, page) {
		t.Fatalf("%+v", got)
	}
	if text, err := os.ReadFile(page); err != nil || !bytes.Contains(text, []byte("alpha")) {
		t.Errorf("%v\n%s", err, text)
	}
	if text, err := os.ReadFile(filepath.Join(dir, pageFile)); err != nil || !bytes.Contains(text, []byte("</html>")) {
		t.Errorf("the page beside the run: %v", err)
	}
	alone := filepath.Join(out, "page.html")
	if got := netbench(bin, "report", dir, "--html", alone); got.code != exitOK || strings.Contains(got.stdout, "charts") {
		t.Errorf("%+v", got)
	}
	records := filepath.Join(dir, record.RecordsFile)
	data, err := os.ReadFile(records)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(records, append([]byte("{]\n"), data...), 0o644); err != nil {
		t.Fatal(err)
	}
	got := report()
	if got.code != exitFailed || !strings.Contains(got.stderr, record.RecordsFile+":1: unreadable") {
		t.Errorf("%+v", got)
	}
}

func edit(t *testing.T, path string, change func(map[string]any)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	change(object)
	if data, err = json.Marshal(object); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestResultsFolderThatCannotBeWritten(t *testing.T) {
	bin := proctest.Install(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got := netbench(bin, small(blocked)...)
	if got.code != exitUsage || !strings.Contains(got.stderr, blocked) || strings.Contains(got.stderr, "[") {
		t.Errorf("%+v", got)
	}
}

func TestDoctorIsAFullList(t *testing.T) {
	got := netbench(proctest.Install(t), "doctor", "--json")
	var findings []map[string]string
	if err := json.Unmarshal([]byte(got.stdout), &findings); err != nil || len(findings) < 10 {
		t.Errorf("%v: %+v", err, got)
	}
	if got.code != exitOK && got.code != exitUnavailable {
		t.Errorf("exit code %d", got.code)
	}
}

package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iomodels/bench/gate"
	"iomodels/bench/proc/proctest"
)

// long asks for what takes long.
var long = flag.Bool("long", false, "time a gate from end to end")

func TestProveWritesItsPage(t *testing.T) {
	bin, dir := proctest.Install(t), t.TempDir()
	runs, page := filepath.Join(dir, "gate.jsonl"), filepath.Join(dir, "GATE.md")
	prove := func(args ...string) outcome {
		return netbench(bin, append([]string{"gate", "prove", "--out", runs, "--page", page}, args...)...)
	}
	const frame = "Prose.\n<!-- generated:gate begin -->\nold\n<!-- generated:gate end -->\nMore prose.\n"
	if err := os.WriteFile(page, []byte(frame), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		verdict := []gate.Verdict{gate.Pass, gate.Inconclusive, gate.Fail}[i]
		if err := gate.AddProof(runs, gate.Proof{Trial: "stall", Model: "reactor", Verdict: verdict, TookS: 9}); err != nil {
			t.Fatal(err)
		}
	}
	if got := prove("--table"); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	data, err := os.ReadFile(page)
	text := string(data)
	if err != nil || strings.Contains(text, "old") || !strings.HasSuffix(text, "\nMore prose.\n") ||
		!strings.Contains(text, "| reactor | 3 of 3 | 1 | 1 | 1 | 0 of 3 | 9 |") {
		t.Errorf("%v\n%s", err, text)
	}
	if got := prove("--trial", "stall"); got.code != exitOK || got.stdout != "" {
		t.Errorf("a trial that has its runs ran again: %+v", got)
	}
	if got := prove("--trial", "stal"); got.code != exitUsage || !strings.Contains(got.stderr, `did you mean "stall"?`) {
		t.Errorf("%+v", got)
	}
}

// TestProveKeepsTheWordsOfAGateThatBreaks: a trial of what does not build is an error with the
// compiler's words, and no run.
func TestProveKeepsTheWordsOfAGateThatBreaks(t *testing.T) {
	bin, repo := proctest.Install(t), repository(t, "package main\n\nfunc main() { return 1 }\n")
	t.Setenv(asProgram, "1") // or the gate that it starts would be this test
	t.Chdir(repo)
	runs := filepath.Join(t.TempDir(), "gate.jsonl")
	got := netbench(bin, "gate", "prove", "--trial", "syscall", "--out", runs)
	if got.code != exitUsage || !strings.Contains(got.stderr, "too many return values") {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(runs); err == nil {
		t.Error("a gate that broke was kept as a run")
	}
}

// TestThePageIsCurrent: the table of the committed page is that of the committed runs.
func TestThePageIsCurrent(t *testing.T) {
	page := filepath.Join(root(), "bench", "GATE.md")
	was, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "GATE.md")
	if err := os.WriteFile(copied, was, 0o644); err != nil {
		t.Fatal(err)
	}
	runs := filepath.Join(root(), "results", "gate.jsonl")
	if got := netbench("", "gate", "prove", "--table", "--out", runs, "--page", copied); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	if now, err := os.ReadFile(copied); err != nil || string(now) != string(was) {
		t.Errorf("bench/GATE.md is not what results/gate.jsonl says: scripts/prove-gate.sh --table (%v)", err)
	}
}

// burner is a netserve that listens to nobody and keeps its processor busy, so that its slices
// cost something when the generator, too, is invented.
const burner = `package main

import (
	"fmt"
	"os"
)

func main() {
	if os.Args[1] == "--list" {
		fmt.Println("[{\"name\":\"burner\",\"available\":true,\"protocols\":[\"echo\"]}]")
		return
	}
	fmt.Printf("{\"ready\":\"127.0.0.1:1\",\"model\":\"burner\",\"proto\":\"echo\",\"pid\":%d}\n", os.Getpid())
	for i := 0; ; i++ {
	}
}
`

// TestATimedGateFromEndToEnd: real builds, real layouts, real processes, and a generator that
// makes its figures up. What the verdict is does not matter, only that there is one of all blocks.
func TestATimedGateFromEndToEnd(t *testing.T) {
	if !*long {
		t.Skip("SKIPPED: twelve blocks of builds and processes take half a minute: -long")
	}
	bin, repo, dir := proctest.Install(t), repository(t, burner, strings.Replace(burner, "1:1", "1:2", 1)), t.TempDir()
	got := netbench(bin, "gate", "--repo", repo, "--base", "v0", "--head", "v1", "--stages", "times", "--slice", "10ms",
		"--out", dir, "--seed", "7")
	if got.code == exitUsage {
		t.Fatalf("%+v", got)
	}
	var report gate.Report
	data, err := os.ReadFile(filepath.Join(dir, "gate.json"))
	if err != nil || json.Unmarshal(data, &report) != nil {
		t.Fatalf("%v: %s\n%+v", err, data, got)
	}
	if len(report.Rows) != 2 || report.Seed != 7 || report.Verdict == "" {
		t.Errorf("%s", data)
	}
}

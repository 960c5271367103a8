package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
)

var update = flag.Bool("update", false, "write bench/SURVIVAL.md from what happened")

// fault is one way in which a run of netbench may go wrong. It is played against the program
// itself, in processes of their own; servers and generators are those of proctest, real processes
// that measure nothing.
type fault struct {
	name string
	says string // what is done, and what counts as survived
	// play plays it once, in a fresh place. What fails is a failure of the test.
	play func(*testing.T, place)
	full int  // how often in the large round; 0: as often as in the small one
	slow bool // not played in the small round
}

// place is where a fault is played.
type place struct{ bin, root string }

// tally is what became of a fault.
type tally struct {
	tried, survived int
}

func faults() []fault {
	return slices.Concat(deathFaults(), diskFaults(), machineFaults())
}

// TestFaults plays every fault; SURVIVAL=full, as often as the table says.
func TestFaults(t *testing.T) {
	full := os.Getenv("SURVIVAL") == "full"
	var rows []string
	for _, f := range faults() {
		if f.slow && !full {
			continue
		}
		times, sum := 1, tally{}
		if full {
			times = max(f.full, 1)
		}
		for i := range times {
			name := f.name
			if times > 1 {
				name = fmt.Sprint(f.name, " ", i+1)
			}
			t.Run(name, func(t *testing.T) {
				t.Cleanup(func() {
					if !t.Skipped() {
						sum.tried++
						sum.survived += map[bool]int{false: 1}[t.Failed()]
					}
				})
				f.play(t, place{proctest.Install(t), t.TempDir()})
			})
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %d | %d |", f.name, f.says, sum.tried, sum.survived))
	}
	checkTable(t, strings.Join(rows, "\n")+"\n", full)
}

// faultFile is what the large round writes.
const faultFile = "../../SURVIVAL.md"

const (
	faultsBegin = "<!-- generated:faults begin -->\n"
	faultsEnd   = "<!-- generated:faults end -->"
)

// checkTable writes the table, or checks that the committed one speaks of these faults.
func checkTable(t *testing.T, rows string, full bool) {
	text, err := os.ReadFile(faultFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), faultsBegin)
	table, after, ok2 := strings.Cut(rest, faultsEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has lost its markers", faultFile)
	}
	if full && *update {
		head := "| fault | what is done, and what counts as survived | tried | survived |\n|---|---|---:|---:|\n"
		if err := os.WriteFile(faultFile, []byte(before+faultsBegin+head+rows+faultsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, f := range faults() {
		if !strings.Contains(table, "| "+f.name+" | "+f.says+" |") {
			t.Errorf("%s does not speak of %q: SURVIVAL=full go test ./bench/cmd/netbench -run TestFaults -update", faultFile, f.name)
		}
	}
}

// start starts netbench in front of which command words may stand ("unshare ...").
func (p place) start(t *testing.T, prefix []string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	words := slices.Concat(prefix, []string{os.Args[0], "--bin", p.bin}, args)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, &stderr
}

// finish runs netbench to its end.
func (p place) finish(t *testing.T, prefix []string, args ...string) outcome {
	t.Helper()
	cmd, stderr := p.start(t, prefix, args...)
	err := cmd.Wait()
	if exit := (&exec.ExitError{}); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	assertNoneLeft(t, p.bin)
	return outcome{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
}

// child waits until a program of the bench runs, and returns its process.
func (p place) child(t *testing.T, program string) int {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		pids, _ := proctest.Children(filepath.Join(p.bin, program))
		for _, pid := range pids {
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err == nil && bytes.Contains(line, []byte("--addr")) { // not one that lists, or has just ended
				return pid
			}
		}
	}
	t.Fatalf("never saw a %s", program)
	return 0
}

// records reads the one run of the place.
func (p place) records(t *testing.T) *record.Run {
	t.Helper()
	run, err := record.Open(onlyRun(t, p.root))
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// failures returns the records that say that they failed.
func failures(run *record.Run) (out []record.Record) {
	for _, rec := range run.Records {
		if rec.Failed != "" {
			out = append(out, rec)
		}
	}
	return out
}

// wantOutcome judges an exit code, and words that standard error must have.
func wantOutcome(t *testing.T, got outcome, code int, words ...string) {
	t.Helper()
	if got.code != code {
		t.Errorf("exit code %d, want %d: %s", got.code, code, got.stderr)
	}
	for _, w := range words {
		if !strings.Contains(got.stderr, w) {
			t.Errorf("does not say %q: %s", w, got.stderr)
		}
	}
}

// assertNoPanic: whatever happens, netbench speaks in words.
func assertNoPanic(t *testing.T, got outcome) {
	t.Helper()
	for _, bad := range []string{"panic:", "goroutine 1 [", "SIGSEGV"} {
		if strings.Contains(got.stderr, bad) {
			t.Errorf("crashed: %s", got.stderr)
		}
	}
}

// signalChild starts the small plan, sends a signal to the first child of a kind, and waits.
func (p place) signalChild(t *testing.T, program string, sig syscall.Signal, args ...string) outcome {
	t.Helper()
	cmd, stderr := p.start(t, nil, args...)
	for syscall.Kill(p.child(t, program), sig) != nil { // one that has just ended does not count
	}
	cmd.Wait()
	assertNoneLeft(t, p.bin)
	return outcome{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
}

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
)

// program starts netbench as a process of its own.
func program(t *testing.T, bin string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"--bin", bin}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &stderr
}

// waitForRecords polls until the one run below root has n records.
func waitForRecords(t *testing.T, root string, n int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(root, "*", record.RecordsFile))
		if len(files) == 1 {
			data, err := os.ReadFile(files[0])
			if err == nil && bytes.Count(data, []byte{'\n'}) >= n {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("never saw %d records", n)
		}
	}
}

func assertNoneLeft(t *testing.T, bin string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		left, err := proctest.Children(bin)
		if err == nil && len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running: %v (%v)", left, err)
		}
	}
}

func TestInterruptKeepsWhatIsFinished(t *testing.T) {
	bin, root := proctest.Install(t), t.TempDir()
	cmd, stderr := program(t, bin, small(root)...)
	waitForRecords(t, root, 2)
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	assertNoneLeft(t, bin)
	dir := onlyRun(t, root)
	before, err := record.Open(dir)
	if err != nil || len(before.Records) < 2 || len(before.Records) == smallVisits {
		t.Fatalf("%d records, %v", len(before.Records), err)
	}
	if !strings.Contains(stderr.String(), "--resume "+dir) {
		t.Errorf("does not say how to go on: %s", stderr)
	}
	got := netbench(bin, "run", "--resume", dir)
	if got.code != exitOK || !strings.Contains(got.stderr, fmt.Sprintf("%d cells done", len(before.Records))) {
		t.Fatalf("%+v", got)
	}
	assertWhole(t, dir)
}

func TestSecondInterruptStopsAtOnce(t *testing.T) {
	bin, root := proctest.Install(t), t.TempDir()
	cmd, stderr := program(t, bin, "run", "--profile", "c10k", "--models", "alpha", "--out", root)
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		// Server and generator of the first cell, which takes seconds: the handlers are in place.
		if left, err := proctest.Children(bin); err == nil && len(left) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("never began to measure")
		}
	}
	begin := time.Now()
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Process.Signal(os.Interrupt)
	<-ended
	if took := time.Since(begin); took > finishPatience {
		t.Errorf("took %v", took)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	assertNoneLeft(t, bin)
	if run, err := record.Open(onlyRun(t, root)); err != nil || len(run.Records) != 0 {
		t.Errorf("%d records of a cell that was given up, %v", len(run.Records), err)
	}
}

// assertWhole checks that the run holds every cell of the small plan once.
func assertWhole(t *testing.T, dir string) {
	t.Helper()
	run, err := record.Open(dir)
	if err != nil || run.Corrupt != 0 || len(run.Warnings) != 0 {
		t.Fatalf("%v, %q", err, run.Warnings)
	}
	seen := map[record.Key]bool{}
	for _, rec := range run.Records {
		if seen[rec.Key()] {
			t.Errorf("%+v twice", rec.Key())
		}
		seen[rec.Key()] = true
	}
	if len(seen) != smallVisits {
		t.Errorf("%d visits, want %d", len(seen), smallVisits)
	}
}

// TestKilledAtAnyMomentTheRunIsFinishedLater kills netbench again and again at moments chosen by
// a printed seed, and resumes until the run is whole.
func TestKilledAtAnyMomentTheRunIsFinishedLater(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const maxKills = 10
	bin, root := proctest.Install(t), t.TempDir()
	args := small(root)
	kept := 0
	for kills := 0; ; kills++ {
		cmd, stderr := program(t, bin, args...)
		delay := time.Duration(200+rng.IntN(1200)) * time.Millisecond
		if kills >= maxKills {
			delay = time.Hour // now it may finish
		}
		patience := time.AfterFunc(delay, func() { cmd.Process.Kill() })
		cmd.Wait()
		patience.Stop()
		assertNoneLeft(t, bin)
		dirs, _ := filepath.Glob(filepath.Join(root, "*Z-*"))
		if len(dirs) == 0 {
			continue // killed before there was a folder
		}
		run, err := record.Open(dirs[0])
		if err != nil {
			// Killed between the folder and its description: nothing was measured, nothing is lost.
			if len(dirs) != 1 || os.RemoveAll(dirs[0]) != nil {
				t.Fatal(err)
			}
			continue
		}
		if len(run.Records) < kept || run.Corrupt > 0 {
			t.Fatalf("after %d kills: %d records, had %d, %q", kills, len(run.Records), kept, run.Warnings)
		}
		kept = len(run.Records)
		args = []string{"run", "--resume", dirs[0]}
		if code := cmd.ProcessState.ExitCode(); code == exitOK {
			t.Logf("whole after %d kills", kills)
			assertWhole(t, dirs[0])
			return
		} else if code != -1 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
	}
}

func TestResumeRefusesAnotherMachine(t *testing.T) {
	bin, root := proctest.Install(t), t.TempDir()
	if got := netbench(bin, small(root)...); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	dir := onlyRun(t, root)
	cutRecords(t, dir, 5)
	edit(t, filepath.Join(dir, record.EnvFile), func(env map[string]any) { env["kernel"] = "0.0.1" })
	got := netbench(bin, "run", "--resume", dir)
	if got.code != exitUsage || !strings.Contains(got.stderr, "kernel was 0.0.1") {
		t.Fatalf("%+v", got)
	}
	if got := netbench(bin, "run", "--resume", dir, "--force"); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	assertWhole(t, dir)
	run, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, rec := range run.Records {
		if stained := strings.Contains(fmt.Sprint(rec.Warnings), "resumed by force"); stained != (i >= 5) {
			t.Errorf("record %d: %q", i, rec.Warnings)
		}
	}
}

func cutRecords(t *testing.T, dir string, keep int) {
	t.Helper()
	path := filepath.Join(dir, record.RecordsFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte{'\n'})
	if err := os.WriteFile(path, bytes.Join(lines[:keep], nil), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTwoRunsAtOnce(t *testing.T) {
	bin, root := proctest.Install(t), t.TempDir()
	cmd, _ := program(t, bin, small(root)...)
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
		assertNoneLeft(t, bin)
	}()
	waitForRecords(t, root, 1)
	got := netbench(bin, small(root)...)
	if got.code != exitUsage || !strings.Contains(got.stderr, fmt.Sprintf("pid %d", cmd.Process.Pid)) {
		t.Errorf("%+v", got)
	}
}

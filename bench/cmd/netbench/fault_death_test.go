package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
)

// deathFaults end processes, or stop them.
func deathFaults() []fault {
	return []fault{
		{
			name: "server killed", full: 10, play: serverKilled,
			says: "kill -9 of the server in mid-cell: that cell is a failed record without a figure, the rest is measured, exit 1; " +
				"killed when it was only to be stopped: a warning of the record",
		},
		{
			name: "server dies each time", play: serverDies,
			says: "a model whose server dies in every cell: each is a failed record with its last words, the others " +
				"are measured, exit 1",
		},
		{
			name: "generator killed", full: 10, play: generatorKilled,
			says: "kill -9 of the generator in mid-cell: that cell is a failed record, the rest is measured, exit 1",
		},
		{
			name: "runner killed", full: 50, play: runnerKilled,
			says: "kill -9 of netbench at a random moment of a short matrix: no child outlives it, --resume " +
				"completes it, no record is lost, torn or doubled",
		},
		{
			name: "interrupted", full: 5, play: interrupted,
			says: "ctrl-C at a random moment: exit 130, nothing left running, the finished cells are kept, --resume " +
				"does the rest",
		},
		{
			name: "generator stopped for a while", full: 5, play: generatorStalled,
			says: "SIGSTOP, and SIGCONT a moment later: the run is whole",
		},
		{
			name: "server stopped for good", full: 2, slow: true, play: serverFrozen,
			says: "SIGSTOP of the server: it cannot hear SIGTERM, is killed by its pid after five seconds, and a " +
				"warning of the record says so",
		},
		{
			name: "server deaf at stop", slow: true, play: serverDeaf,
			says: "a server that ignores SIGTERM: killed by its pid after five seconds, recorded as a warning, figures kept",
		},
	}
}

func serverKilled(t *testing.T, p place)    { childKilled(t, p, "netserve") }
func generatorKilled(t *testing.T, p place) { childKilled(t, p, "netload") }

// childKilled kills the first child of a kind. If that was between the end of its measurement and its
// stop, there was nothing left to fail, and the record has a warning instead.
func childKilled(t *testing.T, p place, program string) {
	got := p.signalChild(t, program, syscall.SIGKILL, small(p.root)...)
	assertWhole(t, onlyRun(t, p.root))
	run, told := p.records(t), 0
	for _, rec := range run.Records {
		if strings.Contains(rec.Failed+fmt.Sprint(rec.Warnings), "killed") {
			told++
		}
		if rec.Failed != "" && rec.Load.RatePerS != 0 {
			t.Errorf("a failed record carries a figure: %+v", rec)
		}
	}
	bad := failures(run)
	if told != 1 && !again(got) || told > 1 {
		t.Errorf("%d records tell of it, and %d failed", told, len(bad))
	}
	if len(bad) == 1 {
		wantOutcome(t, got, exitFailed, "killed")
	} else {
		wantOutcome(t, got, exitOK)
	}
}

// again reports that a measurement was thrown away because the machine was busy: a killed one that
// had its figures may be among them.
func again(got outcome) bool { return strings.Contains(got.stderr, "repeated") }

func serverDies(t *testing.T, p place) {
	got := p.finish(t, nil, "run", "--profile", "smoke", "--models", proctest.Alpha+","+proctest.Mortal,
		"--workloads", "closed", "--out", p.root)
	wantOutcome(t, got, exitFailed, "out of luck")
	run := p.records(t)
	for _, rec := range run.Records {
		if rec.OK() != (rec.Cell.Model == proctest.Alpha) {
			t.Errorf("%s: failed %q", rec.Cell.Model, rec.Failed)
		}
	}
	if len(run.Records) != smallVisits {
		t.Errorf("%d records, want %d", len(run.Records), smallVisits)
	}
}

func runnerKilled(t *testing.T, p place) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	delay := time.Duration(rand.New(rand.NewPCG(seed, 0)).IntN(2000)) * time.Millisecond
	cmd, _ := p.start(t, nil, small(p.root)...)
	bell := time.AfterFunc(delay, func() { cmd.Process.Kill() })
	cmd.Wait()
	bell.Stop()
	assertNoneLeft(t, p.bin)
	p.resumed(t)
}

// resumed finishes the run of the place, and wants that no record has changed, and that all are
// there once. Where there is none yet, there was nothing to lose: it begins anew.
func (p place) resumed(t *testing.T) {
	t.Helper()
	args, kept := small(p.root), 0
	if dirs, _ := filepath.Glob(filepath.Join(p.root, "*Z-*")); len(dirs) == 1 {
		if run, err := record.Open(dirs[0]); err == nil {
			args, kept = []string{"run", "--resume", dirs[0]}, len(run.Records)
		} else if os.RemoveAll(dirs[0]) != nil { // killed between the folder and its description
			t.Fatal(err)
		}
	}
	if got := p.finish(t, nil, args...); got.code != exitOK {
		t.Fatalf("with %d records kept: %+v", kept, got)
	}
	assertWhole(t, onlyRun(t, p.root))
}

func interrupted(t *testing.T, p place) {
	cmd, stderr := p.start(t, nil, small(p.root)...)
	p.child(t, "netload") // the handlers are in place
	time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	assertNoneLeft(t, p.bin)
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted && code != exitOK { // it may have been faster
		t.Errorf("exit code %d: %s", code, stderr)
	}
	p.resumed(t)
}

func generatorStalled(t *testing.T, p place) {
	cmd, stderr := p.start(t, nil, small(p.root)...)
	pid := p.child(t, "netload")
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	syscall.Kill(pid, syscall.SIGCONT)
	cmd.Wait()
	assertNoneLeft(t, p.bin)
	wantOutcome(t, outcome{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}, exitOK)
	assertWhole(t, onlyRun(t, p.root))
}

func serverFrozen(t *testing.T, p place) {
	cmd, stderr := p.start(t, nil, small(p.root)...)
	p.child(t, "netload") // so the server is ready
	if err := syscall.Kill(p.child(t, "netserve"), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	assertNoneLeft(t, p.bin)
	got := outcome{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
	wantOutcome(t, got, exitOK)
	assertWhole(t, onlyRun(t, p.root))
	if !again(got) {
		wantKilledAtStop(t, p.records(t), 1)
	}
}

func serverDeaf(t *testing.T, p place) {
	got := p.finish(t, nil, "run", "--profile", "smoke", "--models", proctest.Deaf, "--workloads", "short", "--out", p.root)
	wantOutcome(t, got, exitOK)
	wantKilledAtStop(t, p.records(t), 2)
}

// wantKilledAtStop wants n records that say that the server was killed, with their figures.
func wantKilledAtStop(t *testing.T, run *record.Run, n int) {
	t.Helper()
	said := 0
	for _, rec := range run.Records {
		if strings.Contains(fmt.Sprint(rec.Warnings), "SIGTERM: killed") {
			said++
		}
		if !rec.OK() {
			t.Errorf("failed: %q", rec.Failed)
		}
	}
	if said != n {
		t.Errorf("%d records say that the server was killed at its stop, want %d", said, n)
	}
}

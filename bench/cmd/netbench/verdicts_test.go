package main

import (
	"path/filepath"
	"strings"
	"testing"

	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
	"iomodels/bench/synth"
)

// judged is a run with verdicts; turned swaps the costs of two models.
func judged(blocks int, turned bool) *record.Run {
	run := synth.Run(synth.Options{
		Seed: 4, Blocks: blocks, Conns: []int{10}, Models: []string{"goroutine", "reactor", "thread"},
	})
	for i := range run.Records {
		if r := &run.Records[i]; turned && r.Cell.Model != "goroutine" {
			r.Cell.Model = map[string]string{"reactor": "thread", "thread": "reactor"}[r.Cell.Model]
		}
	}
	return synth.TakeTurns(run, "goroutine", 0.01)
}

func TestVerdictsOfTwoRuns(t *testing.T) {
	bin := proctest.Install(t)
	first, again := stored(t, t.TempDir(), judged(12, false)), stored(t, t.TempDir(), judged(14, false))
	turned, short := stored(t, t.TempDir(), judged(12, true)), stored(t, t.TempDir(), judged(5, false))
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"they agree", []string{"compare", "--verdicts", first, again}, exitOK, "0 contradict"},
		{"they contradict", []string{"compare", "--verdicts", first, turned}, exitFailed, "reactor / thread was"},
		{"too few blocks", []string{"compare", "--verdicts", first, short}, exitUnavailable, "share no verdict"},
		{"ratios apart", []string{"compare", "--ratios", first, again}, exitOK, "A: norm"},
		{"both at once", []string{"compare", "--ratios", "--verdicts", first, again}, exitUsage, "none of the others can be"},
		{"relabelled", []string{"relabel", first, "--runs", "200"}, exitOK, "200 pseudo-campaigns"},
		{"nothing to relabel", []string{"relabel", short}, exitUnavailable, "no headline"},
		{"nothing to run again", []string{"rerun", bin}, exitUsage, "holds no run"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := netbench(bin, tc.args...)
			if got.code != tc.code || !strings.Contains(got.stdout+got.stderr, tc.want) {
				t.Errorf("exit code %d, want %d with %q\nstdout: %s\nstderr: %s", got.code, tc.code, tc.want, got.stdout, got.stderr)
			}
		})
	}
}

// TestRerun measures a run again, with its choices and another order, and holds limits.
func TestRerun(t *testing.T) {
	bin, root := proctest.Install(t), t.TempDir()
	one := []string{"run", "--profile", "smoke", "--models", "alpha,beta", "--workloads", "short", "--baseline", "alpha", "--out", root}
	if got := netbench(bin, one...); got.code != exitOK || !strings.Contains(got.stderr, "again: netbench rerun ") {
		t.Fatalf("%+v", got)
	}
	dir := onlyRun(t, root)
	for limit, code := range map[string]int{"req/s>1M": exitOK, "req/s>10": exitFailed, "syscalls/req>1M": exitUnavailable} {
		out := t.TempDir()
		got := netbench(bin, "rerun", dir, "--out", out, "--fail-if", limit)
		if limit == "syscalls/req>1M" && got.code == exitOK {
			continue // this machine counts system calls
		}
		if got.code != code || (code != exitOK && !strings.Contains(got.stderr, limit)) {
			t.Errorf("%s: exit code %d, want %d: %s", limit, got.code, code, got.stderr)
		}
		before, err := record.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		after, err := record.Open(onlyRun(t, out))
		if err != nil || len(after.Records) != len(before.Records) || after.Env.Seed == before.Env.Seed ||
			after.Env.Config.Baseline != "alpha" {
			t.Errorf("%d records, %+v, %v", len(after.Records), after.Env.Config, err)
		}
	}
	if got := netbench(bin, append(one, "--fail-if", "p98>1s")...); got.code != exitUsage || !strings.Contains(got.stderr, `no metric "p98"`) {
		t.Errorf("%+v", got)
	}
	if dirs, _ := filepath.Glob(filepath.Join(root, "*Z-*")); len(dirs) != 1 {
		t.Errorf("a limit that cannot be read was found after the run: %q", dirs)
	}
}

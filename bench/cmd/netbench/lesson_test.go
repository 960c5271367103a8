package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iomodels/bench/proc/proctest"
)

func TestLesson(t *testing.T) {
	bin, dir := proctest.Install(t), t.TempDir()
	got := netbench(bin, "lesson", "--list")
	if got.code != exitOK || strings.Count(got.stdout, "\n") < 16 || !strings.Contains(got.stdout, " 7 ● Level or edge") {
		t.Errorf("%+v", got)
	}
	// Nothing is solved yet.
	if got := netbench(bin, "lesson", "7", "--check"); got.code != exitFailed || !strings.Contains(got.stdout, "not yet") {
		t.Errorf("%+v", got)
	}
	// The doubles of netserve cannot be taught with: the prediction is kept all the same.
	got = netbench(bin, "lesson", "13", "--predict", "5", "--out", dir)
	if got.code != exitFailed || !strings.Contains(got.stdout, "0 passed, 1 failed") {
		t.Errorf("%+v", got)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "predictions.jsonl"))
	if err != nil || !strings.Contains(string(kept), `"lesson":13,"said":"5"`) {
		t.Errorf("%q, %v", kept, err)
	}
	for _, wrong := range [][]string{{"99"}, {"x"}, {"7", "--all"}} {
		if got := netbench(bin, append([]string{"lesson"}, wrong...)...); got.code != exitUsage {
			t.Errorf("%v: %+v", wrong, got)
		}
	}
}

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"iomodels/bench/lab"
	"iomodels/bench/proc/proctest"
)

func TestFail(t *testing.T) {
	bin := proctest.Install(t)
	if got := netbench(bin, "fail", "--list"); got.code != exitOK || strings.Count(got.stdout, "\n") != len(lab.Rows()) {
		t.Errorf("%+v", got)
	}
	got := netbench(bin, "fail", "F4")
	if got.code != exitOK || !strings.Contains(got.stdout, "1 passed, 0 failed") || !strings.Contains(got.stdout, "the fix") {
		t.Errorf("%+v", got)
	}
	var results []lab.Result
	got = netbench(bin, "fail", "4", "13", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &results); err != nil || len(results) != 2 || !results[1].Passed {
		t.Errorf("%v: %+v", err, got)
	}
	// The doubles of netserve answer nobody: the row that needs one must not pass.
	if got := netbench(bin, "fail", "10"); got.code != exitFailed || !strings.Contains(got.stdout, "0 passed, 1 failed") {
		t.Errorf("%+v", got)
	}
	for _, wrong := range []string{"0", "21", "x"} {
		if got := netbench(bin, "fail", wrong); got.code != exitUsage || !strings.Contains(got.stderr, "no row") {
			t.Errorf("%+v", got)
		}
	}
}

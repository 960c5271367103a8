package main

import (
	"encoding/json"
	"strings"
	"testing"

	"iomodels/bench/proc/proctest"
)

func TestExplain(t *testing.T) {
	bin, dir := proctest.Install(t), synthetic(t, t.TempDir(), few())
	got := netbench(bin, "explain", dir)
	if got.code != exitOK || strings.Count(got.stdout, "\n") != 10 || !strings.HasPrefix(got.stdout, " 1. This run of commit") {
		t.Errorf("%+v", got)
	}
	var sentences []string
	got = netbench(bin, "explain", dir, "--json")
	if err := json.Unmarshal([]byte(got.stdout), &sentences); err != nil || len(sentences) != 10 {
		t.Errorf("%d sentences, %v", len(sentences), err)
	}
	if got := netbench(bin, "explain", t.TempDir()); got.code != exitUsage || !strings.Contains(got.stderr, "holds no run") {
		t.Errorf("%+v", got)
	}
}

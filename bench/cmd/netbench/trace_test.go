package main

import (
	"strings"
	"testing"

	"iomodels/bench/proc/proctest"
)

func TestTraceRefusals(t *testing.T) {
	bin := proctest.Install(t)
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no model", nil, exitUsage, "accepts 1 arg"},
		{"unknown model", []string{"alfa"}, exitUsage, `did you mean "alpha"?`},
		{"unknown protocol", []string{"alpha", "--proto", "htpt"}, exitUsage, `did you mean "http"?`},
		{"a burst of less than none", []string{"alpha", "--burst", "-1"}, exitUsage, "want 0 to 1000"},
		{"a model that cannot run here", []string{"refused"}, exitUnavailable, "the kernel said no"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := netbench(bin, append([]string{"trace"}, tc.args...)...)
			if got.code != tc.code || !strings.Contains(got.stderr, tc.want) {
				t.Errorf("exit code %d, want %d with %q\nstderr: %s", got.code, tc.code, tc.want, got.stderr)
			}
		})
	}
}

func TestTracesWithoutTraces(t *testing.T) {
	bin := proctest.Install(t)
	got := netbench(bin, "traces", t.TempDir())
	if got.code != exitUsage || !strings.Contains(got.stderr, "make traces") {
		t.Errorf("exit code %d, want %d and how to get traces\nstderr: %s", got.code, exitUsage, got.stderr)
	}
}

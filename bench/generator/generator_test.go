package generator

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"iomodels/bench/proc"
)

func TestLagIsTheMedianOfTheRuns(t *testing.T) {
	r := Result{Lags: []Lag{{P50: 30, P99: 1}, {P50: 10, P99: 3}, {P50: 20, P99: 2}}}
	if got := r.Lag(); got != (Lag{P50: 20, P99: 2}) {
		t.Errorf("%+v", got)
	}
}

// TestClientThatEndsIsNoClient: its CPU time would be taken for a cheap one.
func TestClientThatEndsIsNoClient(t *testing.T) {
	path, err := exec.LookPath("false")
	if err != nil {
		t.Skip("SKIPPED: no program called false")
	}
	client, err := proc.Start(proc.Spec{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	err = pause(t.Context(), client, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "ended early, exit code 1") {
		t.Errorf("%v", err)
	}
}

func TestPauseEndsWithItsContext(t *testing.T) {
	path, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("SKIPPED: no program called sleep")
	}
	client, err := proc.Start(proc.Spec{Path: path, Args: []string{"60"}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Kill()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pause(ctx, client, time.Minute); err != context.Canceled {
		t.Errorf("%v", err)
	}
}

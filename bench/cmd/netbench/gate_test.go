package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"iomodels/bench/gate"
	"iomodels/bench/proc/proctest"
)

// repository makes a repository with a commit per source of netserve, tagged v0, v1, ...
func repository(t *testing.T, sources ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("SKIPPED: no git here")
	}
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		identity := []string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"}
		if out, err := exec.Command("git", append(identity, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	write("go.mod", "module example\n\ngo 1.26.0\n")
	for i, source := range sources {
		write("servers/cmd/netserve/main.go", source)
		git("add", "-A")
		git("commit", "-q", "-m", "a state")
		git("tag", "v"+string(rune('0'+i)))
	}
	return dir
}

func TestGateBuildsBeforeItCounts(t *testing.T) {
	const list = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(`[]`) }\n"
	bin := proctest.Install(t)
	repo := repository(t, list, list+"\n// A remark.\n", strings.Replace(list, "[]", "[ ]", 1), list+"}\n")
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no base", nil, exitUsage, "--base REV"},
		{"unknown base", []string{"--base", "v9"}, exitUsage, "v9"},
		{"a remark", []string{"--base", "v0", "--head", "v1"}, exitOK, "have the same code"},
		{"other code, no server", []string{"--base", "v0", "--head", "v2"}, exitUnavailable, "nothing was compared"},
		{"no such model", []string{"--base", "v0", "--head", "v2", "--models", "spni"}, exitUsage, `no model "spni"`},
		{"no such stage", []string{"--base", "v0", "--stages", "timse"}, exitUsage, `did you mean "times"?`},
		{"work tree that does not build", []string{"--base", "v0"}, exitUsage, "non-declaration statement outside function body"},
	} {
		got := netbench(bin, append([]string{"gate", "--repo", repo}, tc.args...)...)
		if got.code != tc.code || !strings.Contains(got.stdout+got.stderr, tc.want) {
			t.Errorf("%s: exit code %d, want %d with %q\nstdout: %s\nstderr: %s",
				tc.name, got.code, tc.code, tc.want, got.stdout, got.stderr)
		}
	}
}

func TestGateVerdicts(t *testing.T) {
	for _, tc := range []struct {
		state gate.State
		code  int
		want  string
	}{
		{gate.Same, exitOK, "same"},
		{gate.Worse, exitFailed, "worse"},
		{gate.Unsteady, exitUnavailable, "unsteady: wavers"},
		{gate.Missing, exitUnavailable, "SKIPPED: wavers"},
	} {
		var out strings.Builder
		a := &app{stdout: &out, stderr: &out}
		row := gate.Row{Model: "m", Metric: gate.Lockstep, State: tc.state}
		if tc.state == gate.Unsteady || tc.state == gate.Missing {
			row.Why = "wavers"
		}
		report := gate.Report{Rows: []gate.Row{row}, Skipped: []string{"spin: forbidden"}}
		report.Conclude()
		dir := t.TempDir()
		err := a.gateVerdict(report, dir)
		code := exitOK
		if exit, ok := err.(*exitError); ok {
			code = exit.code
		}
		if code != tc.code || !strings.Contains(out.String(), tc.want) || !strings.Contains(out.String(), "SKIPPED: spin") {
			t.Errorf("%s: exit code %d, want %d\n%s", tc.state, code, tc.code, out.String())
		}
		data, err := os.ReadFile(filepath.Join(dir, "gate.json"))
		var back gate.Report
		if err != nil || json.Unmarshal(data, &back) != nil || back.Verdict != report.Verdict {
			t.Errorf("%s: gate.json: %s (%v)", tc.state, data, err)
		}
		comment, err := os.ReadFile(filepath.Join(dir, "gate.md"))
		if err != nil || string(comment) != report.Markdown() {
			t.Errorf("%s: gate.md: %s (%v)", tc.state, comment, err)
		}
	}
}

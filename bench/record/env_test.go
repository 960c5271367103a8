package record

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestReportsDoNotSoilTheTree: of two runs in a row, each reported, the second is of the same
// commit as the first, with nothing changed.
func TestReportsDoNotSoilTheTree(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	for _, name := range []string{"REPORT.md", "results/charts/a.svg", "bin/README.md", "servers/a.go"} {
		write(name, "before")
	}
	git("add", "-A")
	git("commit", "-qm", "all")
	for _, tc := range []struct {
		name  string
		dirty bool
	}{{"REPORT.md", false}, {"results/charts/a.svg", false}, {"servers/a.go", true}} {
		write(tc.name, "after")
		if commit, dirty := gitState(filepath.Join(dir, "bin")); commit == "nogit" || dirty != tc.dirty {
			t.Errorf("after a change of %s: commit %s, dirty %v", tc.name, commit, dirty)
		}
	}
}

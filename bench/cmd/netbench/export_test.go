package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iomodels/bench/export"
	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
	"iomodels/bench/synth"
)

// synthetic writes an invented run into a folder below root.
func synthetic(t *testing.T, root string, opt synth.Options, change ...func(*record.Env)) string {
	t.Helper()
	run := synth.Run(opt)
	for _, f := range change {
		f(&run.Env)
	}
	return stored(t, root, run)
}

// stored writes an invented run below root.
func stored(t *testing.T, root string, run *record.Run) string {
	t.Helper()
	w, err := record.Create(root, run.Env)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(run.Records...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.Dir
}

func few() synth.Options {
	return synth.Options{Seed: 3, Blocks: 6, Models: []string{"goroutine", "reactor"}, Conns: []int{1000}}
}

func TestExport(t *testing.T) {
	bin, dir := proctest.Install(t), synthetic(t, t.TempDir(), few())
	for _, f := range export.Formats() {
		got := netbench(bin, "export", dir, "--format", f.Name)
		if got.code != exitOK || len(got.stdout) < 200 || got.stderr != "" {
			t.Errorf("%s: exit code %d, %d bytes, %s", f.Name, got.code, len(got.stdout), got.stderr)
		}
		path := filepath.Join(t.TempDir(), f.File)
		toFile := netbench(bin, "export", dir, "--format", f.Name, "--out", path)
		data, err := os.ReadFile(path)
		if err != nil || string(data) != got.stdout || toFile.stdout != "" {
			t.Errorf("%s: the file differs from standard output (%v)", f.Name, err)
		}
	}
	folder := filepath.Join(t.TempDir(), "exports")
	if got := netbench(bin, "export", dir, "--format", "all", "--out", folder); got.code != exitOK {
		t.Errorf("%+v", got)
	}
	for _, f := range export.Formats() {
		if _, err := os.Stat(filepath.Join(folder, f.File)); err != nil {
			t.Error(err)
		}
	}
	if got := netbench(bin, "export", dir, "--format", "all"); got.code != exitUsage {
		t.Errorf("all formats on standard output: %+v", got)
	}
	got := netbench(bin, "export", dir, "--format", "jnuit")
	if got.code != exitUsage || !strings.Contains(got.stderr, `did you mean "junit"?`) {
		t.Errorf("%+v", got)
	}
	if got := netbench(bin, "export", t.TempDir()); got.code != exitUsage || !strings.Contains(got.stderr, "holds no run") {
		t.Errorf("%+v", got)
	}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
)

func TestHistory(t *testing.T) {
	bin, root := proctest.Install(t), t.TempDir()
	file := filepath.Join(root, "history.jsonl")
	history := func(verb string, args ...string) outcome {
		return netbench(bin, append([]string{"history", verb, "--file", file}, args...)...)
	}
	if got := history("show"); got.code != exitUnavailable || !strings.Contains(got.stderr, "holds no campaign") {
		t.Errorf("%+v", got)
	}
	if got := history("draw", "--out", root); got.code != exitOK || !strings.Contains(got.stdout, "0 campaigns") {
		t.Errorf("a history that is not there yet: %+v", got)
	}
	var dirs []string
	for i := range 4 {
		opt := few()
		opt.Seed = uint64(i + 1)
		dirs = append(dirs, synthetic(t, root, opt, func(e *record.Env) {
			e.Commit, e.Started = fmt.Sprintf("c%d", i), e.Started.Add(time.Duration(i)*time.Hour)
			if i == 3 {
				e.Kernel = "7.0"
			}
		}))
		if got := history("add", dirs[i]); got.code != exitOK || !strings.Contains(got.stdout, fmt.Sprintf("commit c%d", i)) {
			t.Fatalf("%+v", got)
		}
	}
	for _, tc := range []struct {
		name string
		got  outcome
		code int
		want string
	}{
		{"the same run again", history("add", dirs[0]), exitUsage, "holds this campaign"},
		{"no run", history("add", root), exitUsage, "holds no run"},
		{"one class at a time", history("show", "--metric", "req/s"), exitOK, "LAST COMMIT"},
		{"unknown class", history("show", "--class", "nix"), exitUsage, `no series of class "nix"`},
		{"ratios", history("compare", "c0", "c3", "--all"), exitOK, "machines of two classes"},
		{"absolutes of one machine", history("compare", "--absolute", "c0", "c2"), exitOK, "AFTER / BEFORE"},
		{"absolutes of two", history("compare", "--absolute", "c0", "c3"), exitUsage, `kernel "6.18" and "7.0"`},
		{"unknown commit", history("compare", "c0", "zz"), exitUsage, "there are: c3, c2, c1, c0"},
		{"help", netbench(bin, "history"), exitOK, "compare"},
		{"page", netbench(bin, "history", "--file", file, "--html", filepath.Join(root, "h.html")), exitOK, "page: "},
		{"no such series", history("draw", "--model", "nix", "--out", root), exitUsage, "no series of nix"},
	} {
		if tc.got.code != tc.code || !strings.Contains(tc.got.stdout+tc.got.stderr, tc.want) {
			t.Errorf("%s: exit code %d, want %d with %q\nstdout: %s\nstderr: %s",
				tc.name, tc.got.code, tc.code, tc.want, tc.got.stdout, tc.got.stderr)
		}
	}
	if got := history("draw", "--workload", "conns=1000", "--out", root); got.code != exitOK {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string]string{"history.svg": "<circle", "badge.svg": "reactor / goroutine, norm"} {
		if svg, err := os.ReadFile(filepath.Join(root, name)); err != nil || !strings.Contains(string(svg), want) {
			t.Errorf("%s lacks %q: %s (%v)", name, want, svg, err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil || strings.Count(string(data), "\n") != 4 {
		t.Fatalf("%d lines, %v", strings.Count(string(data), "\n"), err)
	}
	if err := os.WriteFile(file, append([]byte("{]\n"), data...), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := history("show"); got.code != exitOK || !strings.Contains(got.stderr, "history.jsonl:1: skipped") {
		t.Errorf("%+v", got)
	}
}

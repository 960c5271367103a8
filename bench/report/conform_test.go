package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConformanceOfARun(t *testing.T) {
	run := small()
	run.Dir = t.TempDir()
	lines := `{"server":"reactor","passed":10,"failed":0,"allowed":1,"chapters":[{"name":"9112 11","passed":10}]}` + "\n" +
		`{"server":"poll","passed":10,"failed":0,"chapters":[{"name":"9112 11","passed":10}]}` + "\n{oops\n" +
		`{"server":"nginx 1<2","passed":7,"failed":3,"must":2,"chapters":[{"name":"9112 11","passed":7,"failed":3}]}` + "\n"
	if err := os.WriteFile(filepath.Join(run.Dir, ConformFile), []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	page := pageOf(t, run)
	for _, want := range []string{
		"| reactor | 10 | 1 | 0 | 0 |", "| nginx 1&lt;2 | 7 | 0 | 3 | 2 |", "each of the 2 others",
		"| RFC 9112 11, security | 10 / 0 | 7 / 3 |", "conform.jsonl:3 cannot be read",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if !strings.Contains(pageOf(t, small()), "No conformance results are stored with this run.") {
		t.Error("a run without results must say so")
	}
}

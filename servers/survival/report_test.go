package survival

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// file is what the large round writes.
const file = "../SURVIVAL.md"

// write writes the generated parts of SURVIVAL.md.
func write(t *testing.T, rep Report) {
	for _, f := range Faults() {
		for _, m := range rep.Models {
			if !slices.ContainsFunc(rep.Results, func(r Result) bool { return r.Model == m && r.Fault == f.Name }) {
				if f.asks("http") {
					t.Fatalf("%s was not played against %s: a part of a round is not written", f.Name, m)
				}
			}
		}
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	rep.Where = fmt.Sprintf("Linux %s, %s, %d CPUs, %s.", bytes.TrimSpace(kernel), runtime.GOARCH,
		runtime.NumCPU(), runtime.Version())
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range rep.Tables() {
		before, _, after, err := part(string(text), name)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(before + content + after)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// part cuts a text into what is before, between and behind the markers of a generated part.
func part(text, name string) (before, content, after string, err error) {
	begin, end := "<!-- generated:"+name+" begin -->\n", "<!-- generated:"+name+" end -->"
	from, to := strings.Index(text, begin), strings.Index(text, end)
	if from < 0 || to < from {
		return "", "", "", errors.New(file + " has no part " + name)
	}
	from += len(begin)
	return text[:from], text[from:to], text[to:], nil
}

// TestReportIsComplete: SURVIVAL.md speaks of the faults and the models that there are.
func TestReportIsComplete(t *testing.T) {
	const how = "SURVIVAL=full go test ./servers/survival -timeout 90m -update"
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no report of a full round is committed: %s", how)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range (Report{}).Tables() {
		_, got, _, err := part(string(text), name)
		switch {
		case err != nil:
			t.Error(err)
		case len(got) == 0:
			t.Errorf("part %q is empty: %s", name, how)
		case name == "faults" && got != want:
			t.Errorf("the list of faults is not current: %s", how)
		}
	}
	_, counts, _, _ := part(string(text), "counts")
	for _, f := range Faults() {
		if !strings.Contains(counts, "| "+f.Name+" |") {
			t.Errorf("%s was never played in full: %s", f.Name, how)
		}
	}
	if strings.Contains(string(text), "NOT KNOWN") {
		t.Errorf("%s was written by a round that failed", file)
	}
}

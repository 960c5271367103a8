package page

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iomodels/bench/trace"
	"iomodels/bench/trace/lanes"
)

const (
	lessons = "../../../results/lessons"
	root    = "../../.."
)

// committed loads the traces behind the pictures that are in the tree.
func committed(t *testing.T) []lanes.Source {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(lessons, lanes.TracesDir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces, %v: make traces", err)
	}
	var all []lanes.Source
	for _, f := range files {
		src, err := lanes.Load(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, src)
	}
	return all
}

// TestPageIsWhole: every model has its scenes, its four boxes are filled at some step, and lines of
// the benchmarked source are lit for the models whose hearts are ours.
func TestPageIsWhole(t *testing.T) {
	ours := []string{"reactor", "reactor-et", "proactor", "proactor-emulated", "goroutine", "thread", "reactor-leader"}
	for _, src := range committed(t) {
		name := src.Trace.Header.Model
		t.Run(name, func(t *testing.T) {
			m, err := modelOf(src, []choice{{trace.MarkSend, ""}, {trace.MarkConnect, ""}, {trace.MarkBurst, ""}}, root)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(ours, name) && len(m.Hearts) == 0 {
				t.Error("no line of a heart is lit: the traces are older than the code, make traces")
			}
			waiting, running := 0, 0
			for _, st := range m.Scenes[0].Steps {
				waiting += len(st.Waiting)
				running += len(st.Running)
				if len(st.Says) == 0 {
					t.Errorf("step %d says nothing", st.N)
				}
			}
			if name != "spin" && (waiting == 0 || running == 0) {
				t.Errorf("%d entries wait and %d run, in all steps together", waiting, running)
			}
		})
	}
}

// TestHearts: a line that has moved is found by its text, one that has changed is not lit.
func TestHearts(t *testing.T) {
	dir := t.TempDir()
	source := "package x\n\n// HEART\n\nfunc f() {\n\tread()\n\tread()\n\twrite()\n}\n\n// HEART END\n\nfunc g() { read() }\n"
	if err := os.MkdirAll(filepath.Join(dir, "servers"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "servers", "x.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		frame trace.Frame
		want  string
	}{
		{"where it was", trace.Frame{File: "servers/x.go", Line: 7, Text: "read()"}, "0:7"},
		{"moved", trace.Frame{File: "servers/x.go", Line: 3, Text: "write()"}, "0:8"},
		{"changed", trace.Frame{File: "servers/x.go", Line: 6, Text: "recv()"}, ""},
		{"outside", trace.Frame{File: "servers/x.go", Line: 13, Text: "func g() { read() }"}, ""},
		{"another file", trace.Frame{File: "servers/y.go", Line: 6, Text: "read()"}, ""},
		{"another module", trace.Frame{File: "net/net.go", Line: 6, Text: "read()"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCode(dir)
			if got := c.light([]trace.Frame{tc.frame}); got != tc.want || c.err != nil {
				t.Errorf("lit %q, %v; want %q", got, c.err, tc.want)
			}
		})
	}
}

// TestMissingWindow: half a trace makes no page.
func TestMissingWindow(t *testing.T) {
	src := committed(t)[0]
	half := *src.Trace
	half.Events = nil
	if _, err := Build([]lanes.Source{{Trace: &half, Digest: src.Digest}}, root); err == nil ||
		!strings.Contains(err.Error(), "make traces") {
		t.Errorf("a trace without events: %v", err)
	}
}

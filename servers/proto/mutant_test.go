package proto

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMutantsAreFound breaks the parser on purpose, one way at a time, and wants the vectors to
// fail: a test that nothing can fail protects nothing. The broken file exists only for the compiler
// (go test -overlay).
func TestMutantsAreFound(t *testing.T) {
	for _, m := range []struct{ name, file, from, to string }{
		{
			"accepts Content-Length with Transfer-Encoding", "head.go",
			"case r.flags&(hasCoding|hasLength) == hasCoding|hasLength:", "case false:",
		},
		{"accepts two Content-Lengths", "head.go", "if r.has(hasLength) {", "if false {"},
		{"accepts two Hosts", "head.go", "if r.has(hasHost) {", "if false {"},
		{
			"accepts codings that do not end in chunked", "head.go",
			"case r.has(hasCoding) && !r.has(chunkedLast):", "case false:",
		},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			out, err := vectorsWith(t, m.file, m.from, m.to)
			if err == nil {
				t.Errorf("the vectors pass with a parser that %s", m.name)
			} else if !bytes.Contains(out, []byte("--- FAIL: TestVectors/")) {
				t.Errorf("it is not the vectors that failed: %v\n%s", err, out)
			}
		})
	}
}

// vectorsWith runs TestVectors against a package in which a piece of a file is replaced.
func vectorsWith(t *testing.T, file, from, to string) ([]byte, error) {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), from); n != 1 {
		t.Fatalf("%s has %q %d times: teach this test what it looks like now", file, from, n)
	}
	dir := t.TempDir()
	broken := filepath.Join(dir, file)
	if err := os.WriteFile(broken, []byte(strings.Replace(string(source), from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: broken}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	return exec.Command("go", "test", "-overlay", list, "-count=1", "-run", "^TestVectors$", ".").CombinedOutput()
}

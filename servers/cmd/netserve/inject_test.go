package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOnlyTheTagInjects: a server that is built as everybody builds it takes no notice of a
// fault that is asked for; one with the tag refuses a fault that it does not know.
func TestOnlyTheTagInjects(t *testing.T) {
	for tags, want := range map[string]string{"": `{"ready":`, "inject": "no such fault"} {
		program := filepath.Join(t.TempDir(), "netserve")
		build := exec.Command("go", "build", "-tags="+tags, "-o", program, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("tags %q: %v\n%s", tags, err, out)
		}
		r, w := io.Pipe()
		server := exec.Command(program, "--model", "goroutine")
		server.Env = append(os.Environ(), "NETSERVE_INJECT=nonsense")
		server.Stdout, server.Stderr = w, w
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(r).ReadString('\n')
		if err != nil || !strings.Contains(line, want) {
			t.Errorf("tags %q: %q, want %q (%v)", tags, line, want, err)
		}
		r.Close()
		_ = server.Process.Kill() // an error means that it has ended already
		_ = server.Wait()
	}
}

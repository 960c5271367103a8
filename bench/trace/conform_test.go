package trace_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iomodels/bench/trace"
)

var update = flag.Bool("update", false, "write the canons in testdata anew, from what is seen now")

const (
	requests = 5 // that a conformance check watches, of each model
	rounds   = 4 // captures of which a canon is made
)

// TestModelsKeepToTheirCanon captures one quiet request of every model anew: a system call more
// than the canon knows is a cost that nobody meant.
func TestModelsKeepToTheirCanon(t *testing.T) {
	netserve := build(t)
	t.Run("without probes", func(t *testing.T) { withoutProbes(t, netserve) })
	for _, m := range models(t, netserve) {
		for _, protocol := range []string{"echo", "http"} {
			if m.Protocols != nil && !slices.Contains(m.Protocols, protocol) {
				continue
			}
			t.Run(m.Name+"."+protocol, func(t *testing.T) {
				if !m.Available {
					t.Skipf("not available here: %s", m.Reason)
				}
				plan := trace.Plan{Program: netserve, Model: m.Name, Proto: protocol, Quiet: requests}
				if *update {
					write(t, plan)
				}
				known := canon(t, m.Name, protocol)
				err := known.Check(see(t, plan))
				if err != nil { // on a busy machine the scheduler has more ways; a call too many stays
					err = known.Check(see(t, plan))
				}
				if err != nil {
					t.Errorf("%v\nif that is meant: go test ./bench/trace -run Canon -update", err)
				}
			})
		}
	}
}

// TestOneReadTooMany: the check can fail. The mutant is the real reactor, whose every send is
// followed by a read that nobody needs.
func TestOneReadTooMany(t *testing.T) {
	const (
		file   = "../../servers/sock/raw.go"
		head   = "func Send(fd int, p []byte) (n int, errno unix.Errno) {\n"
		change = "\tdefer rawcall.Syscall(unix.SYS_RECVFROM, uintptr(fd), 0, 0, 0, 0, 0)\n"
	)
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mutated := strings.Replace(string(source), head, head+change, 1)
	if mutated == string(source) {
		t.Fatalf("%s has no %q: the mutant must be made another way", file, head)
	}
	dir := t.TempDir()
	mutant := filepath.Join(dir, "raw.go")
	if err := os.WriteFile(mutant, []byte(mutated), 0o600); err != nil {
		t.Fatal(err)
	}
	original, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	netserve := build(t, "-overlay", list)
	seen := see(t, trace.Plan{Program: netserve, Model: "reactor", Proto: "echo", Quiet: requests})
	err = canon(t, "reactor", "echo").Check(seen)
	if err == nil {
		t.Fatalf("a read too many was not noticed in\n%s", trace.Usual(seen, 1))
	}
	if !strings.Contains(err.Error(), "recvfrom(conn) = EAGAIN") {
		t.Errorf("the message does not name the read: %v", err)
	}
}

// see captures as planned, or skips the test where nothing can be traced.
func see(t *testing.T, plan trace.Plan) []trace.Sequence {
	t.Helper()
	c, err := trace.Capture(t.Context(), plan)
	if errors.Is(err, trace.ErrRefused) {
		t.Skipf("no trace, so nothing is checked: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := c.Sequences(trace.MarkSend)
	if len(seen) != plan.Quiet {
		t.Fatalf("%d requests in the trace; want %d", len(seen), plan.Quiet)
	}
	return seen
}

func canonFile(model, protocol string) string {
	return filepath.Join("testdata", model+"."+protocol+".txt")
}

func canon(t *testing.T, model, protocol string) trace.Canon {
	t.Helper()
	text, err := os.ReadFile(canonFile(model, protocol))
	if err != nil {
		t.Fatalf("%v\na new model: go test ./bench/trace -run Canon -update", err)
	}
	c, err := trace.ParseCanon(string(text))
	if err != nil {
		t.Fatalf("%s %s: %v", model, protocol, err)
	}
	return c
}

// write makes the canon of a model: what it did in a tenth of all requests, or more.
func write(t *testing.T, plan trace.Plan) {
	t.Helper()
	var seen []trace.Sequence
	for range rounds {
		seen = append(seen, see(t, plan)...)
	}
	text := fmt.Sprintf("# %s, %s: the system calls of one request in silence. Written by conform_test.go.\n%s",
		plan.Model, plan.Proto, trace.Usual(seen, len(seen)/10))
	if err := os.WriteFile(canonFile(plan.Model, plan.Proto), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// build compiles netserve.
func build(t *testing.T, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "netserve")
	args := append(append([]string{"build"}, flags...), "-o", program, "iomodels/servers/cmd/netserve")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return program
}

// model is what netserve says of one.
type model struct {
	Name      string
	Protocols []string
	Available bool
	Reason    string
}

func models(t *testing.T, netserve string) (list []model) {
	t.Helper()
	out, err := exec.Command(netserve, "--list", "--json").Output()
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(out)).Decode(&list)
	}
	if err != nil || len(list) == 0 {
		t.Fatalf("netserve --list --json: %d models, %v", len(list), err)
	}
	return list
}

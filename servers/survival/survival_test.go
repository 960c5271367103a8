package survival

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestMain lets more trials run at a time than there are processors: most of them wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// newRound builds netserve, without the race detector: it is the subject, not the instrument.
func newRound(t *testing.T) *Round {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "netserve")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "../cmd/netserve")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build netserve: %v\n%s", err, out)
	}
	return &Round{Netserve: bin, Full: os.Getenv("SURVIVAL") == "full"}
}

func models(t *testing.T, r *Round) []Model {
	t.Helper()
	all, err := r.Models()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFaults(t *testing.T) {
	r := newRound(t)
	results := make(chan Result, 10_000)
	t.Run("model", func(t *testing.T) {
		for _, m := range models(t, r) {
			for _, f := range Faults() {
				for _, p := range m.Protocols {
					if f.Protos == nil || slices.Contains(f.Protos, p) {
						t.Run(m.Name+"/"+p+"/"+f.Name, func(t *testing.T) { results <- trial(t, r, m, p, f) })
					}
				}
			}
		}
	})
	close(results)
	var all []Result
	for res := range results {
		all = append(all, res)
	}
}

func trial(t *testing.T, r *Round, m Model, p string, f Fault) Result {
	if !m.Available {
		t.Skip(m.Reason)
	}
	// In the large round trials have the machine for themselves, but for those that wait long.
	if !r.Full || f.Name == leaves {
		t.Parallel()
	}
	t.Log(f.Says)
	res := r.Play(m, p, f)
	t.Logf("tried %d, survived %d", res.Tried, res.Survived)
	for _, fig := range res.Figures {
		t.Logf("%s: %.1f", fig.Name, fig.Value)
	}
	switch {
	case res.Failed():
		t.Error(res.Err)
	case res.Err != nil:
		t.Logf("known limit: %s (here: %v)", res.Known, res.Err)
	}
	return res
}

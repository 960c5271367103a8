package survival

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "with SURVIVAL=full: write SURVIVAL.md from what happened")

// TestMain lets more trials run at a time than there are processors: most of them wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestSurvival(t *testing.T) {
	r := newRound(t)
	var mu sync.Mutex
	var rep Report
	for _, m := range models(t, r) {
		rep.Models = append(rep.Models, m.Name)
	}
	t.Run("faults", func(t *testing.T) {
		faults(t, r, func(res Result) {
			mu.Lock()
			defer mu.Unlock()
			rep.Results = append(rep.Results, res)
		})
	})
	t.Run("tap", func(t *testing.T) { tapped(t, r) })
	t.Run("proxies", func(t *testing.T) {
		proxied(t, r, func(res ProxyResult) {
			mu.Lock()
			defer mu.Unlock()
			rep.Proxies = append(rep.Proxies, res)
		})
	})
	t.Run("clients", func(t *testing.T) { rep.Clients = clients(t, r) })
	if r.Full && *update {
		t.Run("update", func(t *testing.T) { write(t, rep) })
	}
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
	r := &Round{Netserve: bin, Full: os.Getenv("SURVIVAL") == "full", Turn: new(sync.Mutex)}
	if name := os.Getenv("SURVIVAL_LOCK"); name != "" {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		r.Turn = &fileLock{file: f}
	}
	return r
}

// fileLock takes turns with other programs, too, as flock(1) does.
type fileLock struct {
	here sync.Mutex
	file *os.File
}

func (l *fileLock) Lock() {
	l.here.Lock()
	for errors.Is(syscall.Flock(int(l.file.Fd()), syscall.LOCK_EX), syscall.EINTR) {
	}
}

func (l *fileLock) Unlock() {
	_ = syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN) // closing the file would do, too
	l.here.Unlock()
}

func models(t *testing.T, r *Round) []Model {
	t.Helper()
	all, err := r.Models()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func faults(t *testing.T, r *Round, report func(Result)) {
	done := keep(t)
	for _, m := range models(t, r) {
		play := func(load bool) {
			for _, f := range Faults() {
				for _, p := range r.protos(m, f) {
					if load == (r.Full && f.Load) {
						if res, ok := done.find(m, p, f); ok {
							report(res)
							continue
						}
						t.Run(m.Name+"/"+p+"/"+f.Name, func(t *testing.T) {
							res := trial(t, r, m, p, f)
							done.add(t, res)
							report(res)
						})
					}
				}
			}
		}
		if r.Full { // what is a load for the machine has it for itself; the others wait for its end
			r.Turn.Lock()
			play(true)
			r.Turn.Unlock()
		}
		play(false)
	}
}

func trial(t *testing.T, r *Round, m Model, p string, f Fault) Result {
	if !m.Available {
		t.Skip(m.Reason)
	}
	if !r.Full || !f.Load {
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

// clients runs the script that lets real clients talk to the models; in the small round to one.
func clients(t *testing.T, r *Round) string {
	args := []string{"scripts/clients.sh"}
	if !r.Full {
		args = append(args, "reactor")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.N(20, 2))*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "NETSERVE="+r.Netserve)
	// Killed it could not stop what it has started; asked to, it can.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var diag bytes.Buffer
	cmd.Stderr = &diag
	table, err := cmd.Output()
	if err != nil {
		t.Errorf("%v\n%s%s", err, table, &diag)
	}
	t.Logf("\n%s", table)
	return string(table)
}

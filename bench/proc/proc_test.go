package proc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"iomodels/bench/proc"
	"iomodels/bench/proc/proctest"
	"iomodels/loadgen"
)

// orphanMaker makes the test binary start a child and wait for its own death.
const orphanMaker = "PROC_TEST_ORPHAN_MAKER"

func TestMain(m *testing.M) {
	proctest.Main()
	if os.Getenv(orphanMaker) != "" {
		child, err := proc.Start(proc.Spec{Path: "sleep", Args: []string{"600"}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(child.Pid())
		select {}
	}
	goleak.VerifyTestMain(m)
}

// eventually polls until ok, or fails the test.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestChildRunsOnlyOnItsCPUs(t *testing.T) {
	allowed, err := proc.AllowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	last := allowed[len(allowed)-1]
	var out strings.Builder
	child, err := proc.Start(proc.Spec{
		Path: "grep", Args: []string{"Cpus_allowed_list", "/proc/self/status"}, CPUs: []int{last}, Stdout: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	<-child.Exited()
	if _, list, _ := strings.Cut(out.String(), ":"); strings.TrimSpace(list) != strconv.Itoa(last) {
		t.Errorf("child may use CPUs %q, want %d", list, last)
	}
	if after, err := proc.AllowedCPUs(); err != nil || !slices.Equal(after, allowed) {
		t.Errorf("this process may now use %v, before %v (%v)", after, allowed, err)
	}
}

func TestChildOnACPUThatIsNotThereDoesNotStart(t *testing.T) {
	if _, err := proc.Start(proc.Spec{Path: "true", CPUs: []int{1000}}); err == nil {
		t.Error("started")
	}
}

func TestExit(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		want         proc.Exit
	}{
		{"success", "exit 0", proc.Exit{}},
		{"code", "exit 7", proc.Exit{Code: 7}},
		{"signal", "kill -9 $$", proc.Exit{Code: -1, Signal: "killed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			child, err := proc.Start(proc.Spec{Path: "sh", Args: []string{"-c", "echo words >&2; " + tc.script}})
			if err != nil {
				t.Fatal(err)
			}
			<-child.Exited()
			if got := child.Exit(); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if child.Tail() != "words" {
				t.Errorf("tail %q", child.Tail())
			}
		})
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	child, err := proc.Start(proc.Spec{Path: "sh", Args: []string{"-c", "seq 1 5000 >&2"}})
	if err != nil {
		t.Fatal(err)
	}
	<-child.Exited()
	if tail := child.Tail(); !strings.HasSuffix(tail, "\n5000") || len(tail) > 4<<10 {
		t.Errorf("%d bytes, ending in %q", len(tail), tail[max(0, len(tail)-10):])
	}
}

func TestStopKillsWhatDoesNotHear(t *testing.T) {
	for _, tc := range []struct {
		script string
		killed bool
	}{
		{"echo here; exec sleep 600", false},
		{"trap '' TERM; echo deaf; while :; do :; done", true},
	} {
		out := make(signalWriter, 1)
		child, err := proc.Start(proc.Spec{Path: "sh", Args: []string{"-c", tc.script}, Stdout: out})
		if err != nil {
			t.Fatal(err)
		}
		<-out
		grace := time.Minute
		if tc.killed {
			grace = 50 * time.Millisecond
		}
		_, killed := child.Stop(grace)
		if killed != tc.killed {
			t.Errorf("%q: killed %v, want %v", tc.script, killed, tc.killed)
		}
		if alive(child.Pid()) {
			t.Errorf("%q: still there", tc.script)
		}
	}
}

type signalWriter chan struct{}

func (w signalWriter) Write(p []byte) (int, error) {
	select {
	case w <- struct{}{}:
	default:
	}
	return len(p), nil
}

func TestNoChildOutlivesItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), orphanMaker+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the helper says %q", line)
	}
	if !alive(pid) {
		t.Fatal("the child was not there to begin with")
	}
	parent.Process.Kill()
	parent.Wait()
	eventually(t, "the child is gone", func() bool { return !alive(pid) })
}

func TestServe(t *testing.T) {
	programs := proctest.Install(t)
	for _, tc := range []struct {
		model       string
		why         string // in the error; "": it serves
		unavailable bool
	}{
		{proctest.Alpha, "", false},
		{proctest.Broken, "address already in use", false},
		{proctest.Surprise, "this machine cannot", true},
		{proctest.Mute, "waiting for nothing", false},
	} {
		t.Run(tc.model, func(t *testing.T) {
			server, err := proc.Serve(t.Context(), proc.ServerSpec{
				Program: filepath.Join(programs, "netserve"), Model: tc.model, Proto: "echo",
				ReadyWithin: 2 * time.Second,
			})
			if tc.why == "" {
				if err != nil {
					t.Fatal(err)
				}
				if _, killed := server.Stop(5 * time.Second); killed || server.Addr != "127.0.0.1:1" {
					t.Errorf("killed %v, address %q", killed, server.Addr)
				}
				return
			}
			var start *proc.StartError
			if !errors.As(err, &start) || !strings.Contains(err.Error(), tc.why) {
				t.Fatalf("got %v, want %q", err, tc.why)
			}
			if start.Unavailable != tc.unavailable {
				t.Errorf("unavailable %v, want %v", start.Unavailable, tc.unavailable)
			}
			assertNoneLeft(t, programs)
		})
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	programs := proctest.Install(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := proc.Serve(ctx, proc.ServerSpec{
		Program: filepath.Join(programs, "netserve"), Model: proctest.Mute, Proto: "echo", ReadyWithin: time.Minute,
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	assertNoneLeft(t, programs)
}

func assertNoneLeft(t *testing.T, programs string) {
	t.Helper()
	if left, err := proctest.Children(programs); err != nil || len(left) > 0 {
		t.Errorf("still running: %v (%v)", left, err)
	}
}

func TestModels(t *testing.T) {
	models, err := proc.Models(t.Context(), filepath.Join(proctest.Install(t), "netserve"))
	if err != nil || len(models) < 3 || models[0].Name != proctest.Alpha {
		t.Errorf("got %v, %v", models, err)
	}
	if _, err := proc.Models(t.Context(), "false"); err == nil {
		t.Error("a program that fails was believed")
	}
}

func TestLoadAnnouncesItsPhasesInOrder(t *testing.T) {
	programs := proctest.Install(t)
	var phases []string
	load, err := proc.StartLoad(proc.LoadSpec{
		Program: filepath.Join(programs, "netload"),
		Plan:    loadgen.Plan{Addr: "127.0.0.1:1", Proto: "echo", Conns: 3, Duration: 20 * time.Millisecond},
		OnPhase: func(p proc.Phase) { phases = append(phases, p.Name) },
	})
	if err != nil {
		t.Fatal(err)
	}
	<-load.Exited()
	sum, err := load.Summary()
	if err != nil || sum.Requests.OK != 1000 {
		t.Errorf("%+v, %v", sum, err)
	}
	want := []string{proc.PhaseConnected, proc.PhaseWarmup, proc.PhaseMeasure, proc.PhaseDrain, proc.PhaseDone}
	if !slices.Equal(phases, want) {
		t.Errorf("phases %q", phases)
	}
}

func TestLoadSummaryErrors(t *testing.T) {
	programs := proctest.Install(t)
	for _, tc := range []struct {
		conns int
		want  string // in the error; "": a summary
	}{
		{proctest.InvalidConns, ""},
		{proctest.RefusesConns, "no such flag"},
		{proctest.WrongConns, "summary of the load generator"},
	} {
		load, err := proc.StartLoad(proc.LoadSpec{
			Program: filepath.Join(programs, "netload"),
			Plan:    loadgen.Plan{Proto: "echo", Conns: tc.conns, Duration: time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		<-load.Exited()
		_, err = load.Summary()
		if (tc.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%d connections: got %v, want %q", tc.conns, err, tc.want)
		}
	}
}

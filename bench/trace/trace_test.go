package trace_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/bench/trace"
)

// exit is the end of a call on one thread.
func exit(tid int, name, on string, ret int64, failed string) trace.Event {
	return trace.Event{Layer: trace.Syscall, Verb: trace.Exit, TID: tid, Name: name, On: on, Ret: ret, Err: failed}
}

func register(epoll, what string) trace.Event {
	e := exit(1, "epoll_ctl", epoll, 0, "")
	e.With = what
	return e
}

// request puts events between the marks of a request.
func request(events ...trace.Event) *trace.Trace {
	mark := func(name string) trace.Event {
		return trace.Event{Layer: trace.Client, Verb: trace.Mark, Name: name}
	}
	before := []trace.Event{
		register("epoll7", "conn3"), register("epoll7", "eventfd8"), register("epoll1", "eventfd2"), mark(trace.MarkSend),
	}
	return &trace.Trace{
		Header: trace.Header{Version: trace.Version, Clock: trace.Clock, Model: "m"},
		Events: append(append(before, events...), mark(trace.MarkAnswered), mark(trace.MarkQuiet)),
	}
}

func TestSequences(t *testing.T) {
	again := exit(10, "read", "conn3", 0, "EAGAIN")
	for _, c := range []struct {
		name   string
		events []trace.Event
		want   string
	}{
		{"lanes and things are numbered anew", []trace.Event{
			exit(11, "epoll_pwait", "epoll7", 1, ""), exit(11, "read", "conn3", 64, ""), exit(10, "write", "conn3", 64, ""),
		}, "T0 epoll_wait(epoll) = 1\nT0 read(conn) = 64\nT1 write(conn) = 64\n"},
		{"two of a kind", []trace.Event{
			exit(10, "read", "conn5", 1, ""), exit(10, "read", "conn3", 2, ""),
		}, "T0 read(conn1) = 1\nT0 read(conn2) = 2\n"},
		{"the runtime's own", []trace.Event{
			exit(10, "futex", "", 0, ""), exit(10, "epoll_pwait", "epoll1", 1, ""), exit(10, "read", "eventfd2", 8, ""),
			exit(10, "write", "pipe1", 8, ""), exit(10, "epoll_pwait", "epoll7", 0, "EINTR"),
			exit(10, "futex", "", 0, "RESTART_512"), exit(10, "read", "eventfd8", 8, ""),
		}, "T0 read(eventfd) = 8\n"},
		{"one read", []trace.Event{again}, "T0 read(conn) = EAGAIN\n"},
		{"one too many", []trace.Event{again, again}, "T0 read(conn) = EAGAIN\nT0 read(conn) = EAGAIN\n"},
		{
			"a loop that does not wait",
			[]trace.Event{again, exit(10, "write", "conn3", 1, ""), again, again, again, again},
			"T0 read(conn) = EAGAIN\nT0 write(conn) = 1\nT0 read(conn) = EAGAIN, again and again\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := request(c.events...).Sequences(trace.MarkSend)
			if len(got) != 1 || got[0].String() != c.want {
				t.Errorf("got\n%v\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	canon, err := trace.ParseCanon(`# remarks are no steps
T0 epoll_wait(epoll1) = 1
T0 read(conn) = 64
T0 write(conn) = 64
T0 epoll_wait(epoll2) = 0
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, seen string
		same       bool
	}{
		{"another thread writes", "T0 epoll_wait(epoll) = 1\nT0 read(conn) = 64\nT1 write(conn) = 64\n", true},
		{"the order of things", "T0 read(conn) = 64\nT0 write(conn) = 64\nT1 epoll_wait(epoll) = 1\n", true},
		{"the order on a thing", "T0 epoll_wait(epoll) = 1\nT0 write(conn) = 64\nT0 read(conn) = 64\n", false},
		{"another length", "T0 epoll_wait(epoll) = 1\nT0 read(conn) = 63\nT0 write(conn) = 64\n", false},
		{"nothing but looks in vain", "T0 epoll_wait(epoll) = 0\n", false},
		{"another thing", "T0 epoll_wait(epoll) = 1\nT0 read(conn) = 64\nT0 write(conn) = 64\nT0 read(eventfd) = 8\n", false},
		{"a read too many", "T0 epoll_wait(epoll) = 1\nT0 read(conn) = 64\nT0 write(conn) = 64\nT0 read(conn) = EAGAIN\n", false},
		{"a wait too few", "T0 read(conn) = 64\nT0 write(conn) = 64\n", false},
		{"a wait too many", "T0 epoll_wait(epoll) = 1\nT0 epoll_wait(epoll) = 1\nT0 read(conn) = 64\nT0 write(conn) = 64\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen, err := trace.ParseCanon(c.seen)
			if err != nil {
				t.Fatal(err)
			}
			if err := canon.Check(seen); (err == nil) != c.same {
				t.Errorf("conforms: %v; want %v", err, c.same)
			}
		})
	}
}

// TestCheckWantsMost: a timer may strike in one request, and nothing at all is no evidence.
func TestCheckWantsMost(t *testing.T) {
	both, err := trace.ParseCanon("T0 read(conn) = 1\nor\nT0 read(conn) = 2\n")
	if err != nil {
		t.Fatal(err)
	}
	canon, good, bad := both[:1], both[0], both[1]
	for _, c := range []struct {
		name string
		seen []trace.Sequence
		ok   bool
	}{
		{"nothing", nil, false},
		{"half", []trace.Sequence{good, bad}, false},
		{"most", []trace.Sequence{good, bad, good}, true},
		{"empty", []trace.Sequence{{}, {}}, false},
	} {
		if err := canon.Check(c.seen); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := both.Check([]trace.Sequence{good, bad}); err != nil {
		t.Errorf("both are known: %v", err)
	}
	if back, err := trace.ParseCanon(both.String()); err != nil || !reflect.DeepEqual(back, both) {
		t.Errorf("parsed again: %v, %v", back, err)
	}
}

func TestParseCanonRefuses(t *testing.T) {
	for _, text := range []string{"", "# only a remark\n", "T0 read(conn) = 1\nor\n", "read(conn) = 1\n", "T0 read = 1\n"} {
		if c, err := trace.ParseCanon(text); err == nil {
			t.Errorf("%q is taken for %v", text, c)
		}
	}
}

func TestFile(t *testing.T) {
	want := request(exit(10, "read", "conn3", 64, ""), exit(10, "read", "conn3", 0, "EAGAIN"))
	var file bytes.Buffer
	if err := want.Write(&file); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	if got, err := trace.Read(strings.NewReader(text)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %v, %v; want %v", got, err, want)
	}
	for name, broken := range map[string]string{
		"empty": "", "another version": strings.Replace(text, `"trace":1`, `"trace":2`, 1),
		"another clock": strings.Replace(text, trace.Clock, "CLOCK_REALTIME", 1), "cut off": text[:len(text)-3],
	} {
		if _, err := trace.Read(strings.NewReader(broken)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestTracer follows a program, its children and its signals to the end.
func TestTracer(t *testing.T) {
	out, inherited, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	script := `trap 'exit 7' TERM; (exit 3); echo $?; while :; do sleep 0.01; done`
	tracer, err := trace.Start([]string{"/bin/sh", "-c", script}, os.Environ(), [3]*os.File{os.Stdin, inherited, os.Stderr})
	inherited.Close()
	if errors.Is(err, trace.ErrRefused) {
		t.Skipf("nothing can be traced here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 8)
	if n, err := out.Read(said); err != nil || string(said[:n]) != "3\n" {
		t.Errorf("the program said %q, %v; its child ended with 3", said[:n], err)
	}
	if err := tracer.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-tracer.Ended():
	case <-time.After(20 * time.Second):
		_ = tracer.Signal(unix.SIGKILL)
		t.Fatal("the program did not end")
	}
	if status := tracer.Exit(); status.ExitStatus() != 7 {
		t.Errorf("status %d; want 7", status.ExitStatus())
	}
	processes, last := map[int]bool{}, int64(0)
	wrote := false
	for _, e := range tracer.Events() {
		processes[e.PID] = true
		if e.At < last {
			t.Fatalf("time goes back: %+v", e)
		}
		last = e.At
		wrote = wrote || e.Verb == trace.Exit && e.Name == "write" && e.Ret == 2 && strings.HasPrefix(e.On, "pipe")
	}
	if len(processes) < 2 || !wrote {
		t.Errorf("%d processes, the write seen: %v", len(processes), wrote)
	}
}

func TestStartErrors(t *testing.T) {
	streams := [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
	_, err := trace.Start([]string{"/does/not/exist"}, nil, streams)
	if !errors.Is(err, os.ErrNotExist) || errors.Is(err, trace.ErrRefused) {
		t.Errorf("a program that is not there: %v", err)
	}
	_, err = trace.Capture(context.Background(), trace.Plan{Program: "/bin/false", Model: "m", Proto: "echo"})
	if err == nil || !strings.Contains(err.Error(), "did not become ready") && !errors.Is(err, trace.ErrRefused) {
		t.Errorf("a server that ends at once: %v", err)
	}
}

// TestRefused: where ptrace is forbidden the error says so, and nothing is left running. Whoever is
// traced already cannot be traced by another; so this test traces itself.
func TestRefused(t *testing.T) {
	const inside = "IOMODELS_TRACED"
	if os.Getenv(inside) != "" {
		_, err := trace.Start([]string{"/bin/true"}, nil, [3]*os.File{os.Stdin, os.Stdout, os.Stderr})
		fmt.Printf("\nrefused: %v\n", errors.Is(err, trace.ErrRefused))
		return
	}
	out, inherited, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	argv := []string{os.Args[0], "-test.run=^TestRefused$"}
	tracer, err := trace.Start(argv, append(os.Environ(), inside+"=1"), [3]*os.File{os.Stdin, inherited, os.Stderr})
	inherited.Close()
	if errors.Is(err, trace.ErrRefused) {
		t.Skipf("refused indeed, to this test: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(out)
	if err != nil || !strings.Contains(string(said), "\nrefused: true\n") {
		t.Errorf("said %q, %v", said, err)
	}
	<-tracer.Ended()
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"iomodels/servers"
	"iomodels/servers/all"
)

// eventually waits until ok, which must become true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// alive reports whether a process is there and has not ended.
func alive(pid int) bool {
	state := state(fmt.Sprintf("/proc/%d/stat", pid))
	return state != "" && state != "Z"
}

// asleep reports whether every thread of a process has been stopped.
func asleep(pid int) bool {
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, file := range stats {
		if state(file) != "T" {
			return false
		}
	}
	return len(stats) > 0
}

// state returns the letter for what a process or thread does; "" if it is gone.
func state(file string) string {
	stat, _ := os.ReadFile(file)
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:min(1, len(rest))]
}

// children returns the pids of the processes that pid has started.
func children(t *testing.T, pid int) (pids []int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		data, _ := os.ReadFile(list) // of a thread that has just ended
		for _, f := range strings.Fields(string(data)) {
			n, _ := strconv.Atoi(f)
			pids = append(pids, n)
		}
	}
	return pids
}

// echoes has one message echoed on a connection of its own.
func echoes(t *testing.T, addr string) error {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "hello"); err != nil {
		return err
	}
	got := make([]byte, 5)
	_, err = io.ReadFull(c, got)
	return err
}

func TestProcsServeEveryModel(t *testing.T) {
	for _, m := range all.Models() {
		t.Run(m.Name, func(t *testing.T) {
			if r := rowOf(m); !r.Available || !m.Speaks("http") {
				t.Skip("not here, or not this protocol: " + r.Reason)
			}
			r := start(t, "--model", m.Name, "--proto", "http", "--procs", "2", "--grace", "3s")
			if len(r.ready.PIDs) != 2 || r.ready.PID != r.cmd.Process.Pid || r.ready.Model != m.Name {
				t.Errorf("ready line %+v; want two workers and the master's pid %d", r.ready, r.cmd.Process.Pid)
			}
			for range 8 { // some at each worker
				got := exchange(t, r.ready.Ready, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 15)
				if got != "HTTP/1.1 200 OK" {
					t.Fatalf("answer %q", got)
				}
			}
			if code, rest := r.stop(t); code != exitOK || rest != "" || r.stderr.Len() > 0 {
				t.Errorf("after SIGTERM: exit %d, stdout %q, stderr %q; want 0 and silence", code, rest, &r.stderr)
			}
			for _, pid := range r.ready.PIDs {
				if alive(pid) {
					t.Errorf("worker %d is still there", pid)
				}
			}
			if c, err := net.Dial("tcp", r.ready.Ready); err == nil {
				c.Close()
				t.Error("the port still accepts")
			}
		})
	}
}

// TestWorkerDies: its connections are lost, the others' are not, and soon there are as many
// workers as before.
func TestWorkerDies(t *testing.T) {
	for _, model := range []string{"prefork", "reactor"} {
		t.Run(model, func(t *testing.T) {
			r := start(t, "--model", model, "--procs", "3")
			var conns []net.Conn
			for range 30 {
				c, err := net.Dial("tcp", r.ready.Ready)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(patience))
				conns = append(conns, c)
				if !answers(c) {
					t.Fatal("a new connection is not served")
				}
			}
			victim := r.ready.PIDs[0]
			if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "there are three workers again", func() bool {
				workers := children(t, r.cmd.Process.Pid) // a dead one is among them until it is mourned
				return !slices.Contains(workers, victim) && len(workers) == 3
			})
			served := 0
			for _, c := range conns {
				if answers(c) {
					served++
				}
			}
			if served == 0 {
				t.Error("all connections died with one of three workers")
			}
			t.Logf("%d of %d connections outlived the worker", served, len(conns))
			eventually(t, "new connections are served", func() bool { return echoes(t, r.ready.Ready) == nil })
			if code, _ := r.stop(t); code != exitOK {
				t.Errorf("exit %d; stderr %s", code, &r.stderr)
			}
			if log := r.stderr.String(); strings.Count(log, "a worker died") != 1 || !strings.Contains(log, "killed") {
				t.Errorf("stderr %q; want one line on the worker that was killed", log)
			}
		})
	}
}

func answers(c net.Conn) bool {
	if _, err := io.WriteString(c, "x"); err != nil {
		return false
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err == nil
}

// TestOneQueue: of prefork's workers, one that does nothing does not keep connections waiting.
func TestOneQueue(t *testing.T) {
	r := start(t, "--model", "prefork", "--procs", "2")
	stopped := r.ready.PIDs[1]
	if err := syscall.Kill(stopped, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(stopped, syscall.SIGCONT)
	eventually(t, "it sleeps", func() bool { return asleep(stopped) })
	for range 20 {
		if err := echoes(t, r.ready.Ready); err != nil {
			t.Fatalf("with one of two workers asleep: %v", err)
		}
	}
}

// TestNoOrphans: workers end with their master, however it ends.
func TestNoOrphans(t *testing.T) {
	r := start(t, "--model", "prefork", "--procs", "2")
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.cmd.Wait()
	for _, pid := range r.ready.PIDs {
		eventually(t, "worker ends", func() bool { return !alive(pid) })
	}
}

// TestSecondSignal: workers that hang in their grace end with a master that is told twice.
func TestSecondSignal(t *testing.T) {
	r := start(t, "--model", "goroutine", "--proto", "http", "--procs", "2", "--grace", "1m")
	c, err := net.Dial("tcp", r.ready.Ready)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 10)); err != nil { // the second request has begun by now, too
		t.Fatal(err)
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	eventually(t, "the idle worker ends", func() bool { return !alive(r.ready.PIDs[0]) || !alive(r.ready.PIDs[1]) })
	r.cmd.Process.Signal(syscall.SIGTERM)
	r.cmd.Wait()
	if code := r.cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit %d; want %d", code, exitFailed)
	}
	for _, pid := range r.ready.PIDs {
		eventually(t, "worker ends", func() bool { return !alive(pid) })
	}
}

func TestProcsAddressInUse(t *testing.T) {
	first := start(t, "--model", "goroutine", "--procs", "2")
	for _, args := range [][]string{{"--procs", "2"}, {"--procs", "0"}} {
		code, _, stderr := outcome(t, append(args, "--model", "goroutine", "--addr", first.ready.Ready)...)
		if code != exitFailed || !strings.Contains(stderr, "in use") {
			t.Errorf("%v on an address in use: exit %d, %q", args, code, stderr)
		}
	}
}

// TestWorkersThatCannotServe: the master says so and does not try for ever.
func TestWorkersThatCannotServe(t *testing.T) {
	code, stdout, stderr := outcome(t, "--model", "goroutine", "--procs", "2", "--max-conns", "1000m")
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "worker") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestPreforkHasAProcessPerCPU(t *testing.T) {
	o, err := parse([]string{"--model", "x"}, []servers.Model{{Name: "x", Prefork: true}})
	if err != nil || o.procs < 1 {
		t.Errorf("%d processes, %v", o.procs, err)
	}
}

func TestWorkerOfNobody(t *testing.T) {
	var out, diag bytes.Buffer
	m := servers.Model{Name: "x", Serve: func(context.Context, servers.Config) error { return errors.New("served") }}
	code := run([]string{"--model", "x", "--worker-of", "1"}, []servers.Model{m}, &out, &diag)
	if code != exitFailed || !strings.Contains(diag.String(), "parent") {
		t.Errorf("exit %d, %s", code, &diag)
	}
}

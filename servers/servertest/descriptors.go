package servertest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/proto"
)

// Running out of descriptors is a state of a whole process, so this case runs the server in a
// process of its own: the test binary again, told by a variable to be the server.
const (
	childVariable = "SERVERTEST_CHILD" // "<test name> <protocol>"
	childFDs      = 64                 // descriptors the child may have
	crowd         = 100                // connections that want in: more than that, less than twice that
)

// serveAsChild serves and returns true if this process was started by descriptors, for t.
// It serves until its standard input ends, which also happens when the parent dies.
func serveAsChild(t *testing.T, m servers.Model) bool {
	protoName, mine := strings.CutPrefix(os.Getenv(childVariable), t.Name()+" ")
	if !mine {
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p, err := proto.Named(ctx, protoName, proto.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: childFDs, Max: childFDs}); err != nil {
		t.Fatal(os.NewSyscallError("setrlimit", err))
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	err = m.Serve(ctx, servers.Config{
		Addr: "127.0.0.1:0", Protocol: p, Loops: 2,
		Ready: func(a net.Addr) { fmt.Printf("\n%s%s\n", childReady, a) },
		Log:   slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		t.Fatalf("Serve: %v", err)
	}
	return true
}

const childReady = "ready on "

// child is a server in a process of its own.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr lockedBuffer
	addr   string
	exited chan error
}

func (e *Env) startChild() (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	test, _, _ := strings.Cut(e.testName, "/")
	ch := &child{exited: make(chan error, 1)}
	ch.cmd = exec.Command(exe, "-test.run=^"+test+"$", "-test.timeout=60s")
	ch.cmd.Env = append(os.Environ(), childVariable+"="+test+" "+e.Protocol.Name, "GORACE=atexit_sleep_ms=0")
	ch.cmd.Stderr = &ch.stderr
	stdin, err := ch.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	ch.stdin = stdin
	stdout, err := ch.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := ch.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server process: %w", err)
	}
	addr := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if a, ok := strings.CutPrefix(lines.Text(), childReady); ok {
				addr <- a
			}
		}
		ch.exited <- ch.cmd.Wait()
	}()
	select {
	case ch.addr = <-addr:
		return ch, nil
	case err := <-ch.exited:
		return nil, fmt.Errorf("the server process ended before it was ready: %v\n%s", err, ch.stderr.String())
	case <-time.After(caseTime):
		ch.kill()
		return nil, errors.New("the server process was not ready in time")
	}
}

func (ch *child) kill() {
	ch.stdin.Close()
	ch.cmd.Process.Kill()
	<-ch.exited
}

// stop ends the child in good order.
func (ch *child) stop() error {
	ch.stdin.Close()
	select {
	case err := <-ch.exited:
		if err != nil {
			return fmt.Errorf("the server process: %w\n%s", err, ch.stderr.String())
		}
		return nil
	case <-time.After(2*time.Second + stopSlack):
		ch.kill()
		return errors.New("the server process did not stop")
	}
}

// cpu returns the processor time the child has used.
func (ch *child) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", ch.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The command name, in parentheses, may hold blanks; utime and stime are fields 14 and 15.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			return 0, fmt.Errorf("/proc/PID/stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil // USER_HZ is 100 everywhere
}

func descriptors(e *Env) error {
	ch, err := e.startChild()
	if err != nil {
		return err
	}
	e.Addr = ch.addr // dial goes there from now on
	start := time.Now()
	if err := e.exhaust(ch); err != nil {
		ch.kill()
		return fmt.Errorf("%w\nits stderr: %s", err, ch.stderr.String())
	}
	e.close()
	if err := ch.stop(); err != nil {
		return err
	}
	lines := strings.Count(ch.stderr.String(), "\n")
	if most := int(time.Since(start)/time.Second) + 5; lines > most {
		return fmt.Errorf("%d lines on stderr in %v; want at most one a second", lines, time.Since(start))
	}
	return nil
}

// exhaust brings more connections than the server has descriptors, then makes room.
func (e *Env) exhaust(ch *child) error {
	var answered atomic.Int32
	gate := make(chan struct{})
	leave := sync.OnceFunc(func() { close(gate) }) // whoever was answered goes
	var peers sync.WaitGroup
	defer peers.Wait()
	defer e.close()
	defer leave()
	for i := range crowd {
		c, err := e.dial()
		if err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
		peers.Go(func() {
			defer c.Close()
			if e.exchange(c) == nil { // or refused: that, too, is a way to say "full"
				answered.Add(1)
				<-gate
			}
		})
	}
	err := e.until(func() error {
		if n := answered.Load(); n < childFDs/2 {
			return fmt.Errorf("of %d connections %d are served, with %d descriptors", crowd, n, childFDs)
		}
		return nil
	})
	if err != nil {
		return err
	}
	idle := e.isIdleWhileFull(ch)
	leave()
	if err := e.until(e.served); err != nil {
		return errors.Join(idle, fmt.Errorf("with room again, a new connection: %w", err))
	}
	return idle
}

// isIdleWhileFull measures that the server does not spin while it cannot accept: nobody asks
// anything of it, so it should use hardly any processor.
func (e *Env) isIdleWhileFull(ch *child) error {
	before, err := ch.cpu()
	if err != nil {
		return err
	}
	time.Sleep(time.Second)
	after, err := ch.cpu()
	if err != nil {
		return err
	}
	if used := after - before; !e.Model.Spins && used > 300*time.Millisecond {
		return fmt.Errorf("used %v of processor in one second of waiting for descriptors", used)
	}
	return nil
}

// lockedBuffer collects what a process writes while others look at it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

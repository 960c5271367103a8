package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what to start, and where it may run.
type Spec struct {
	Path   string
	Args   []string
	CPUs   []int     // CPUs it may use; empty: every CPU of ours
	Stdout io.Writer // nil: discarded
	Stderr io.Writer // gets what is not only kept for Tail; nil: nothing more
	Count  *Counter  // opened for the child and all its threads; nil: no counting
}

// Child is a started process. Its methods may be called from any goroutine.
type Child struct {
	cmd    *exec.Cmd
	tail   *tail
	exited chan struct{}
	exit   Exit // valid once exited is closed
}

// Exit is how a child ended.
type Exit struct {
	Code   int    // exit code; -1: ended by a signal
	Signal string // name of the signal; "" if it exited by itself
	Err    error  // it ended, but waiting for it or copying its output failed
}

func (e Exit) String() string {
	if e.Signal != "" {
		return "signal: " + e.Signal
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// outputGrace bounds the wait for output after the exit: a grandchild may hold the pipe open.
const outputGrace = time.Second

// Start runs the program. On error nothing is left running.
func Start(spec Spec) (*Child, error) {
	c := &Child{tail: &tail{}, exited: make(chan struct{})}
	c.cmd = exec.Command(spec.Path, spec.Args...)
	c.cmd.Stdout = spec.Stdout
	c.cmd.Stderr = c.tail
	if spec.Stderr != nil {
		c.cmd.Stderr = io.MultiWriter(c.tail, spec.Stderr)
	}
	c.cmd.WaitDelay = outputGrace
	c.cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // Ctrl-C reaches netbench alone, which then stops its children in order
		Pdeathsig: syscall.SIGKILL, // no orphan, however netbench dies
	}
	started := make(chan error)
	go c.live(spec, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	return c, nil
}

// live starts the child and waits for its end, on a thread that is never given back: it has
// the child's affinity, and its death tells the child that the parent is gone.
func (c *Child) live(spec Spec, started chan<- error) {
	runtime.LockOSThread()
	err := pinThread(spec.CPUs)
	if err == nil && spec.Count != nil {
		spec.Count.openForChildren()
	}
	if err == nil {
		err = c.cmd.Start()
	}
	started <- err
	if err != nil {
		return
	}
	c.exit = exitOf(c.cmd.Wait())
	close(c.exited)
}

func exitOf(err error) Exit {
	var failed *exec.ExitError
	switch {
	case err == nil:
		return Exit{}
	case !errors.As(err, &failed):
		return Exit{Err: err}
	}
	if ws, ok := failed.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return Exit{Code: -1, Signal: ws.Signal().String()}
	}
	return Exit{Code: failed.ExitCode()}
}

// Pid is the child's process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Exited is closed when the child has ended and its output is complete.
func (c *Child) Exited() <-chan struct{} { return c.exited }

// Exit says how the child ended; call it after Exited is closed.
func (c *Child) Exit() Exit { return c.exit }

// Tail is the end of the child's standard error.
func (c *Child) Tail() string { return c.tail.String() }

// Kill ends the child at once and waits until it is gone.
func (c *Child) Kill() {
	// An error means that it has ended already. The process is held by a descriptor, not by
	// its number, so the signal cannot reach a stranger that got the number since.
	_ = c.cmd.Process.Kill()
	<-c.exited
}

// Stop asks the child to end and waits for it. A child that has not ended after grace is
// killed, and killed says so: a server that must be killed has a fault worth recording.
func (c *Child) Stop(grace time.Duration) (took time.Duration, killed bool) {
	begin := time.Now()
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended already
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case <-c.exited:
	case <-patience.C:
		c.Kill()
		killed = true
	}
	return time.Since(begin), killed
}

// pinThread restricts the calling thread, and what it starts, to the given CPUs.
func pinThread(cpus []int) error {
	if len(cpus) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin to CPUs %v: %w", cpus, os.NewSyscallError("sched_setaffinity", err))
	}
	return nil
}

// AllowedCPUs lists the CPUs this process may use, in order.
func AllowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

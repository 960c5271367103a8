package trace

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrRefused is why nothing can be traced here: the kernel, or whoever guards it, forbids it.
var ErrRefused = errors.New("ptrace is refused here")

// Tracer runs a program and records its system calls. Any goroutine may use it.
type Tracer struct {
	journal
	pid    int
	ended  chan struct{} // closed when no traced process is left
	exit   unix.WaitStatus
	stacks bool // record also the lines of code that make a call
}

// Start runs argv[0] traced, with the environment env and the standard streams given.
func Start(argv, env []string, streams [3]*os.File) (*Tracer, error) {
	return start(&Tracer{}, argv, env, streams)
}

func start(t *Tracer, argv, env []string, streams [3]*os.File) (*Tracer, error) {
	t.ended, t.moved = make(chan struct{}), time.Now()
	started := make(chan error)
	go t.run(argv, env, streams, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return t, nil
}

// Pid returns the process id of the program.
func (t *Tracer) Pid() int { return t.pid }

// Signal sends the program a signal.
func (t *Tracer) Signal(s unix.Signal) error {
	return os.NewSyscallError("kill", unix.Kill(t.pid, s))
}

// Ended is closed when the program and all that it has started are gone.
func (t *Tracer) Ended() <-chan struct{} { return t.ended }

// Exit returns how the program ended; call it after Ended.
func (t *Tracer) Exit() unix.WaitStatus { return t.exit }

// tracing is the state of the thread that traces. Tracees belong to a thread, not to a process:
// no other may start, stop or question them.
type tracing struct {
	*Tracer
	resources *resources
	threads   map[int]*thread
}

// thread is a traced thread.
type thread struct {
	pid     int   // of its process
	running Event // the call it is in, as it was entered
	inCall  bool
}

// run starts the program and serves its stops until nothing traced is left.
func (t *Tracer) run(argv, env []string, streams [3]*os.File, started chan<- error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with its tracees
	g := &tracing{Tracer: t, resources: newResources(), threads: map[int]*thread{}}
	err := g.begin(argv, env, streams)
	started <- err
	if err != nil {
		return
	}
	defer close(t.ended)
	g.resume(t.pid, 0)
	for {
		var status unix.WaitStatus
		// Without __WNOTHREAD this would take away other threads' children.
		tid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil: // ECHILD: all are gone
			return
		case status.Stopped():
			g.resume(tid, g.stopped(tid, status))
		default:
			delete(g.threads, tid)
			if tid == t.pid {
				t.exit = status
			}
		}
	}
}

// begin forks and execs, and sets the options when the child has stopped at its first instruction.
func (g *tracing) begin(argv, env []string, streams [3]*os.File) error {
	files := make([]uintptr, len(streams))
	for i, f := range streams {
		files[i] = f.Fd()
	}
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Env: env, Files: files, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("%w: start %s: %w", ErrRefused, argv[0], err)
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	g.pid = pid
	var status unix.WaitStatus
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		_, err = unix.Wait4(pid, &status, unix.WALL, nil)
	}
	if err == nil && !status.Stopped() {
		err = unix.EPERM
	}
	if err == nil {
		err = unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL|
			unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACEFORK|unix.PTRACE_O_TRACEVFORK|unix.PTRACE_O_TRACEEXEC)
	}
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, &status, unix.WALL, nil)
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	g.threads[pid] = &thread{pid: pid}
	return nil
}

// resume lets a thread run to the entry or exit of its next call, with a signal to deliver or 0. A
// thread may have been killed while it was stopped; its end will be reported.
func (g *tracing) resume(tid int, signal unix.Signal) { _ = unix.PtraceSyscall(tid, int(signal)) }

// stopped says why a thread has stopped, and returns the signal that it shall get.
func (g *tracing) stopped(tid int, status unix.WaitStatus) unix.Signal {
	th, known := g.threads[tid]
	if !known {
		th = &thread{pid: processOf(tid)}
		g.threads[tid] = th
	}
	const atCall = unix.SIGTRAP | 0x80 // PTRACE_O_TRACESYSGOOD
	switch signal := status.StopSignal(); {
	case signal == atCall:
		g.atCall(tid, th)
		return 0
	case signal == unix.SIGTRAP && status.TrapCause() > 0: // a clone, a fork, an exec
		return 0
	case signal == unix.SIGSTOP && !known: // how a thread that is followed begins
		return 0
	default:
		return signal // its own: the Go runtime preempts goroutines by SIGURG
	}
}

// syscallInfo is struct ptrace_syscall_info.
type syscallInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	ip   uint64
	sp   uint64
	data [8]uint64 // entry: number and arguments; exit: result
}

const (
	infoEntry = 1 // PTRACE_SYSCALL_INFO_ENTRY
	infoExit  = 2 // PTRACE_SYSCALL_INFO_EXIT
)

// atCall records the entry or the exit of a call.
func (g *tracing) atCall(tid int, th *thread) {
	info := new(syscallInfo)
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid),
		unsafe.Sizeof(*info), uintptr(unsafe.Pointer(info)), 0, 0)
	switch {
	case errno != 0: // killed meanwhile
		return
	case info.op == infoEntry:
		c := callOf(int64(info.data[0]))
		e := Event{Layer: Syscall, Verb: Enter, PID: th.pid, TID: tid, Name: c.name}
		for _, a := range info.data[1:7] {
			e.Args = append(e.Args, int64(a))
		}
		if c.about != nothing { // a descriptor is an int: the upper half may be anything
			e.Args[0] = int64(int32(e.Args[0]))
		}
		g.resources.enter(&e, c)
		if g.stacks && c.about != nothing {
			e.pcs = stackOf(th.pid, tid)
		}
		th.running, th.inCall = e, true
		g.record(e)
	case info.op == infoExit && th.inCall:
		e := th.running
		e.Verb, th.inCall = Exit, false
		if ret := int64(info.data[0]); uint8(info.data[1]) != 0 {
			e.Err = errName(ret)
		} else {
			e.Ret = ret
			g.resources.exit(&e)
		}
		e.Args, e.pcs = nil, nil
		g.record(e)
	}
}

// processOf returns the process of a thread that is stopped.
func processOf(tid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return tid
	}
	pid := tid
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "Tgid: %d", &pid); err == nil {
			break
		}
	}
	return pid
}

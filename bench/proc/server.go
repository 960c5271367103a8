package proc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"iomodels/bench/record"
)

// exitUnavailable is the exit code of a netserve whose model this machine cannot run.
const exitUnavailable = 3

// ServerSpec says which server to start.
type ServerSpec struct {
	Program     string
	Model       string
	Proto       string
	Args        []string // further flags
	CPUs        []int
	Count       *Counter      // nil: no counting
	ReadyWithin time.Duration // then it is given up and killed
}

// Server is a running netserve that accepts connections at Addr.
type Server struct {
	*Child
	Addr string
	PIDs []int // all its processes: the child, and workers that it has started
}

// StartError says why a server did not come up, with its last words.
type StartError struct {
	Model       string
	Why         string
	Stderr      string
	Unavailable bool // this machine cannot run the model: to be skipped, not counted as a failure
}

func (e *StartError) Error() string {
	return WithTail(fmt.Sprintf("server %s %s", e.Model, e.Why), e.Stderr)
}

// WithTail joins a message and the end of a child's standard error.
func WithTail(message, tail string) string {
	if tail == "" {
		return message + " (its standard error is empty)"
	}
	return message + ": " + tail
}

// readyLine is what netserve prints when it accepts connections.
type readyLine struct {
	Ready string `json:"ready"`
	Pid   int    `json:"pid"`
	Pids  []int  `json:"pids"` // the workers of a server of several processes
}

// Serve starts a server and waits until it accepts connections. On error nothing is left
// running; a server that did not come up is a *StartError.
func Serve(ctx context.Context, spec ServerSpec) (*Server, error) {
	ready := make(chan readyLine, 1)
	stdout := &lineWriter{each: func(line []byte) {
		var r readyLine
		if json.Unmarshal(line, &r) == nil && r.Ready != "" {
			select {
			case ready <- r:
			default: // said so before
			}
		}
	}}
	child, err := Start(Spec{
		Path:   spec.Program,
		Args:   append([]string{"--model", spec.Model, "--proto", spec.Proto, "--addr", "127.0.0.1:0"}, spec.Args...),
		CPUs:   spec.CPUs,
		Count:  spec.Count,
		Stdout: stdout,
	})
	if err != nil {
		return nil, err
	}
	failed := func(why string) error {
		child.Kill()
		exit := child.Exit()
		return &StartError{Model: spec.Model, Why: why, Stderr: child.Tail(), Unavailable: exit.Code == exitUnavailable}
	}
	patience := time.NewTimer(spec.ReadyWithin)
	defer patience.Stop()
	select {
	case r := <-ready:
		if r.Pid != child.Pid() {
			return nil, failed(fmt.Sprintf("says it has pid %d, was started as %d", r.Pid, child.Pid()))
		}
		return &Server{Child: child, Addr: r.Ready, PIDs: append([]int{r.Pid}, r.Pids...)}, nil
	case <-child.Exited():
		return nil, failed("ended before it accepted connections, " + child.Exit().String())
	case <-patience.C:
		return nil, failed(fmt.Sprintf("did not accept connections within %v", spec.ReadyWithin))
	case <-ctx.Done():
		child.Kill()
		return nil, context.Cause(ctx)
	}
}

// Freeze stops the server where it stands, its workers included, until Thaw. It then takes no
// processor time, keeps its memory, and hears no SIGTERM; the kernel still accepts connections
// for it. A process that has ended meanwhile is no error: whoever uses the server finds out.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on; a server that is not frozen does not notice.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	for _, pid := range s.PIDs {
		_ = syscall.Kill(pid, sig)
	}
}

// askPatience bounds a question to the server program: probing io_uring takes no time.
const askPatience = 10 * time.Second

// Models asks the server program which models it has and which of them run here.
func Models(ctx context.Context, program string) ([]record.ModelInfo, error) {
	out, err := ask(ctx, program, "--list", "--json")
	if err != nil {
		return nil, err
	}
	var models []record.ModelInfo
	if err := json.Unmarshal(out, &models); err != nil {
		return nil, fmt.Errorf("%s --list --json: %w", program, err)
	}
	return models, nil
}

// Vectors asks the server program for the test vectors of HTTP, as JSON.
func Vectors(ctx context.Context, program string) ([]byte, error) {
	return ask(ctx, program, "--vectors")
}

// ask runs the program to its end and returns what it printed.
func ask(ctx context.Context, program string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	child, err := Start(Spec{Path: program, Args: args, Stdout: &out})
	if err != nil {
		return nil, err
	}
	patience := time.AfterFunc(askPatience, child.Kill)
	defer patience.Stop()
	uncancel := context.AfterFunc(ctx, child.Kill)
	defer uncancel()
	<-child.Exited()
	if exit := child.Exit(); exit != (Exit{}) {
		return nil, errors.New(WithTail(fmt.Sprintf("%s %s: %v", program, strings.Join(args, " "), exit), child.Tail()))
	}
	return out.Bytes(), nil
}

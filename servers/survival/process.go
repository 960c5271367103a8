package survival

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Model is what netserve says of a model.
type Model struct {
	Name        string   `json:"name"`
	Wait        string   `json:"wait"` // as servers.Model has it
	Protocols   []string `json:"protocols"`
	Available   bool     `json:"available"`
	Reason      string   `json:"reason"`
	Prefork     bool     `json:"prefork"` // it has several processes without being asked
	KnownLimits []struct {
		Case   string `json:"case"`
		Reason string `json:"reason"`
	} `json:"known_limits"`
}

// Models asks netserve for its list.
func (r *Round) Models() ([]Model, error) {
	out, err := exec.Command(r.Netserve, "--list", "--json").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list --json: %w", r.Netserve, err)
	}
	var models []Model
	if err := json.Unmarshal(out, &models); err != nil {
		return nil, fmt.Errorf("%s --list --json: %w", r.Netserve, err)
	}
	return models, nil
}

// Server is a netserve that runs.
type Server struct {
	Addr  string
	Model Model

	cmd    *exec.Cmd
	start  time.Time
	stderr lockedBuffer
	exited chan struct{} // closed when the process has ended
	err    error         // of Wait; read it after exited
}

// limited lowers the limit of open files and becomes the program that follows. The text is
// fixed; the number and the program are arguments.
const limited = `ulimit -n "$0" && exec "$@"`

// Start starts a server as f wants it, and returns when it accepts.
func (r *Round) Start(m Model, proto string, f Fault) (*Server, error) {
	args := append([]string{
		r.Netserve, "--model", m.Name, "--proto", proto, "--addr", "127.0.0.1:0", "--die-with-parent",
	}, f.Flags...)
	if f.PerProcess && m.Prefork {
		args = append(args, "--procs", "1")
	}
	if f.NoFile > 0 {
		args = append([]string{"/bin/sh", "-c", limited, strconv.Itoa(f.NoFile)}, args...)
	}
	s := &Server{Model: m, cmd: exec.Command(args[0], args[1:]...), start: time.Now(), exited: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), f.Env...)
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start netserve: %w", err)
	}
	ready := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(stdout).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &struct{ Ready *string }{&s.Addr})
		}
		ready <- err
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	select {
	case err = <-ready:
	case <-time.After(trialTime):
		err = errors.New("it took too long")
	}
	if err != nil {
		s.Kill()
		return nil, fmt.Errorf("netserve --model %s was not ready: %w; stderr: %.500q", m.Name, err, s.Stderr())
	}
	return s, nil
}

// Kill ends the process at once, if it has not ended, and waits for it.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // it may be gone already
	<-s.exited
}

// Signal sends a signal to the server and its workers.
func (s *Server) Signal(sig syscall.Signal) error {
	pids, err := s.pids()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return os.NewSyscallError("kill", err)
		}
	}
	return nil
}

// Terminate sends SIGTERM to the server, whose workers are its own affair.
func (s *Server) Terminate() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("SIGTERM: %w", err)
	}
	return nil
}

// stopTime is how long a server may take to stop, whatever its peers do.
const stopTime = 5 * time.Second

// Stop sends SIGTERM and wants exit code 0 in time.
func (s *Server) Stop() error {
	if err := s.Terminate(); err != nil {
		return err
	}
	return s.awaitExit()
}

func (s *Server) awaitExit() error {
	select {
	case <-s.exited:
	case <-time.After(stopTime):
		return fmt.Errorf("it still runs %v after SIGTERM", stopTime)
	}
	if s.err != nil {
		return fmt.Errorf("after SIGTERM: %w; want exit 0; stderr: %.500q", s.err, s.Stderr())
	}
	return nil
}

// Stderr returns what the server has written there so far.
func (s *Server) Stderr() string { return s.stderr.String() }

// Age is how long the server has been running.
func (s *Server) Age() time.Duration { return time.Since(s.start) }

// pids returns the server's process and its workers, if it has any.
func (s *Server) pids() ([]int, error) {
	pids := []int{s.cmd.Process.Pid}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pids[0]))
	if err != nil {
		return nil, fmt.Errorf("look at its processes: %w", err)
	}
	for _, thread := range threads {
		// A thread may end meanwhile, and its children are then those of another one.
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pids[0], thread.Name()))
		for _, child := range strings.Fields(string(children)) {
			if pid, err := strconv.Atoi(child); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

// sum adds what look says of each process. One that ends meanwhile counts as nothing, unless it
// is the server itself.
func (s *Server) sum(look func(proc string) (float64, error)) (total float64, err error) {
	pids, err := s.pids()
	if err != nil {
		return 0, err
	}
	for i, pid := range pids {
		n, err := look(fmt.Sprintf("/proc/%d/", pid))
		if err != nil && i == 0 {
			return 0, fmt.Errorf("look at the process: %w", err)
		}
		total += n
	}
	return total, nil
}

// Sockets returns how many sockets the server has open.
func (s *Server) Sockets() (int, error) {
	n, err := s.sum(func(proc string) (n float64, err error) {
		entries, err := os.ReadDir(proc + "fd")
		for _, e := range entries {
			what, err := os.Readlink(proc + "fd/" + e.Name())
			if err == nil && strings.HasPrefix(what, "socket:") {
				n++
			}
		}
		return n, err
	})
	return int(n), err
}

// RSS returns the resident memory of the server in MiB. What processes share counts in each.
func (s *Server) RSS() (float64, error) {
	own, err := s.Own()
	program, errProgram := s.Program()
	return own + program, errors.Join(err, errProgram)
}

// Own is the part of RSS that the server has asked for: heap, stacks, buffers, rings.
func (s *Server) Own() (float64, error) {
	return s.sum(func(proc string) (float64, error) {
		all, err := resident(proc, "VmRSS:")
		file, errFile := resident(proc, "RssFile:")
		return all - file, errors.Join(err, errFile)
	})
}

// Program is the part of RSS that is the program's file. The kernel brings its pages in as they
// are run, and takes them out again when it wants to, for another process too.
func (s *Server) Program() (float64, error) {
	return s.sum(func(proc string) (float64, error) { return resident(proc, "RssFile:") })
}

// resident reads one line of a process's status, in MiB.
func resident(proc, line string) (float64, error) {
	status, err := os.ReadFile(proc + "status")
	_, rest, _ := strings.Cut(string(status), line)
	fields := strings.Fields(rest)
	if err != nil || len(fields) == 0 {
		return 0, errors.Join(err, fmt.Errorf("it shows no %s it has ended", line))
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	return kib / 1024, err
}

// CPU returns the processor time the server has used.
func (s *Server) CPU() (time.Duration, error) {
	seconds, err := s.sum(func(proc string) (seconds float64, err error) {
		stat, err := os.ReadFile(proc + "stat")
		// The command's name, in parentheses, may hold blanks; utime and stime are fields 14 and 15.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if err != nil || len(fields) < 13 {
			return 0, errors.Join(err, errors.New("its stat is cut short"))
		}
		for _, f := range fields[11:13] {
			ticks, err := strconv.Atoi(f)
			if err != nil {
				return 0, err
			}
			seconds += float64(ticks) / 100 // USER_HZ is 100 everywhere
		}
		return seconds, nil
	})
	return time.Duration(seconds * float64(time.Second)), err
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

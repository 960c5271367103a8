package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers/sock"
)

// master is the parent of --procs K worker processes that serve one address. A worker is this
// program once more, with the same flags. It serves nobody itself.
//
// How the workers share the address is the model's doing: a model with Prefork inherits the
// listening socket, as descriptor 3; every other opens sockets of its own with SO_REUSEPORT,
// while the master keeps the port.
type master struct {
	opts    *options
	stderr  io.Writer
	log     *slog.Logger
	socket  *os.File  // holds the address
	addr    string    // the one the workers share
	workers []*worker // by number
	events  chan event
	running int // processes that have not been seen to end
	fault   error
}

// worker is a process. The master's goroutine owns all of it.
type worker struct {
	number  int
	cmd     *exec.Cmd
	started time.Time
	ready   bool
}

// event is what a worker was seen to do: it became ready, or ended, or it is to be started.
type event struct {
	*worker
	kind eventKind
	err  error // of ended: how, if not as it should
}

type eventKind uint8

const (
	becameReady eventKind = iota
	ended
	due
)

const (
	restartEvery = time.Second     // at most so often is a worker replaced: who dies at once must not spin
	stopSlack    = 5 * time.Second // beyond the grace; then workers are killed
	inherited    = 3               // where a worker finds the socket
)

// supervise runs the workers until a signal, and returns when all have ended.
func supervise(opts *options, stdout, stderr io.Writer) error {
	m := &master{opts: opts, stderr: stderr, log: opts.logger(stderr), events: make(chan event)}
	if opts.dieWithParent {
		if err := dieWithParent(os.Getppid()); err != nil {
			return err
		}
	}
	if err := m.open(); err != nil {
		return explain(err, opts.cfg.Addr)
	}
	defer m.socket.Close()
	ctx, release := stopOnSignal(stderr)
	defer release()
	for i := range opts.procs {
		m.workers = append(m.workers, &worker{number: i})
		if err := m.start(m.workers[i]); err != nil {
			m.fault = err
			break
		}
	}
	if m.fault == nil {
		m.fault = m.awaitReady(ctx)
	}
	if m.fault == nil && ctx.Err() == nil {
		announce(stdout, opts, m.addr, m.pids())
		m.keep(ctx)
	}
	return m.stop()
}

// open takes the address.
func (m *master) open() error {
	take := sock.Reserve
	if m.opts.model.Prefork {
		take = func(addr string) (int, *net.TCPAddr, error) { return sock.Listen(addr, false, false) }
	}
	fd, addr, err := take(m.opts.cfg.Addr)
	if err == nil {
		m.socket, m.addr = os.NewFile(uintptr(fd), "shared address"), addr.String()
	}
	return err
}

// start starts a worker. It gets a process group of its own: Ctrl-C at the terminal is the
// master's to pass on, and would otherwise count twice.
func (m *master) start(w *worker) error {
	cmd := exec.Command("/proc/self/exe", m.workerArgs()...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = os.Environ()
	if os.Getenv("GOMAXPROCS") == "" {
		cmd.Env = append(cmd.Env, "GOMAXPROCS="+strconv.Itoa(max(1, runtime.GOMAXPROCS(0)/m.opts.procs)))
	}
	cmd.Stderr = m.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if m.opts.model.Prefork {
		cmd.ExtraFiles = []*os.File{m.socket}
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	w.cmd, w.started, w.ready = cmd, time.Now(), false
	m.running++
	go m.watch(w, cmd, stdout)
	return nil
}

// workerArgs are the flags that were given, as far as they are not the master's own.
func (m *master) workerArgs() []string {
	var args []string
	m.opts.flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "procs", "addr", "die-with-parent":
		default:
			args = append(args, "--"+f.Name+"="+f.Value.String())
		}
	})
	return append(args, "--addr="+m.addr, "--worker-of="+strconv.Itoa(os.Getpid()))
}

// watch tells what becomes of a process.
func (m *master) watch(w *worker, cmd *exec.Cmd, stdout io.Reader) {
	lines := bufio.NewReader(stdout)
	line, _ := lines.ReadBytes('\n')
	if r := (readyLine{}); json.Unmarshal(line, &r) == nil && r.Ready == m.addr {
		m.events <- event{worker: w, kind: becameReady}
	}
	_, _ = io.Copy(io.Discard, lines) // all of it must be read before Wait
	m.events <- event{worker: w, kind: ended, err: cmd.Wait()}
}

// awaitReady returns when all workers are ready; a first one that ends means that none can serve.
func (m *master) awaitReady(ctx context.Context) error {
	for ready := 0; ready < len(m.workers); {
		select {
		case <-ctx.Done():
			return nil
		case e := <-m.events:
			if e.kind == ended {
				m.running--
				return fmt.Errorf("worker %d could not serve: %w", e.number, orEnded(e.err))
			}
			e.ready = true
			ready++
		}
	}
	return nil
}

// keep replaces workers that die, until ctx is done.
func (m *master) keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-m.events:
			m.replace(e)
		}
	}
}

func (m *master) replace(e event) {
	switch e.kind {
	case becameReady:
		e.ready = true
		m.log.Info("a new worker serves", "worker", e.number, "pid", e.cmd.Process.Pid)
	case ended:
		m.running--
		m.log.Error("a worker died, the others go on",
			"worker", e.number, "pid", e.cmd.Process.Pid, "err", orEnded(e.err))
		e.cmd = nil
		wait := time.Until(e.started.Add(restartEvery))
		m.running++ // the event to come
		time.AfterFunc(wait, func() { m.events <- event{worker: e.worker, kind: due} })
	case due:
		m.running--
		if err := m.start(e.worker); err != nil {
			m.log.Error("cannot replace a worker, will try again", "worker", e.number, "err", err)
			m.running++
			time.AfterFunc(restartEvery, func() { m.events <- e })
		}
	}
}

// stop ends all workers, and returns what went wrong.
func (m *master) stop() error {
	m.socket.Close() // first: nobody may join the queue when the last worker has left it
	signal := func(s syscall.Signal) {
		for _, w := range m.workers {
			if w.cmd != nil {
				_ = w.cmd.Process.Signal(s) // one that has ended does not hear it
			}
		}
	}
	signal(unix.SIGTERM)
	patience := time.NewTimer(max(m.opts.cfg.Grace, 0) + stopSlack)
	defer patience.Stop()
	for m.running > 0 {
		select {
		case <-patience.C:
			signal(unix.SIGKILL)
			m.fault = errors.Join(m.fault, errors.New("workers did not stop within their grace, and were killed"))
		case e := <-m.events:
			if e.kind == becameReady {
				continue
			}
			m.running--
			if e.kind == ended && e.ready && e.err != nil && m.fault == nil {
				m.fault = fmt.Errorf("worker %d: %w", e.number, e.err)
			}
		}
	}
	return m.fault
}

func (m *master) pids() (pids []int) {
	for _, w := range m.workers {
		pids = append(pids, w.cmd.Process.Pid)
	}
	return pids
}

func orEnded(err error) error {
	if err == nil {
		return errors.New("it ended")
	}
	return err
}

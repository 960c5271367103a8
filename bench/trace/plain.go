package trace

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a server while it is watched: a Tracer, or, where that is refused, a plain one.
type process interface {
	Signal(s unix.Signal) error
	Ended() <-chan struct{}
	Exit() unix.WaitStatus // once it has ended
	Mark(name string, bytes int)
	Events() []Event
	Moved() time.Time
}

// plain is a process that nobody traces. Its journal has only the client's marks.
type plain struct {
	journal
	process *os.Process
	ended   chan struct{}
	exit    unix.WaitStatus
}

// startPlain is Start without ptrace.
func startPlain(argv, env []string, streams [3]*os.File) (process, error) {
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Env: env, Files: streams[:]})
	if err != nil {
		return nil, err
	}
	w := &plain{process: p, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		if state, err := p.Wait(); err == nil {
			status, _ := state.Sys().(syscall.WaitStatus)
			w.exit = unix.WaitStatus(status)
		}
	}()
	return w, nil
}

func (w *plain) Signal(s unix.Signal) error { return w.process.Signal(s) }

func (w *plain) Ended() <-chan struct{} { return w.ended }

func (w *plain) Exit() unix.WaitStatus { return w.exit }

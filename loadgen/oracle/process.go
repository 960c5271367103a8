package oracle

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// Handle is the side of whoever started an oracle. One goroutine uses it.
type Handle struct {
	Ready
	in   io.WriteCloser
	out  *bufio.Reader
	wait func() error // until it has ended
	cmd  *exec.Cmd    // nil: it lives in this process
}

// Start starts cmd, a program that calls Serve with its standard streams, as the oracle spec.
// Its standard error is passed on.
func Start(cmd *exec.Cmd, spec Spec) (*Handle, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start an oracle: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start an oracle: %w", err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start an oracle: %w", err)
	}
	h := &Handle{in: in, out: bufio.NewReader(out), wait: cmd.Wait, cmd: cmd}
	return h.begin(spec)
}

// StartHere starts the oracle as a goroutine of this process, where it can do everything but be
// frozen. Its times are less exact: it shares the scheduler with its client.
func StartHere(spec Spec) (*Handle, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start an oracle: %w", err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, inR.Close(), inW.Close())
	}
	ended := make(chan error, 1)
	go func() {
		err := Serve(inR, outW)
		ended <- errors.Join(err, inR.Close(), outW.Close())
	}()
	wait := func() error { return errors.Join(<-ended, outR.Close()) }
	h := &Handle{in: inW, out: bufio.NewReader(outR), wait: wait}
	return h.begin(spec)
}

func (h *Handle) begin(spec Spec) (*Handle, error) {
	line, err := json.Marshal(spec)
	if err == nil {
		err = h.tell(string(line))
	}
	if err == nil {
		err = h.hear(&h.Ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start an oracle: %w", err), h.Stop())
	}
	return h, nil
}

// Report asks for what it knows by now.
func (h *Handle) Report() (Report, error) {
	var r Report
	if err := h.tell(cmdReport); err != nil {
		return r, err
	}
	return r, h.hear(&r)
}

// Accept ends Spec.Hold.
func (h *Handle) Accept() error { return h.tell(cmdAccept) }

// Freeze stops the oracle's process for d, as ^Z does, and returns for how long it was stopped.
func (h *Handle) Freeze(d time.Duration) (time.Duration, error) {
	if h.cmd == nil {
		return 0, errors.New("freeze: the oracle lives in this process")
	}
	return Freeze(h.cmd.Process, d)
}

// Freeze stops a process for d, and returns for how long it was stopped.
func Freeze(p *os.Process, d time.Duration) (time.Duration, error) {
	from := time.Now()
	if err := p.Signal(unix.SIGSTOP); err != nil {
		return 0, fmt.Errorf("freeze process %d: %w", p.Pid, err)
	}
	time.Sleep(d)
	if err := p.Signal(unix.SIGCONT); err != nil {
		return 0, fmt.Errorf("thaw process %d: %w", p.Pid, err)
	}
	return time.Since(from), nil
}

// Stop ends the oracle.
func (h *Handle) Stop() error {
	err := h.in.Close()
	_, copied := io.Copy(io.Discard, h.out)
	return errors.Join(err, copied, h.wait())
}

func (h *Handle) tell(line string) error {
	if _, err := io.WriteString(h.in, line+"\n"); err != nil {
		return fmt.Errorf("tell the oracle: %w", err)
	}
	return nil
}

func (h *Handle) hear(v any) error {
	line, err := h.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("hear from the oracle: %w", err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("hear from the oracle: %w", err)
	}
	return nil
}

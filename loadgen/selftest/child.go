package selftest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
)

// errAlone says that an experiment needs other processes.
var errAlone = errors.New("this experiment needs a process of its own, and there is no program to start")

// netload starts the generator in a process of its own. Its result comes by itself.
func (t *Trial) netload(args ...string) (*child, error) {
	if t.lab.Program == nil {
		return nil, errAlone
	}
	cmd := t.lab.Program(append(args, "--json")...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start netload: %w", err)
	}
	c := &child{cmd: cmd, out: make(chan childResult, 1)}
	go func() {
		var r childResult
		err := cmd.Wait()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) { // an invalid run has an exit code of its own
			r.err = fmt.Errorf("netload: %w", err)
		} else if err := json.Unmarshal(out.Bytes(), &r.Summary); err != nil {
			r.err = fmt.Errorf("netload said %q and %q: %w", out.String(), said.String(), err)
		}
		c.out <- r
	}()
	return c, nil
}

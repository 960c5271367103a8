package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"iomodels/bench/proc"
)

// Env is what the rows need of the world.
type Env struct {
	Netserve string   // the program
	Probed   string   // the same, built with -tags probe, to be traced; "": there is none
	Self     []string // the command that calls Play with the name that is appended to it
}

const (
	readyWithin = 15 * time.Second
	stopWithin  = 5 * time.Second
)

// Serve starts a server of the suite. The caller stops it.
func (e *Env) Serve(ctx context.Context, model, protocol string, args ...string) (*proc.Server, error) {
	server, err := proc.Serve(ctx, proc.ServerSpec{
		Program: e.Netserve, Model: model, Proto: protocol, Args: args, ReadyWithin: readyWithin,
	})
	if start := (*proc.StartError)(nil); errors.As(err, &start) && start.Unavailable {
		return nil, &UnavailableError{strings.TrimSpace(start.Stderr)}
	}
	return server, err
}

// part is what a child plays: it writes outcomes to out, as JSON lines. The last one counts.
type part func(out *json.Encoder) error

// parts lists what is dangerous enough to be done by a child.
func parts() map[string]part {
	return map[string]part{
		"thread-each":        func(out *json.Encoder) error { return threadEach(out, 0) },
		"thread-each-capped": func(out *json.Encoder) error { return threadEach(out, safeThreads) },
		"emfile-spins":       func(out *json.Encoder) error { return acceptWithoutDescriptors(out, false) },
		"emfile-reserve":     func(out *json.Encoder) error { return acceptWithoutDescriptors(out, true) },
		"lend-stack":         func(out *json.Encoder) error { return lendToKernel(out, true) },
		"lend-heap":          func(out *json.Encoder) error { return lendToKernel(out, false) },
	}
}

// exitUnavailable is the exit code of a child that cannot play its part on this machine.
const exitUnavailable = 3

// Play plays the part of that name, and returns the exit code of the process.
func Play(name string, stdout, stderr io.Writer) int {
	play, known := parts()[name]
	if !known {
		fmt.Fprintf(stderr, "no part %q\n", name)
		return 2
	}
	err := play(json.NewEncoder(stdout))
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, err)
	if why := (*UnavailableError)(nil); errors.As(err, &why) {
		return exitUnavailable
	}
	return 1
}

// child lets a child play a part. It returns the last outcome that the child told, and how it
// ended; err is for what is not the child's doing.
func (e *Env) child(ctx context.Context, name string) (last Outcome, exit proc.Exit, err error) {
	var out bytes.Buffer
	args := append(slices.Clone(e.Self[1:]), name)
	c, err := proc.Start(proc.Spec{Path: e.Self[0], Args: args, Stdout: &out})
	if err != nil {
		return Outcome{}, proc.Exit{}, err
	}
	uncancel := context.AfterFunc(ctx, c.Kill)
	defer uncancel()
	<-c.Exited()
	if exit = c.Exit(); exit.Code == exitUnavailable {
		return Outcome{}, exit, &UnavailableError{strings.TrimSpace(c.Tail())}
	}
	if ctx.Err() != nil {
		return Outcome{}, exit, fmt.Errorf("child %s: %w", name, context.Cause(ctx))
	}
	for lines := json.NewDecoder(&out); ; {
		err := lines.Decode(&last)
		switch {
		case errors.Is(err, io.EOF):
			return last, exit, nil
		case err != nil:
			return last, exit, fmt.Errorf("what child %s told: %w", name, err)
		}
	}
}

// played is a variant that a child plays to its end.
func played(name string) func(context.Context, *Env) (Outcome, error) {
	return func(ctx context.Context, env *Env) (Outcome, error) {
		outcome, exit, err := env.child(ctx, name)
		if err == nil && exit != (proc.Exit{}) {
			err = fmt.Errorf("child %s: %v", name, exit)
		}
		return outcome, err
	}
}

package lab

import (
	"context"
	"fmt"
	"io"
	"net"

	"iomodels/bench/proc"
)

func f06() Row {
	return Row{
		F: 6, Name: "a proactor pins memory",
		Tried: fmt.Sprintf("%d connections, each has echoed %d KiB once and is silent now",
			pinners, pinKiB),
		Idea: "A receive is submitted with the buffer that it is to fill.",
		See:  "Memory grows with the number of connections, also of those that say nothing.",
		Why: "A completion comes without asking, so the buffer must be there before the bytes are, " +
			"and it is the kernel's until then. A reactor needs one only when there is something to " +
			"read: one buffer for all.",
		Fix: "Receives without a buffer, and a small pool: the kernel takes a buffer when it has " +
			"bytes (a provided-buffer ring). The pool may run dry, and then a receive must be submitted " +
			"again.",
		Safe:   "reactors and goroutines wait without a buffer, or may; proactor has a pool",
		Claim:  Claim{"memory of a silent connection", AtMost, pinKiB / 4, "KiB"},
		Faulty: pinned("proactor --without provided-buffers", "proactor", "--without", "provided-buffers"),
		Fixed:  pinned("proactor, with a pool", "proactor"),
	}
}

const (
	pinners     = 96
	pinKiB      = 256
	poolBuffers = 32 // no fewer than the server's pool has
)

func pinned(name, model string, args ...string) Variant {
	return Variant{name, func(ctx context.Context, env *Env) (Outcome, error) {
		return Pinned(ctx, env, model, args...)
	}}
}

// Pinned returns how many KiB a silent connection holds that has received a large message before.
func Pinned(ctx context.Context, env *Env, model string, args ...string) (Outcome, error) {
	args = append([]string{"--loops", "1", "--read-size", fmt.Sprint(pinKiB << 10)}, args...)
	server, err := env.Serve(ctx, model, "echo", args...)
	if err != nil {
		return Outcome{}, err
	}
	defer server.Stop(stopWithin)
	// The first connection pays for what exists once: it goes round the pool.
	warm, err := dial(ctx, server.Addr)
	if err != nil {
		return Outcome{}, err
	}
	defer warm.Close()
	for range 2 * poolBuffers {
		if err := echoOnce(warm); err != nil {
			return Outcome{}, err
		}
	}
	before, err := proc.ReadMemory(server.PIDs...)
	if err != nil {
		return Outcome{}, err
	}
	for range pinners {
		conn, err := dial(ctx, server.Addr)
		if err != nil {
			return Outcome{}, err
		}
		defer conn.Close()
		if err := echoOnce(conn); err != nil {
			return Outcome{}, err
		}
	}
	after, err := proc.ReadMemory(server.PIDs...)
	if err != nil {
		return Outcome{}, err
	}
	held := float64(after.Anon-before.Anon) / 1024 / pinners
	return Outcome{max(held, 0), Facts{"conns": pinners, "buffer_kib": pinKiB}}, nil
}

// echoOnce has a message of pinKiB echoed.
func echoOnce(conn net.Conn) error {
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Write(make([]byte, pinKiB<<10))
		failed <- err
	}()
	if _, err := io.CopyN(io.Discard, conn, pinKiB<<10); err != nil {
		return fmt.Errorf("have a message echoed: %w", err)
	}
	return <-failed
}

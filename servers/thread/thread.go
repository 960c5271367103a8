// Package thread serves each connection with a thread of the operating system: true blocking
// I/O, as servers were written before readiness and completion existed.
//
// # Idea
//
// The thread itself waits, inside the system call. The program is the same conversation as in
// package goroutine, line for line (package blocking); what differs is what a wait costs.
//
//	thread                                kernel
//	 │ read(2) ─────────────────────────▶ nothing there: the thread sleeps
//	 │                                    bytes arrive: the thread is woken
//	 │ ◀──────────────────────── n bytes
//	 │ Feed
//	 │ write(2) ────────────────────────▶ no room: the thread sleeps
//	 │ ◀──────────────────────── n bytes
//
// How it differs from goroutine: there, sockets are non-blocking, a wait parks a goroutine and
// a hidden reactor wakes it, so thousands of waits share a few threads. Here sockets are
// blocking, no netpoller is involved, each wait holds a thread (runtime.LockOSThread), and it
// is the kernel's scheduler that switches between connections.
//
// # Who does the I/O
//
// The connection's thread, with raw read(2), write(2) and accept4(2). One system call per read
// and one per write, never one that fails: a blocking call returns with bytes.
//
// # Who waits where
//
// Every thread waits in its own call. Time-outs are the kernel's (SO_RCVTIMEO, SO_SNDTIMEO).
// A thread that waits in read(2) can be reached in one way only: another thread shuts the
// socket down (shutdown(2)), and that is how stop works.
//
// # What a connection costs
//
// A thread: a kernel stack and task, the runtime's thread record with two stacks of its own,
// and the read buffer. The thread is created when the connection is accepted and ends with it.
//
// # What to watch
//
//   - The Go scheduler is still there. A thread that enters a blocking call holds one of the
//     GOMAXPROCS permits to run Go code until the monitor thread takes it away, after 20 µs to
//     10 ms; a thread that returns must get a permit first. C programs pay neither. So that the
//     permits go round, a thread stands in line again after a few requests (see turn).
//   - Threads are limited in many places (see budget). The runtime aborts the process when a
//     thread cannot be created, so connections beyond the budget are refused instead.
//   - Serve raises the runtime's own limit of 10,000 threads (debug.SetMaxThreads), which is a
//     setting of the whole process.
package thread

import (
	"context"
	"net"
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/blocking"
	"iomodels/servers/sock"
)

// Model is the entry in the registry.
func Model() servers.Model {
	return servers.Model{
		Name:    "thread",
		Summary: "true blocking I/O: one locked OS thread per connection, raw system calls",
		Family:  servers.Blocking,
		Notify:  servers.ReturnValue,
		Wait:    servers.Blocks,
		Card: servers.Card{
			Loops:   "the kernel's scheduler: a thread per connection",
			Buffers: "a read buffer per connection, for its life, recycled between connections",
			Copies:  "1 in (kernel to read buffer), 1 in the handler, 1 out",
			Sockets: "blocking; SO_SNDTIMEO, and SO_RCVTIMEO while a time-out applies",
			Parser:  "package proto",
			Handler: "on the connection's thread, or on a worker with --offload",
		},
		Serve: Serve,
	}
}

// Serve implements servers.Model.Serve.
func Serve(ctx context.Context, cfg servers.Config) error {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return err
	}
	most, limit := budget()
	debug.SetMaxThreads(most + reserve)
	if cfg.MaxConns == 0 || cfg.MaxConns > most {
		cfg.Log.Info("a connection is a thread: more connections are refused", "threads", most, "limit", limit)
		cfg.MaxConns = most
	}
	fd, addr, err := sock.Listen(cfg.Addr, cfg.ReusePort, false)
	if err != nil {
		return err
	}
	return blocking.Serve(ctx, cfg, &listener{fd: fd, addr: addr}, spawn)
}

// spawn runs serve on a thread of its own. The goroutine ends without unlocking, and with it
// the runtime ends the thread: memory comes back when connections leave.
func spawn(serve func()) {
	go func() {
		runtime.LockOSThread()
		serve()
	}()
}

type listener struct {
	fd   int
	addr net.Addr
}

// Accept waits in accept4(2).
func (l *listener) Accept() (blocking.Conn, error) {
	for {
		fd, _, err := unix.Accept4(l.fd, unix.SOCK_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("accept4", err)
		}
		return &stream{fd: fd}, nil
	}
}

// Stop makes accept4(2) return EINVAL; closing the descriptor would not wake it.
func (l *listener) Stop() { unix.Shutdown(l.fd, unix.SHUT_RD) }

func (l *listener) Close() error   { return os.NewSyscallError("close", unix.Close(l.fd)) }
func (l *listener) Addr() net.Addr { return l.addr }

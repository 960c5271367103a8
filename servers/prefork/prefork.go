// Package prefork serves from several processes that share one listening socket: the oldest way
// to use every processor, and the one that survives the death of a part.
//
// # Idea
//
// A parent opens the listening socket and starts K workers, which inherit it. Each accepts and
// serves by itself. Nothing else is shared, so a worker that dies takes only its own connections
// along; the parent starts another.
//
//	parent                     worker 1                  worker 2
//	 │ listen
//	 │ start, socket as fd 3 ──▶ accept ◀── one queue ──▶ accept
//	 │                           │ a goroutine for each   │
//	 │                           ✗ dies                   │ serves on
//	 │ ◀── wait: it is gone
//	 │ start another ──────────▶ accept ...
//	 │ SIGTERM to all ─────────▶ finishes, ends           finishes, ends
//
// In C a worker is a copy of its parent, by fork(2). A Go process has threads, and a copy would
// have only one of them; so the parent starts its own program again, with the socket as
// descriptor 3. That half is in netserve (--procs); this package is the worker.
//
// # Who does the I/O
//
// In each worker a goroutine for each connection, as in package goroutine, on which this builds.
//
// # Who waits where
//
// As in package goroutine. For new connections all workers wait at the same queue.
//
// # What a connection costs
//
// What it costs in package goroutine. On top of that each process costs a Go runtime.
//
// # What to watch
//
//   - One queue or many. Here whoever is free takes the next connection, and what a dead worker
//     had not accepted waits for the others. With SO_REUSEPORT, as in netserve --model goroutine
//     --procs K, each process has its own queue: the kernel deals by a hash, busy or not, and a
//     queue dies with its process, along with the connections in it.
//   - The thundering herd. A new connection wakes every worker that waits for the queue by epoll,
//     and all but one find nothing: accepting costs up to K wake-ups. The runtime's epoll
//     registration has no EPOLLEXCLUSIVE, which would wake one.
//   - A busy worker does not look at the queue, but a worker with hundreds of connections that
//     is idle at this very moment does: the number of connections is not balanced by anything.
//   - The listening socket is one object. O_NONBLOCK set by one process holds for all, and
//     shutdown(2) by one would end accepting in all; so stop is a deadline, of this process only.
//   - Limits such as --max-conns count in each process.
package prefork

import (
	"context"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/blocking"
	"iomodels/servers/goroutine"
	"iomodels/servers/sock"
)

// Model is the entry in the registry.
func Model() servers.Model {
	return servers.Model{
		Name:      "prefork",
		Summary:   "processes that share one listening socket, in each a goroutine per connection",
		Family:    servers.Blocking,
		Notify:    servers.ReturnValue,
		Wait:      servers.Blocks,
		Prefork:   true,
		VariantOf: "goroutine",
		Card: servers.Card{
			Loops:   "a process per CPU, each with a Go scheduler and a hidden epoll instance",
			Buffers: "a read buffer per connection, for its life, recycled between connections of a process",
			Copies:  "1 in (kernel to read buffer), 1 in the handler, 1 out",
			Parser:  "package proto",
			Handler: "on the connection's goroutine, or on a worker with --offload",
		},
		Serve: Serve,
	}
}

// Serve implements servers.Model.Serve: it is one worker.
func Serve(ctx context.Context, cfg servers.Config) error {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return err
	}
	file := cfg.Listener
	if file == nil { // no parent: a single process
		fd, _, err := sock.Listen(cfg.Addr, cfg.ReusePort, true)
		if err != nil {
			return err
		}
		file = os.NewFile(uintptr(fd), cfg.Addr)
	}
	l, err := newListener(file)
	if err != nil {
		file.Close()
		return err
	}
	return blocking.Serve(ctx, cfg, l, func(serve func()) { go serve() })
}

// listener accepts from a socket that other processes may accept from, too. Package net could
// make a listener of it, but one that sets keep-alive options on every connection.
type listener struct {
	*os.File
	queue syscall.RawConn
	addr  net.Addr
}

func newListener(file *os.File) (*listener, error) {
	queue, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &listener{File: file, queue: queue}
	if ctlErr := queue.Control(func(fd uintptr) { l.addr, err = sock.LocalAddr(int(fd)) }); ctlErr != nil {
		return nil, ctlErr
	}
	return l, err
}

// Accept waits until this process has taken a connection. To find nothing after having been woken
// is usual: another was faster.
func (l *listener) Accept() (blocking.Conn, error) {
	fd, errno := -1, unix.Errno(0)
	err := l.queue.Read(func(queue uintptr) (done bool) {
		fd, errno = sock.Accept(int(queue))
		return errno != unix.EAGAIN
	})
	switch {
	case err != nil:
		return nil, err
	case errno != 0:
		return nil, os.NewSyscallError("accept4", errno)
	}
	return goroutine.Stream(endpoint{os.NewFile(uintptr(fd), "connection")}), nil
}

// Stop ends this process's waiting by an old deadline.
func (l *listener) Stop() { l.SetReadDeadline(time.Unix(1, 0)) }

func (l *listener) Addr() net.Addr { return l.addr }

// endpoint is a connection as a file: like package net's, it waits by the runtime's netpoller.
type endpoint struct{ *os.File }

// CloseWrite sends FIN.
func (e endpoint) CloseWrite() error {
	c, err := e.SyscallConn()
	if err != nil {
		return err
	}
	if ctlErr := c.Control(func(fd uintptr) { err = unix.Shutdown(int(fd), unix.SHUT_WR) }); ctlErr != nil {
		return ctlErr
	}
	return os.NewSyscallError("shutdown", err)
}

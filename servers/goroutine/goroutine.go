// Package goroutine serves each connection with a goroutine and package net: blocking I/O as
// Go spells it.
//
// # Idea
//
// The code waits, the thread does not. Each connection is a little program of its own: read,
// think, write, again. It reads like the conversation it is; there is no state machine, the
// state is the line the program has reached (package blocking, func converse).
//
//	goroutine           runtime                          kernel
//	 │ Read ──────────▶ read(2) ────────────────────────▶ EAGAIN
//	 │ (parked)   ◀──── park; the thread runs others
//	 │                  epoll_wait(2) ──────────────────▶ readable
//	 │ (runnable) ◀──── make it ready
//	 │ ◀── n bytes ──── read(2) ────────────────────────▶ n bytes
//	 │ Feed
//	 │ Write ─────────▶ write(2) ───────────────────────▶ n bytes
//
// # Who does the I/O
//
// The goroutine, by ordinary system calls on non-blocking sockets. Between it and the kernel
// the runtime hides a complete reactor (its netpoller: one edge-triggered epoll instance, each
// descriptor registered once for its life), whose event handler is always the same: make that
// goroutine runnable.
//
// # Who waits where
//
// Every goroutine waits in its own Read or Write, without a thread. Threads wait in epoll_wait,
// and only when there is nothing else to run; while there is, the scheduler polls without
// waiting. So under load the price of an event is shared by many, as in a reactor.
//
// # What a connection costs
//
// A goroutine with its stack, the runtime's descriptor record, and a read buffer. The buffer is
// held while the connection is silent, which is most of its life: that is the price of code
// that waits inside Read. It is one buffer of the configured read size per connection, recycled
// between connections; a reactor loop has one for all.
//
// # What to watch
//
//   - Read tries the socket before it waits. A goroutine that answers and reads again usually
//     finds nothing, so each request costs one read(2) that fails.
//   - Deadlines are timers. They are set only where one is configured, and not again for each
//     request (see stream.arm).
//   - Nothing limits the goroutines that run handlers at one time, except --offload.
package goroutine

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"iomodels/servers"
	"iomodels/servers/blocking"
	"iomodels/servers/sock"
)

// Model is the entry in the registry.
func Model() servers.Model {
	return servers.Model{
		Name:    "goroutine",
		Summary: "package net, one goroutine per connection; the reactor is hidden in the runtime",
		Family:  servers.Blocking,
		Notify:  servers.ReturnValue,
		Wait:    servers.Blocks,
		Card: servers.Card{
			Loops:   "the Go scheduler: GOMAXPROCS threads, one hidden epoll instance",
			Buffers: "a read buffer per connection, for its life, recycled between connections",
			Copies:  "1 in (kernel to read buffer), 1 in the handler, 1 out",
			Parser:  "package proto",
			Handler: "on the connection's goroutine, or on a worker with --offload",
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
	// Not ctx: it would close the listener behind the back of the stop sequence.
	l, err := sock.NetListen(context.WithoutCancel(ctx), cfg.Addr, cfg.ReusePort)
	if err != nil {
		return err
	}
	return blocking.Serve(ctx, cfg, listener{l.(*net.TCPListener)}, func(serve func()) { go serve() })
}

type listener struct{ *net.TCPListener }

func (l listener) Accept() (blocking.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return Stream(c), nil
}

// Stop lets Accept fail by an old deadline: Close would do so, too, but comes later.
func (l listener) Stop() { l.SetDeadline(longAgo) }

// longAgo is a deadline that is always over.
var longAgo = time.Unix(1, 0)

// Endpoint is what Stream needs of a connection that the runtime's netpoller waits for, such as
// a *net.TCPConn: deadlines end waits, and Close ends them, too.
type Endpoint interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	CloseWrite() error
}

// Stream returns c as package blocking wants it.
func Stream(c Endpoint) blocking.Conn { return &stream{Endpoint: c} }

type stream struct {
	Endpoint
	reading, writing time.Duration // the patience for which a deadline is armed; 0: none is
	interrupted      atomic.Bool
}

// Read waits for bytes.
func (s *stream) Read(p []byte, patience time.Duration) (int, error) {
	fresh := s.armRead(patience)
	n, err := s.Endpoint.Read(p)
	if n == 0 && expired(err) && !fresh && !s.interrupted.Load() {
		s.reading = 0 // an earlier call's timer struck: see arm
		s.armRead(patience)
		n, err = s.Endpoint.Read(p)
	}
	return n, translate(err)
}

// Write waits until p is with the kernel.
func (s *stream) Write(p []byte, patience time.Duration) (int, error) {
	fresh := arm(&s.writing, patience, s.SetWriteDeadline)
	n, err := s.Endpoint.Write(p)
	if n == 0 && expired(err) && !fresh {
		s.writing = 0
		arm(&s.writing, patience, s.SetWriteDeadline)
		n, err = s.Endpoint.Write(p)
	}
	if expired(err) {
		s.writing = 0 // whoever goes on after some progress needs a new one
	}
	return n, translate(err)
}

func (s *stream) armRead(patience time.Duration) (fresh bool) {
	fresh = arm(&s.reading, patience, s.SetReadDeadline)
	if fresh && s.interrupted.Load() {
		s.SetReadDeadline(longAgo) // Interrupt came first and was just overwritten
	}
	return fresh
}

// arm sets a deadline if none for this patience is set, and reports whether it did.
//
// A deadline is absolute, so strictly each call needs its own, and moving a timer for each
// request costs more than a glance. So the timer is left alone until it strikes, and then the
// call that meets it (for which it was perhaps not meant) starts a fresh one and tries again.
// The peer is thus given up after one to two times the patience.
func arm(armed *time.Duration, patience time.Duration, set func(time.Time) error) bool {
	if *armed == patience {
		return false
	}
	*armed = patience
	if patience == 0 {
		set(time.Time{})
	} else {
		set(time.Now().Add(patience))
	}
	return true
}

func (s *stream) Interrupt() {
	s.interrupted.Store(true)
	s.SetReadDeadline(longAgo)
}

func (s *stream) Abort() { s.Endpoint.Close() }

func expired(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

func translate(err error) error {
	if expired(err) {
		return blocking.ErrTimeout
	}
	return err
}

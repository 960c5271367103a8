// Package server serves connections on any proactor. It is the counterpart of package reactor,
// and does what that does, told later: there a handler learns that it CAN receive, here that
// it HAS.
//
// Read connection.go from HEART to HEART END, then loop.go. What is remembered of a connection
// is in package conn, and what it needs only while it owes its peer something in package
// exchange; package acceptor brings the connections, and the house around the loops is package
// loops, as for every model with event loops.
package server

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/deadline"
	"iomodels/servers/loops"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/acceptor"
	"iomodels/servers/proactor/conn"
	"iomodels/servers/proactor/exchange"
	"iomodels/servers/proto"
)

// Serve implements servers.Model.Serve on a backend.
func Serve(ctx context.Context, cfg servers.Config, backend proactor.Backend) error {
	return loops.Serve(ctx, cfg, false, func(h *loops.House, listener int) (loops.Loop, error) {
		settings := proactor.Settings{BufferSize: h.ReadSize, ReceiveMax: proto.OutputBound, Watch: h.Dog.Watch()}
		if h.MayHoldProcessor() {
			settings.RawWait = proactor.RawWaitMax
		}
		p, err := backend(settings)
		if err != nil {
			return nil, fmt.Errorf("open a proactor: %w", err)
		}
		l := newLoop(h, p, listener)
		l.watch = settings.Watch
		return l, nil
	})
}

func newLoop(h *loops.House, p proactor.Proactor, listener int) *loop {
	l := &loop{house: h, p: p, enough: h.ReadSize / 2, clock: deadline.StartClock()}
	l.exchanges = exchange.NewPool(h.Pool, p.Wake)
	l.deadlines = deadline.NewTable(deadline.Policy(h.Timeouts))
	l.onReceived, l.onSent = l.received, l.sent
	l.acceptor = acceptor.Start(p, listener, acceptor.Events{Admit: l.admit, Rested: l.acceptRests})
	return l
}

// Run is the life of the loop. When the grace is over it does not wait for workers any more.
func (l *loop) Run() error {
	for {
		if err := l.turn(); err != nil {
			return err
		}
		if l.house.Stopping() && !l.stopping {
			if err := l.stop(); err != nil {
				return err
			}
		}
		if l.stopping && !l.acceptor.Pending() && (l.live == 0 || l.killed && l.live == l.exchanges.Thinking()) {
			return nil
		}
	}
}

// Wake implements loops.Loop.
func (l *loop) Wake() { l.p.Wake() }

// stop closes the listener, takes in what has arrived by now, closes all connections that ask
// for nothing, and leaves the others the grace to finish.
func (l *loop) stop() error {
	l.stopping = true
	l.acceptor.Stop()
	l.deadlines.Set(listenerSlot, deadline.After(l.clock.Now(), l.house.Grace))
	for range l.live/16 + 1 { // a backend may bring a few completions at a time
		if err := l.p.Complete(0); err != nil {
			return err
		}
	}
	l.each(func(c *conn.Conn) {
		if c.Life == conn.Open && c.Owed == nil && c.Phase() == proto.Idle {
			l.close(c)
		}
	})
	return nil
}

// Close closes everything that is still open: all of it, if the backend broke down.
func (l *loop) Close() error {
	l.each(func(c *conn.Conn) { unix.Close(int(c.Receive.FD)) })
	l.acceptor.Close()
	return l.p.Close()
}

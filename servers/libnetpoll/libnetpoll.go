// Package libnetpoll runs our protocols on netpoll, the network library under the CloudWeGo RPC
// and HTTP frameworks.
//
// # Idea
//
// A reactor for handlers that may block: netpoll's pollers read whatever arrives into the buffer
// of its connection and run the handler on a goroutine, which answers by a call that blocks
// until everything is sent. This package is the handler; the bytes come from the same
// proto.Session as everywhere else.
//
//	netpoll's poller           goroutine: this package            proto.Session
//	    │ epoll_wait                │                                  │
//	    │ read into the             │                                  │
//	    │ connection's buffer       │                                  │
//	    ├─ OnRequest ──────────────▶│                                  │
//	    │ (goes on reading)         ├─ Reader().Next(n), Feed ────────▶│
//	    │                           │◀──── output, verdict ────────────┤
//	    │                           ├─ Writer().WriteBinary, Flush: sendmsg
//	    │◀─ what did not fit: EPOLLOUT, and the handler waits ─┤
//
// # Who does the I/O
//
// The pollers read, level-triggered, one read per event. The handler's goroutine writes the first
// time; the poller sends the rest.
//
// # Who waits where
//
// A poller waits in epoll_wait, a handler in Flush. So a handler that blocks holds up nobody; the
// price is a hand-over from the poller's thread to a goroutine for every request.
//
// # What a connection costs
//
// netpoll's connection object, two link buffers and our session; a goroutine only while a request
// is handled.
//
// # What to watch
//
// What differs from netpoll's defaults: one poller per loop asked for. The default is one per
// twenty CPUs, and the guide recommends GOMAXPROCS for heavy I/O. The rest is in package tuned.
//
// The pollers belong to the process: one process serves one configuration of this model, and they
// stay until it ends.
//
// The size of a read cannot be set: it begins at 8 KiB and doubles, for each connection, whenever a
// read fills it. So netpoll may take larger batches out of one system call than other models.
//
// A poller cannot be told to stop reading: while a handler waits in Flush its connection's input
// grows, and all that can be done from outside is to close the connection at a bound,
// guard.Flood. And netpoll closes a connection when the peer has sent its FIN: what the handler
// answers after that is lost. Both stand in KnownLimits.
package libnetpoll

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudwego/netpoll"

	"iomodels/servers"
	"iomodels/servers/guard"
	"iomodels/servers/offload"
	"iomodels/servers/sock"
)

// Model is netpoll under our protocols.
func Model() servers.Model { return Variant(func(*netpoll.Config, servers.Config) {}) }

// Variant is Model with other settings of netpoll: tune may change those that a configuration
// gives. They hold for the process, so a process serves one variant.
func Variant(tune func(*netpoll.Config, servers.Config)) servers.Model {
	return servers.Model{
		Name:    "netpoll",
		Summary: "netpoll, an event-loop library whose handlers may block; our protocol code as its handler",
		Family:  servers.Library,
		Notify:  servers.Readiness,
		Wait:    servers.GoesOn,
		Card: servers.Card{
			Loops:   "one epoll poller per CPU; one of them also accepts",
			Buffers: "an input buffer per connection, from 8 KiB; it grows without bound while a handler waits",
			Copies:  "none on input unless it spans buffers; one from input to output; one more of small output",
			Sockets: "as sock.Tune",
			Parser:  "ours",
			Handler: "on a pooled goroutine per batch of input; with --offload on a worker, while that one waits",
			Options: "its defaults, and one poller per CPU, as its guide advises for heavy I/O (How To, 1); gopool " +
				"stays on, also where the guide advises to close it (netpoll-tuned)",
		},
		KnownLimits: []servers.KnownLimit{
			{Case: "back-pressure", Reason: unbounded},
			{Case: "write-timeout", Reason: "until it strikes, all that the peer sends is taken: " + unbounded},
			{Case: "half-close", Reason: deaf},
			{Case: "half-close-slow-reader", Reason: deaf + "; and before it, see back-pressure"},
			{Case: "half-close-request", Reason: deaf},
		},
		Serve: func(ctx context.Context, cfg servers.Config) error { return serve(ctx, cfg, tune) },
	}
}

const (
	unbounded = "a poller reads whenever there is input, also while the handler waits in Flush " +
		"(poll_default_linux.go, handler); nothing pauses it, so we close a connection with too much input"
	deaf = "at the peer's FIN the poller closes the connection, and every Flush from then on fails " +
		"(poll_default_linux.go, handler: triggerHup; connection_impl.go, Flush: IsActive)"
)

func serve(ctx context.Context, cfg servers.Config, tune func(*netpoll.Config, servers.Config)) error {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return err
	}
	if err := process.configure(cfg, tune); err != nil {
		return err
	}
	s := &server{cfg: cfg, crowd: guard.NewCrowd(cfg.MaxConns, func(k *conn) { k.Close() })}
	if s.Log = cfg.Log; cfg.Offload > 0 {
		s.Pool = offload.New(cfg.Offload)
		defer s.Pool.Close()
	}
	defer s.crowd.Watch((*conn).doomed)()
	events, err := netpoll.NewEventLoop(s.onRequest,
		netpoll.WithOnPrepare(s.onPrepare), netpoll.WithWriteTimeout(cfg.Timeouts.Write))
	if err != nil {
		return fmt.Errorf("netpoll: new event loop: %w", err)
	}
	plain, err := sock.NetListen(ctx, cfg.Addr, cfg.ReusePort)
	if err != nil {
		return err
	}
	l, err := netpoll.ConvertListener(plain)
	if err != nil {
		plain.Close()
		return fmt.Errorf("netpoll: convert the listener: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- events.Serve(&gate{Listener: l, server: s}) }()
	cfg.Ready(plain.Addr())

	select {
	case err := <-ended:
		return fmt.Errorf("netpoll on %s ended by itself: %w", plain.Addr(), err)
	case <-ctx.Done():
	}
	return s.stop(events, ended)
}

// stop finishes what is in flight, for the grace period, and ends netpoll.
func (s *server) stop(events netpoll.EventLoop, ended <-chan error) error {
	grace, cancel := context.WithTimeout(context.Background(), s.cfg.Grace)
	defer cancel()
	// Shutdown would do so, too, but it takes a request whose first part has been read for no
	// request at all.
	s.crowd.Settle(grace, (*conn).settled)
	for {
		// An error here means that the grace is over; the end of Watch is the remedy. Shutdown does
		// nothing at all when it comes before Serve has begun: so it is called until Serve ends.
		_ = events.Shutdown(grace)
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("netpoll: serve: %w", err)
			}
			return nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}

package reactor

import (
	"cmp"
	"context"

	"iomodels/servers"
	"iomodels/servers/loops"
	"iomodels/servers/reactor/demux"
)

// Model is the level-triggered reactor's entry in the registry.
func Model() servers.Model {
	const summary = "epoll, hand-rolled, level-triggered: told that a call can be done, then does it"
	return Variant("reactor", summary, Options{Demux: demux.New})
}

// EdgeModel is the edge-triggered reactor's entry in the registry.
func EdgeModel() servers.Model {
	const summary = "the same, edge-triggered: each change is told once"
	return Variant("reactor-et", summary, Options{Demux: demux.New, Edge: true})
}

// Options are what the members of the family differ in.
type Options struct {
	Demux   func() (*demux.Demux, error) // opens a loop's demultiplexer
	Edge    bool                         // be told of changes, not of levels
	Workers int                          // where the configuration has no Offload
	Loops   int                          // where the configuration has none
}

// Variant makes a member of the family. Its card is the reactor's, to be amended.
func Variant(name, summary string, opt Options) servers.Model {
	return servers.Model{
		Name: name, Summary: summary, Family: servers.Reactor, Notify: servers.Readiness, Wait: servers.GoesOn,
		Card: servers.Card{
			Loops:   "one thread and epoll instance per loop, each with its own listener (SO_REUSEPORT)",
			Buffers: "one read buffer per loop; a connection holds one only while output is pending",
			Copies:  "1 in (kernel to read buffer), 1 in the handler, 1 out; 1 more for what is not sent at once",
			Parser:  "package proto",
			Handler: "on the loop; with --offload on a worker pool",
		},
		Serve: func(ctx context.Context, cfg servers.Config) error {
			cfg.Loops, cfg.Offload = cmp.Or(cfg.Loops, opt.Loops), cmp.Or(cfg.Offload, opt.Workers)
			return loops.Serve(ctx, cfg, true, func(h *loops.House, listener int) (loops.Loop, error) {
				return open(h, listener, opt)
			})
		},
	}
}

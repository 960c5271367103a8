package reactor

import (
	"context"

	"iomodels/servers"
	"iomodels/servers/loops"
)

// Model is the level-triggered reactor's entry in the registry.
func Model() servers.Model {
	return model("reactor", "epoll, hand-rolled, level-triggered: told that a call can be done, then does it", false)
}

// EdgeModel is the edge-triggered reactor's entry in the registry.
func EdgeModel() servers.Model {
	return model("reactor-et", "the same, edge-triggered: each change is told once", true)
}

func model(name, summary string, edge bool) servers.Model {
	return servers.Model{
		Name: name, Summary: summary, Family: servers.Reactor,
		Card: servers.Card{
			Loops:   "one thread and epoll instance per loop, each with its own listener (SO_REUSEPORT)",
			Buffers: "one read buffer per loop; a connection holds one only while output is pending",
			Copies:  "1 in (kernel to read buffer), 1 in the handler, 1 out; 1 more for what is not sent at once",
			Parser:  "package proto",
			Handler: "on the loop; with --offload on a worker pool",
		},
		Serve: func(ctx context.Context, cfg servers.Config) error {
			return loops.Serve(ctx, cfg, true, func(h *loops.House, listener int) (loops.Loop, error) {
				return open(h, listener, edge)
			})
		},
	}
}

package emulated

import (
	"context"

	"iomodels/servers"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/server"
)

// Model is the entry in the registry.
func Model() servers.Model {
	return servers.Model{
		Name:    "proactor-emulated",
		Summary: "the same server on the reactor's epoll: what the pattern costs without the kernel's help",
		Family:  servers.Proactor,
		Notify:  servers.Completion,
		Wait:    servers.GoesOn,
		Card: servers.Card{
			Loops:   "one thread and epoll instance per loop, each with its own listener (SO_REUSEPORT)",
			Buffers: "one receive buffer per loop; a reply has its own until sent",
			Copies:  "1 in (kernel to receive buffer), 1 in the handler, 1 out; 1 more for input while a reply is owed",
			Parser:  "package proto",
			Handler: "on the loop; with --offload on a worker pool",
		},
		Serve: Serve,
	}
}

// Serve implements servers.Model.Serve.
func Serve(ctx context.Context, cfg servers.Config) error {
	return server.Serve(ctx, cfg, func(s proactor.Settings) (proactor.Proactor, error) { return New(s) })
}

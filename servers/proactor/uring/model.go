package uring

import (
	"context"
	"fmt"

	"iomodels/servers"
	"iomodels/servers/proactor"
	"iomodels/servers/proactor/server"
	"iomodels/servers/proactor/uring/feature"
	"iomodels/servers/proactor/uring/probe"
)

// Model is the entry in the registry.
func Model() servers.Model {
	const pool = defaultBuffers * servers.DefaultReadSize >> 10 // KiB, all of them touched only under load
	return servers.Model{
		Name:    "proactor",
		Summary: "io_uring, hand-rolled: submits operations, and is told when each has been done",
		Family:  servers.Proactor,
		Notify:  servers.Completion,
		Wait:    servers.GoesOn,
		Card: servers.Card{
			Loops: "one locked thread and ring per loop, each with its own listener (SO_REUSEPORT)",
			Buffers: fmt.Sprintf("a pool of %d KiB per loop, from which the kernel chooses when bytes arrive; "+
				"a reply has its own until sent", pool),
			Copies:  "1 in (kernel to receive buffer), 1 in the handler, 1 out; 1 more for input while a reply is owed",
			Parser:  "package proto",
			Handler: "on the loop; with --offload on a worker pool",
		},
		Features:  feature.Names(),
		Available: probe.Available,
		Serve:     Serve,
	}
}

// Serve implements servers.Model.Serve, without the features of cfg.Without: see package feature.
func Serve(ctx context.Context, cfg servers.Config) error {
	without, err := feature.Parse(cfg.Without)
	if err != nil {
		return err
	}
	return server.Serve(ctx, cfg, func(s proactor.Settings) (proactor.Proactor, error) {
		return New(Options{Settings: s, Without: without})
	})
}

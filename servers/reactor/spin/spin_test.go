package spin_test

import (
	"context"
	"testing"

	"iomodels/servers"
	"iomodels/servers/reactor/spin"
	"iomodels/servers/servertest"
)

// oneLoop leaves a processor to the test's peers.
func oneLoop() servers.Model {
	m := spin.Model()
	serve := m.Serve
	m.Serve = func(ctx context.Context, cfg servers.Config) error {
		cfg.Loops = 1
		return serve(ctx, cfg)
	}
	return m
}

func TestModel(t *testing.T) { servertest.Run(t, oneLoop()) }

package prefork_test

import (
	"context"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/prefork"
	"iomodels/servers/servertest"
	"iomodels/servers/sock"
)

func TestModel(t *testing.T) { servertest.Run(t, prefork.Model()) }

// TestInherited: the same promises hold when the socket is not the worker's own, and the parent
// keeps it.
func TestInherited(t *testing.T) {
	m := prefork.Model()
	m.Serve = func(ctx context.Context, cfg servers.Config) error {
		parents, _, err := sock.Listen(cfg.Addr, false, true)
		if err != nil {
			return err
		}
		defer unix.Close(parents)
		fd, err := unix.FcntlInt(uintptr(parents), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return err
		}
		cfg.Addr, cfg.Listener = "somewhere", os.NewFile(uintptr(fd), "inherited")
		return prefork.Serve(ctx, cfg)
	}
	servertest.Run(t, m)
}

func TestAllocsPerRun(t *testing.T) {
	for _, p := range []string{"echo", "http"} {
		if n := servertest.Allocs(t, prefork.Model(), p); n != 0 {
			t.Errorf("%s: %v allocations per request; want 0", p, n)
		}
	}
}

package libfasthttp

import (
	"context"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"iomodels/servers"
	"iomodels/servers/servertest"
	"iomodels/servers/sock"
)

func TestContract(t *testing.T) { servertest.Run(t, Model()) }

// TestTunedContract: the same promises hold for a child, whose socket is its parent's.
func TestTunedContract(t *testing.T) {
	m := TunedModel()
	serve := m.Serve
	m.Serve = func(ctx context.Context, cfg servers.Config) error {
		parents, addr, err := sock.Listen(cfg.Addr, false, true)
		if err != nil {
			return err
		}
		defer unix.Close(parents)
		fd, err := unix.FcntlInt(uintptr(parents), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return err
		}
		cfg.Addr, cfg.Listener = addr.String(), os.NewFile(uintptr(fd), "inherited")
		return serve(ctx, cfg)
	}
	servertest.Run(t, m)
}

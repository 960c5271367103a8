package poll_test

import (
	"testing"

	"iomodels/servers/reactor/poll"
	"iomodels/servers/servertest"
)

func TestModel(t *testing.T) { servertest.Run(t, poll.Model()) }

func TestAllocsPerRun(t *testing.T) {
	for _, p := range []string{"echo", "http"} {
		if n := servertest.Allocs(t, poll.Model(), p); n != 0 {
			t.Errorf("%s: %v allocations per request; want 0", p, n)
		}
	}
}

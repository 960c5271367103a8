package thread_test

import (
	"testing"

	"iomodels/servers/servertest"
	"iomodels/servers/thread"
)

func TestModel(t *testing.T) { servertest.Run(t, thread.Model()) }

func TestAllocsPerRun(t *testing.T) {
	for _, p := range []string{"echo", "http"} {
		if n := servertest.Allocs(t, thread.Model(), p); n != 0 {
			t.Errorf("%s: %v allocations per request; want 0", p, n)
		}
	}
}

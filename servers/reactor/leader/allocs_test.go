//go:build !race

package leader_test

import (
	"testing"

	"iomodels/servers/reactor/leader"
	"iomodels/servers/servertest"
)

// Not under the race detector, where sync.Pool forgets things on purpose.
func TestAllocsPerRun(t *testing.T) {
	for _, p := range []string{"echo", "http"} {
		if n := servertest.Allocs(t, leader.Model(), p); n != 0 {
			t.Errorf("%s: %v allocations per request; want 0", p, n)
		}
	}
}

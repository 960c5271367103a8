package main

import (
	"strings"
	"testing"

	"iomodels/servers/all"
)

// TestWatchdog: a handler that blocks its loop is named on standard error; where it blocks nobody,
// there is nothing to say.
func TestWatchdog(t *testing.T) {
	inline := map[string]bool{
		"reactor": true, "reactor-et": true, "poll": true, "spin": true, "proactor": true, "proactor-emulated": true,
	}
	silent := map[string]bool{
		"goroutine": true, "thread": true, "prefork": true, "reactor-pool": true, "reactor-leader": true,
	}
	for _, m := range all.Models() {
		if !inline[m.Name] && !silent[m.Name] {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			if r := rowOf(m); !r.Available {
				t.Skip(r.Reason)
			}
			r := start(t, "--model", m.Name, "--proto", "http")
			exchange(t, r.ready.Ready, "GET /delay/300 HTTP/1.1\r\nHost: x\r\n\r\n", 15)
			r.stop(t)
			log := r.stderr.String()
			named := strings.Contains(log, "loop blocked") && strings.Contains(log, "in handler GET /delay/300")
			if named != inline[m.Name] || !named && log != "" {
				t.Errorf("stderr: %q", log)
			}
		})
	}
}

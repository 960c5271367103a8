// Package probe is the ear that the gate builds into the servers it counts. It is compiled in
// two ways: here, so that it is checked and tested like any other code, and, renamed to
// package main, as one more file of netserve in a tree of its own. No server that is
// distributed or timed has it.
package probe

import (
	"encoding/json"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

// GateAnswer is what the probe writes to standard error at each SIGUSR2, as one JSON line.
type GateAnswer struct {
	Gate    int    `json:"gate"`    // how many times it was asked
	Mallocs uint64 `json:"mallocs"` // heap objects ever allocated
	RSS     bool   `json:"rss"`     // unused memory was given back: resident memory may be read
}

// GateListen starts to listen. Between two questions it does nothing: it waits for a signal.
func GateListen() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	go func() {
		out := json.NewEncoder(os.Stderr)
		var m runtime.MemStats
		for n := 1; ; n++ {
			<-asked
			runtime.ReadMemStats(&m)
			mallocs := m.Mallocs // before the collector and the answer add theirs
			debug.FreeOSMemory()
			debug.FreeOSMemory()                                             // what pools kept through the first collection
			_ = out.Encode(GateAnswer{Gate: n, Mallocs: mallocs, RSS: true}) // nobody to tell, if it fails
		}
	}()
}

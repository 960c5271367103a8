package experiment

import (
	"fmt"

	"iomodels/bench/record"
)

// The limits beyond which a measurement counts as disturbed. They look at the machine only,
// never at the figures: whoever repeats what looks slow measures his own wishes.
const (
	foreignLimit = 0.15 // CPUs busy for somebody else
	foreignSlack = 0.03 // seconds: the grain of /proc/stat, which weighs in a short window
	stealLimit   = 0.03 // of the window
	stallLimit   = 0.01 // of the window, for memory; who waits for a disk takes no CPU from us
)

// Disturbed says what disturbed a measurement, or "".
func Disturbed(rec record.Record) string {
	m, window := rec.Machine, rec.Load.ElapsedS
	if window <= 0 {
		return ""
	}
	switch {
	case m.ForeignCPU*window > foreignLimit*window+foreignSlack:
		return fmt.Sprintf("other processes kept %.2f CPUs busy; stop them, or trust only ratios", m.ForeignCPU)
	case m.StealS > stealLimit*window+foreignSlack:
		return fmt.Sprintf("the hypervisor took %.0f %% of the window; use a quieter host", 100*m.StealS/window)
	case m.MemStallS > stallLimit*window:
		return fmt.Sprintf("processes waited for memory %.0f %% of the window", 100*m.MemStallS/window)
	}
	return ""
}

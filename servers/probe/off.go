//go:build !probe

package probe

// On says whether this program has probes.
const On = false

// Watched is main, without further ado: this program has no probes.
func Watched(main func() int) (exitCode int) { return main() }

// Note does nothing. Callers ask On first, so that not even its arguments are computed.
func Note(Step, int, int, string) {}

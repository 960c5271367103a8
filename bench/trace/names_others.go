//go:build !amd64

package trace

// archCalls are the calls that newer processors do without.
func archCalls() map[int64]call { return map[int64]call{} }

//go:build race

package proto

// raceDetector: its instrumentation lets sync.Pool drop things at random, so allocations are
// not to be counted.
const raceDetector = true

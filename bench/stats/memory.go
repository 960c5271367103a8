package stats

import "math"

// mergeFrom is the number of blocks from which adjacent ones may be merged: half of it must
// still be enough for an interval.
const mergeFrom = 24

// Remembers reports whether blocks in their order look as if each resembled the one before:
// their lag-1 autocorrelation exceeds 2/sqrt(n), which chance alone does about once in twenty.
// Then every interval over them is too narrow. Fewer than six blocks cannot tell.
func Remembers(ds []float64) bool {
	n := len(ds)
	return n >= 6 && math.Abs(Autocorrelation(ds)) > 2/math.Sqrt(float64(n))
}

// Decorrelate is the remedy: from 24 blocks on, blocks that remember their predecessor are
// merged in adjacent pairs, which halves n and widens the interval to what it should be. The
// second result says whether that was done; whoever prints the interval must say so. An odd
// last block is left out. With fewer blocks, or without memory, ds comes back as it is.
func Decorrelate(ds []float64) (merged []float64, done bool) {
	if len(ds) < mergeFrom || !Remembers(ds) {
		return ds, false
	}
	for i := 0; i+1 < len(ds); i += 2 {
		merged = append(merged, ds[i]/2+ds[i+1]/2)
	}
	return merged, true
}

package proc

import (
	"errors"
	"time"
)

// ErrStarved says that a slice shows nothing, because who was to be measured hardly got to run.
var ErrStarved = errors.New("somebody else has the CPU")

// foreignMax is how much of a CPU anybody else may use during a slice, and attempts how often a
// slice is tried. The limit looks at the machine, never at the outcome.
const (
	foreignMax = 0.10
	attempts   = 4
)

// Foreign is how much of a CPU anybody but us used between two readings, over the CPUs that were
// read: 0.5 is half of one. own is the CPU time of all that we ran on them.
func Foreign(from, to MachineState, own, elapsed time.Duration) float64 {
	return (to.Busy - from.Busy - own).Seconds() / elapsed.Seconds()
}

// Quietly measures a slice and repeats it when somebody else's work disturbed it, or when it was
// starved; it says how often it did. The last attempt counts, whatever disturbed it. A slice
// returns its figures and what Foreign says of it.
func Quietly[T any](slice func() (T, float64, error)) (figures T, repeated int, err error) {
	for ; ; repeated++ {
		var foreign float64
		figures, foreign, err = slice()
		again := foreign > foreignMax
		if err != nil {
			again = errors.Is(err, ErrStarved)
		}
		if !again || repeated == attempts-1 {
			return figures, repeated, err
		}
	}
}

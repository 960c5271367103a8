package proc

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestForeignIsWhatNobodyOfUsUsed(t *testing.T) {
	from := MachineState{Busy: 3 * time.Second}
	to := MachineState{Busy: 3*time.Second + 900*time.Millisecond}
	if got := Foreign(from, to, 400*time.Millisecond, time.Second); got != 0.5 {
		t.Errorf("foreign is %g, want 0.5", got)
	}
}

// TestOnlyDisturbedSlicesAreRepeated: by what disturbed them, not by what they showed.
func TestOnlyDisturbedSlicesAreRepeated(t *testing.T) {
	broken := errors.New("broken")
	type outcome struct {
		foreign float64
		err     error
	}
	loud, quiet := outcome{foreign: 0.2}, outcome{foreign: 0.05}
	starved := outcome{err: fmt.Errorf("slice: %w", ErrStarved)}
	for name, c := range map[string]struct {
		slices []outcome
		err    error
	}{
		"quiet":                 {[]outcome{quiet}, nil},
		"loud, then quiet":      {[]outcome{loud, loud, quiet}, nil},
		"loud to the end":       {[]outcome{loud, loud, loud, loud}, nil},
		"starved, then quiet":   {[]outcome{starved, quiet}, nil},
		"starved to the end":    {[]outcome{starved, starved, starved, starved}, ErrStarved},
		"an error ends it":      {[]outcome{loud, {err: broken}}, broken},
		"a loud error ends it":  {[]outcome{{foreign: 1, err: broken}}, broken},
		"starved, then in vain": {[]outcome{starved, {err: broken}}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			figures, repeated, err := Quietly(func() (int, float64, error) {
				o := c.slices[n]
				n++
				return n, o.foreign, o.err
			})
			if figures != len(c.slices) || repeated != n-1 || !errors.Is(err, c.err) {
				t.Errorf("slice %d after %d repetitions, %v", figures, repeated, err)
			}
		})
	}
}

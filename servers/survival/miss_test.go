package survival

import (
	"errors"
	"fmt"
	"testing"
)

// TestExcuses: who declares that it misses one bound is excused for that, as far as it said, and
// for nothing else; and nobody else is.
func TestExcuses(t *testing.T) {
	slow := missed(missedP99, 50, "slow")
	broken := errors.New("it has crashed")
	for _, c := range []struct {
		name, model, fault string
		err                error
		excused            bool
	}{
		{"its known limit", "poll", "slow-crowd", slow, true},
		{"inside others", "poll", "slow-crowd", errors.Join(nil, errors.Join(fmt.Errorf("wrapped: %w", slow)), nil), true},
		{"another bound", "poll", "slow-crowd", missed(missedMemory, 1000, "large"), false},
		{"something else beside it", "poll", "slow-crowd", errors.Join(slow, broken), false},
		{"another fault", "poll", "churn", slow, false},
		{"another model", "reactor", "slow-crowd", slow, false},
		{"a little remains", "goroutine", "crowd-leaves", missed(missedRemainder, 1, "some"), true},
		{"more remains than was said", "goroutine", "crowd-leaves", missed(missedRemainder, 10, "much"), false},
		{"whatever it is", "nethttp", "limit-header-count", broken, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			reason := Model{Name: c.model}.excuse(Fault{Name: c.fault}, c.err)
			if (reason != "") != c.excused {
				t.Errorf("excused with %q; want excused: %v", reason, c.excused)
			}
		})
	}
}

package survival

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The quantities for which a fault sets a bound.
const (
	missedP99       = "p99"       // of normal clients, in times their quiet p99
	missedMemory    = "memory"    // of all slow peers together, in MiB
	missedGrowth    = "growth"    // by which the second of two crowds leaves more behind than the first, in MiB
	missedRemainder = "remainder" // of a crowd that has left, in KiB for each connection it had
)

// miss is a bound that was not kept, and what was measured. A model may declare that it misses
// one, and how far; that excuses nothing else that goes wrong beside it.
type miss struct {
	what  string
	value float64
	text  string
}

func (m *miss) Error() string { return m.text }

// missed makes a miss of a bound, described like any error.
func missed(what string, value float64, format string, args ...any) error {
	return &miss{what, value, fmt.Sprintf(format, args...)}
}

// excuse returns why m could not help err, played by f; "" if it does not say so of all that
// went wrong.
func (m Model) excuse(f Fault, err error) string {
	for _, c := range f.Cases {
		for _, l := range m.KnownLimits {
			if l.Case == c {
				return l.Reason
			}
		}
	}
	var reasons []string
	for _, e := range leaves(err) {
		reason := m.knows(f, e)
		if reason == "" {
			return ""
		}
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	return strings.Join(reasons, "; ")
}

// knows returns the reason that is declared for one error.
func (m Model) knows(f Fault, err error) string {
	var far *miss
	isMiss := errors.As(err, &far)
	for _, k := range known {
		switch {
		case k.model != m.Name || k.fault != f.Name:
		case k.miss == "":
			return k.reason
		case isMiss && far.what == k.miss && (k.most == 0 || far.value <= k.most):
			return k.reason
		}
	}
	return ""
}

// leaves are the errors that were joined to err.
func leaves(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, leaves(e)...)
	}
	return all
}

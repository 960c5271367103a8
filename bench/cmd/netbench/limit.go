package main

import (
	"fmt"
	"strings"

	"iomodels/bench/stats/cells"
)

// parseLimits reads the values of --fail-if.
func parseLimits(texts []string) ([]cells.Limit, error) {
	var limits []cells.Limit
	for _, text := range texts {
		l, err := cells.ParseLimit(text)
		if err != nil {
			return nil, err
		}
		limits = append(limits, l)
	}
	return limits, nil
}

// holdLimits turns limits that are passed into exit code 1, and one that nothing was held
// against into 3: what was not measured has not kept anything.
func holdLimits(set *cells.Set, limits []cells.Limit) error {
	var broken, unasked []string
	for _, l := range limits {
		passed, asked := set.Hold(l)
		for _, cell := range passed {
			broken = append(broken, l.Text+": "+cell)
		}
		if asked == 0 {
			unasked = append(unasked, l.Text)
		}
	}
	switch {
	case len(broken) > 0:
		return &exitError{exitFailed, fmt.Errorf("limits passed:\n  %s", strings.Join(broken, "\n  "))}
	case len(unasked) > 0:
		return &exitError{exitUnavailable, fmt.Errorf("no cell has what %s speaks of", strings.Join(unasked, ", "))}
	}
	return nil
}

package bench

import (
	"fmt"
	"slices"
	"strings"
)

// UnknownError says that a name does not exist, which do, and which may have been meant.
type UnknownError struct {
	What, Name string
	Known      []string
}

func (e *UnknownError) Error() string {
	hint := ""
	if near := nearest(e.Name, e.Known); near != "" {
		hint = fmt.Sprintf(": did you mean %q?", near)
	}
	return fmt.Sprintf("unknown %s %q%s (there are: %s)", e.What, e.Name, hint, strings.Join(e.Known, ", "))
}

// CheckNames returns an *UnknownError for the first of names that is not known.
func CheckNames(what string, names, known []string) error {
	for _, name := range names {
		if !slices.Contains(known, name) {
			return &UnknownError{What: what, Name: name, Known: known}
		}
	}
	return nil
}

// nearest returns the known name that is at most two edits away, or begins like it.
func nearest(name string, known []string) string {
	best, bestDistance := "", 3
	for _, k := range known {
		d := editDistance(name, k)
		if len(name) > 2 && strings.HasPrefix(k, name) {
			d = min(d, 1)
		}
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

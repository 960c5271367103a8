package main

import (
	"flag"
	"fmt"
	"strings"
)

// didYouMean rewrites what package flag says about an unknown flag.
func (o *options) didYouMean(err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return err
	}
	var names []string
	o.flags.VisitAll(func(f *flag.Flag) { names = append(names, "--"+f.Name) })
	name = "--" + strings.TrimPrefix(name, "-")
	return fmt.Errorf("no flag %s%s", name, suggest(name, names))
}

// unknown says that there is no such thing, and what there is.
func unknown(kind, word string, names []string) error {
	return fmt.Errorf("no %s %q%s; there are %s", kind, word, suggest(word, names), strings.Join(names, ", "))
}

// suggest returns ", did you mean X?" for the name that is nearest to word, or "" if none is near.
func suggest(word string, names []string) string {
	best, nearest := "", 1+max(1, len(strings.TrimPrefix(word, "--"))/3)
	for _, name := range names {
		if d := distance(word, name); d < nearest {
			best, nearest = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance is how many letters must be inserted, deleted, changed or swapped with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The markers. Text between a pair belongs to the program.
const (
	markOpen  = "<!-- generated:"
	markClose = " -->"
)

// Fill puts generated texts between the markers of a page that another program keeps.
func Fill(page string, generated map[string]string) (string, error) { return replace(page, generated) }

// replace puts the generated texts between their markers. A page may leave sections out; but
// a marker that is unknown, doubled, nested or without its end is refused, naming its line,
// because guessing would delete prose.
func replace(page string, generated map[string]string) (string, error) {
	var out strings.Builder
	open, seen := "", map[string]bool{}
	for i, line := range strings.SplitAfter(page, "\n") {
		name, edge, marker := parseMarker(line)
		switch {
		case !marker:
			if open == "" {
				out.WriteString(line)
			}
			continue
		case edge == "begin" && open != "":
			return "", fmt.Errorf("line %d: marker %q begins inside %q, which has no end", i+1, name, open)
		case edge == "begin" && seen[name]:
			return "", fmt.Errorf("line %d: marker %q is there twice", i+1, name)
		case edge == "begin":
			text, known := generated[name]
			if !known {
				return "", fmt.Errorf("line %d: unknown marker %q; known are %s", i+1, name,
					strings.Join(slices.Sorted(maps.Keys(generated)), ", "))
			}
			open, seen[name] = name, true
			out.WriteString(line + strings.TrimRight(text, "\n") + "\n")
		case edge == "end" && open == name:
			open = ""
			out.WriteString(line)
		case edge == "end":
			return "", fmt.Errorf("line %d: marker %q ends but did not begin", i+1, name)
		default:
			return "", fmt.Errorf("line %d: marker %q says %q: want begin or end", i+1, name, edge)
		}
	}
	if open != "" {
		return "", fmt.Errorf("marker %q has no end: add the line %s%s end%s", open, markOpen, open, markClose)
	}
	return out.String(), nil
}

// parseMarker reads "<!-- generated:NAME begin -->".
func parseMarker(line string) (name, edge string, ok bool) {
	body, ok := strings.CutPrefix(strings.TrimSpace(line), markOpen)
	if !ok {
		return "", "", false
	}
	name, edge, _ = strings.Cut(strings.TrimSuffix(body, markClose), " ")
	return name, strings.TrimSpace(edge), true
}

package conform

import (
	"fmt"
	"slices"
	"strings"
)

// Text lists the outcomes by section of the RFCs, and closes with the sums. Every failure says
// why; passed cases are listed only when all is set.
func Text(server string, outcomes []Outcome, all bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", server)
	section := ""
	for _, o := range bySection(outcomes) {
		if o.Passed && !all {
			continue
		}
		if o.Vector.Section != section {
			section = o.Vector.Section
			fmt.Fprintf(&b, "  RFC %s\n", section)
		}
		fmt.Fprintf(&b, "    %-6s %-6s %s", word(o), o.Vector.Level, o.Vector.Name)
		if o.Why != "" {
			// What a server said may contain anything: quoted, it cannot steer a terminal.
			fmt.Fprintf(&b, ": %s", strings.Trim(fmt.Sprintf("%q", o.Why), `"`))
		}
		b.WriteString("\n")
	}
	s := Sum(outcomes)
	fmt.Fprintf(&b, "%d passed, %d failed", s.Passed, s.Failed)
	if s.Allowed > 0 {
		fmt.Fprintf(&b, " (%d passed by another answer that the RFC allows)", s.Allowed)
	}
	return b.String() + "\n"
}

func word(o Outcome) string {
	if o.Passed {
		return "pass"
	}
	return "FAIL"
}

// Score counts outcomes.
type Score struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Allowed int `json:"allowed"` // of those passed: by another answer that the RFC allows
	Must    int `json:"must"`    // of those failed
}

// Sum counts.
func Sum(outcomes []Outcome) Score {
	var s Score
	for _, o := range outcomes {
		switch {
		case o.Allowed:
			s.Passed++
			s.Allowed++
		case o.Passed:
			s.Passed++
		default:
			s.Failed++
			if strings.HasPrefix(o.Vector.Level, "MUST") {
				s.Must++
			}
		}
	}
	return s
}

// compareSections orders "9112 9.3.2" by its numbers and not by its characters.
func compareSections(a, b string) int {
	return slices.Compare(numbers(a), numbers(b))
}

func numbers(s string) []int {
	var ns []int
	for _, field := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		n := 0
		fmt.Sscan(field, &n)
		ns = append(ns, n)
	}
	return ns
}

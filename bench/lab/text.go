package lab

import (
	"fmt"
	"strings"

	"iomodels/bench/report/table"
)

// Text writes what became of some rows, for a terminal: a table, remarks, and the count.
func Text(results []Result) string {
	t := table.New("<", "<failure", "<expected", "faulty", "fixed", "<")
	var remarks strings.Builder
	for _, r := range results {
		claim := claimOf(r)
		t.Add(fmt.Sprintf("F%d", r.F), r.Name, r.Claim, r.Faulty.text(claim), r.Fixed.text(claim), r.word())
		if note := r.note(); note != "" {
			fmt.Fprintf(&remarks, "F%d %s\n", r.F, note)
		}
	}
	return t.Text() + remarks.String() + Count(results) + "\n"
}

// Count is the last line: how many rows passed and failed, and how many could not be run.
func Count(results []Result) string {
	passed, failed, skipped := 0, 0, 0
	for _, r := range results {
		switch {
		case r.Skipped != "":
			skipped++
		case r.Passed:
			passed++
		default:
			failed++
		}
	}
	line := fmt.Sprintf("%d passed, %d failed", passed, failed)
	if skipped > 0 {
		line += fmt.Sprintf(", %d skipped", skipped)
	}
	return line
}

// Describe writes a row for somebody who wants to understand it, with what became of it.
func Describe(row Row, r Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "F%d %s\n\n", row.F, row.Name)
	for _, p := range paragraphs(row) {
		fmt.Fprintf(&b, "%s\n", hang(p.head, p.text))
	}
	fmt.Fprintf(&b, "\n%s\n%s\n%s\n", hang("expected", row.Claim.String()),
		hang("faulty", fmt.Sprintf("%s: %s%s", row.Faulty.Name, r.Faulty.text(row.Claim), r.Faulty.facts())),
		hang("fixed", fmt.Sprintf("%s: %s%s", row.Fixed.Name, r.Fixed.text(row.Claim), r.Fixed.facts())))
	fmt.Fprintf(&b, "%s\n", hang("result", strings.TrimSpace(r.word()+" "+r.note())))
	return b.String()
}

type paragraph struct{ head, text string }

func paragraphs(row Row) []paragraph {
	return []paragraph{
		{"idea", row.Idea},
		{"you see", row.See},
		{"why", row.Why},
		{"the fix", row.Fix},
		{"who is safe", row.Safe},
		{"tried", row.Tried},
	}
}

// The layout of Describe.
const (
	headWidth = 12
	textWidth = 100
)

// hang writes a text in lines beside its head.
func hang(head, text string) string {
	var b strings.Builder
	line := fmt.Sprintf("%-*s", headWidth, head)
	for i, word := range strings.Fields(text) {
		if i > 0 && len(line)+1+len(word) > textWidth {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", headWidth)
		}
		if len(line) > headWidth {
			line += " "
		}
		line += word
	}
	return b.String() + line
}

// claimOf finds the claim of a result's row, for its unit.
func claimOf(r Result) Claim {
	for _, row := range Rows() {
		if row.F == r.F {
			return row.Claim
		}
	}
	return Claim{}
}

func (t Trial) text(c Claim) string {
	if t.Error != "" {
		return "-"
	}
	return c.Text(t.Value)
}

func (t Trial) facts() string {
	if len(t.Facts) == 0 {
		return ""
	}
	return " (" + joinFacts(t.Facts) + ")"
}

func (r Result) word() string {
	switch {
	case r.Skipped != "":
		return "SKIPPED"
	case r.Passed:
		return "pass"
	}
	return "FAIL"
}

// note says in words what was wrong with a row.
func (r Result) note() string {
	switch {
	case r.Skipped != "":
		return "not available here: " + r.Skipped
	case r.Faulty.Error != "":
		return fmt.Sprintf("%s: %s", r.Faulty.Variant, r.Faulty.Error)
	case r.Fixed.Error != "":
		return fmt.Sprintf("%s: %s", r.Fixed.Variant, r.Fixed.Error)
	case r.Passed:
		return ""
	}
	var wrong []string
	claim := claimOf(r)
	if t := r.Faulty; t.Holds {
		wrong = append(wrong, fmt.Sprintf("%s: expected to break %q, measured %s", t.Variant, r.Claim, t.text(claim)))
	}
	if t := r.Fixed; !t.Holds {
		wrong = append(wrong, fmt.Sprintf("%s: expected %s, measured %s", t.Variant, r.Claim, t.text(claim)))
	}
	return strings.Join(wrong, "; ")
}

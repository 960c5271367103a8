package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"iomodels/bench/report/table"
)

// The markers between which the page is generated.
const (
	pageBegin = "<!-- generated:lab begin -->\n"
	pageEnd   = "<!-- generated:lab end -->"
)

// Page puts the lab, as it was run, between the markers of a page. machine says where and when.
func Page(page string, results []Result, machine string) (string, error) {
	before, rest, ok := strings.Cut(page, pageBegin)
	_, after, end := strings.Cut(rest, pageEnd)
	if !ok || !end {
		return "", fmt.Errorf("the page lacks the lines %q and %q", strings.TrimSpace(pageBegin), pageEnd)
	}
	return before + pageBegin + Markdown(results, machine) + pageEnd + after, nil
}

// Markdown writes a table of the results, and below it each row in words.
func Markdown(results []Result, machine string) string {
	t := table.New("<F", "<failure", "<tried", "<expected", "faulty", "fixed", "<result")
	for _, r := range results {
		claim := claimOf(r)
		t.Add(fmt.Sprintf("[%d](f%02d.go)", r.F, r.F), r.Name, r.Tried, r.Claim,
			r.Faulty.text(claim), r.Fixed.text(claim), strings.TrimSpace(r.word()+" "+r.Skipped))
	}
	return fmt.Sprintf("%s\n%s\n%s", machine, t.Markdown(), descriptions())
}

// descriptions writes the rows in words: what does not depend on the machine.
func descriptions() string {
	var b strings.Builder
	for _, row := range Rows() {
		fmt.Fprintf(&b, "### F%d · %s\n", row.F, row.Name)
		for _, p := range paragraphs(row) {
			fmt.Fprintf(&b, "- **%s** %s\n", p.head, p.text)
		}
		fmt.Fprintf(&b, "- **faulty** %s · **fixed** %s\n\n", row.Faulty.Name, row.Fixed.Name)
	}
	return b.String()
}

func joinFacts(facts Facts) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		list = append(list, strings.ReplaceAll(name, "_", " ")+" "+Number(facts[name]))
	}
	return strings.Join(list, ", ")
}

package gate

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a gate has found, for people and for programs.
type Report struct {
	Base     string        `json:"base"`
	Head     string        `json:"head"`
	Command  []string      `json:"command,omitempty"`
	Seed     uint64        `json:"seed"`
	Machine  string        `json:"machine,omitempty"`
	Same     bool          `json:"same,omitempty"` // the code is equal: nothing was run
	Rows     []Row         `json:"rows"`
	Skipped  []string      `json:"skipped,omitempty"`  // models left out, and why
	Warnings []string      `json:"warnings,omitempty"` // lines of commit messages that accept nothing
	Verdict  Verdict       `json:"verdict"`
	Took     time.Duration `json:"took_ns"`
}

// Conclude fills in the verdict.
func (r *Report) Conclude() {
	r.Verdict = Decide(r.Rows)
	// Models left out because they are equal are a pass; others, when nothing else was compared,
	// are not.
	unequal := slices.ContainsFunc(r.Skipped, func(s string) bool { return !strings.HasSuffix(s, sameCode) })
	if !r.Same && len(r.Rows) == 0 && (unequal || len(r.Skipped) == 0) {
		r.Verdict = Inconclusive
	}
}

// Headline is the verdict in a sentence.
func (r Report) Headline() string {
	worse := r.in(Worse)
	rest := cmp.Or(r.counts(), "nothing was compared")
	switch {
	case r.Same:
		return fmt.Sprintf("%s and %s have the same code: nothing to compare", r.Base, r.Head)
	case len(worse) == 1:
		return "Regression: " + worse[0].sentence() + " · " + rest
	case len(worse) > 1:
		return fmt.Sprintf("%d regressions, the first: %s · %s", len(worse), worse[0].sentence(), rest)
	case r.Verdict == Inconclusive:
		return "Undecided · " + rest
	}
	return "No regression shown · " + rest
}

func (r Report) in(s State) (rows []Row) {
	for _, row := range r.Rows {
		if row.State == s {
			rows = append(rows, row)
		}
	}
	return rows
}

// counts says how many figures were found to be what, and how small a change of cost would
// have been seen.
func (r Report) counts() string {
	var parts []string
	for _, s := range []struct {
		state State
		words string
	}{
		{Unsteady, "undecided"},
		{Missing, "not counted here"},
		{Accepted, "worse and accepted"},
		{Better, "better"},
		{Same, "no change shown"},
	} {
		if n := len(r.in(s.state)); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s.words))
		}
	}
	if equal := r.equal(); equal > 0 {
		parts = append(parts, fmt.Sprintf("%d models with the same code", equal))
	}
	if reach := r.reach(); reach > 0 {
		parts = append(parts, fmt.Sprintf("a rise of the cost by %.0f %% would have been found", 100*reach))
	}
	return strings.Join(parts, " · ")
}

func (r Report) equal() (n int) {
	for _, s := range r.Skipped {
		if strings.HasSuffix(s, sameCode) {
			n++
		}
	}
	return n
}

// reach is the largest of what the rows of the cost could have found; 0: nothing was timed.
func (r Report) reach() (worst float64) {
	for _, row := range r.Rows {
		if row.Metric == Cost && row.State != Unsteady {
			worst = max(worst, row.Detectable)
		}
	}
	return worst
}

func (row Row) sentence() string {
	where := row.Model
	if row.Load != "" {
		where += " (" + row.Load + ")"
	}
	return fmt.Sprintf("%s: %s %s", where, row.Metric, row.change())
}

// change is what became of the metric, in one phrase.
func (row Row) change() string {
	switch {
	case row.State == Missing || row.Timed() && !row.Ratio.OK():
		return "–"
	case row.Timed():
		return fmt.Sprintf("%+.1f %% [%+.1f, %+.1f]",
			100*(row.Ratio.Value-1), 100*(row.Ratio.Lo-1), 100*(row.Ratio.Hi-1))
	}
	return fmt.Sprintf("%+.3g, from %s to %s", row.Head-row.Base, number(row.Base), number(row.Head))
}

func number(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.4g", v)
}

// cells are the columns of a row, as text.
func (row Row) cells() []string {
	mayBe := "–"
	switch {
	case row.Timed():
		mayBe = fmt.Sprintf("beyond %.0f %%; finds %.0f %%", 100*slowdown, 100*row.Detectable)
	case row.State != Missing:
		mayBe = fmt.Sprintf("+%.3g", row.Limit)
	}
	verdict := string(row.State)
	if row.State == Missing {
		verdict = "SKIPPED"
	}
	if row.Why != "" {
		verdict += ": " + row.Why
	}
	return []string{row.Model, cmp.Or(row.Load, "–"), row.Metric, row.change(), mayBe, verdict}
}

func headings() []string {
	return []string{"model", "load", "metric", "head against base", "limit", "verdict"}
}

// Text writes the report for a terminal.
func (r Report) Text(w io.Writer) error {
	fmt.Fprintf(w, "%s against %s\n", r.Head, r.Base)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Rows) > 0 {
		fmt.Fprintln(tw, strings.ToUpper(strings.Join(headings(), "\t")))
	}
	for _, row := range r.Rows {
		fmt.Fprintln(tw, strings.Join(row.cells(), "\t"))
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	for _, line := range r.Skipped {
		fmt.Fprintf(w, "SKIPPED: %s\n", line)
	}
	for _, line := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", line)
	}
	fmt.Fprintln(w, r.Headline())
	return nil
}

// Marker is the last line of the comment on a pull request, by which the next run finds it, to
// edit it instead of adding another. No reader sees it.
const Marker = "<!-- iomodels gate -->"

// Markdown is the comment on a pull request: the verdict first, then what changed, then, folded,
// the rest and how to repeat it.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n", escapeCell(r.Headline()))
	changed := slices.DeleteFunc(slices.Clone(r.Rows), func(row Row) bool { return row.State == Same || row.State == Missing })
	if len(changed) > 0 {
		b.WriteString("\n" + table(changed))
	}
	if rest := len(r.Rows) - len(changed); rest > 0 {
		fold(&b, fmt.Sprintf("All %d figures", len(r.Rows)), table(r.Rows))
	}
	var about strings.Builder
	fmt.Fprintf(&about, "- %s against %s, both built from source and measured beside each other in %v\n",
		r.Head, r.Base, r.Took.Round(time.Second))
	if r.Machine != "" {
		fmt.Fprintf(&about, "- on %s\n", r.Machine)
	}
	for _, line := range slices.Concat(r.Skipped, r.Warnings) {
		fmt.Fprintf(&about, "- %s\n", escapeCell(line))
	}
	if len(r.Command) > 0 {
		fmt.Fprintf(&about, "- again: `%s --seed %d`\n", strings.Join(r.Command, " "), r.Seed)
	}
	about.WriteString("- a regression is worse beyond the limit twice, in fresh processes; \"no change shown\" is not " +
		"\"no change\"\n- a trade-off is accepted by a line `" + acceptance + " MODEL METRIC reason` in a commit message\n")
	fold(&b, "How it was measured", about.String())
	b.WriteString("\n" + Marker + "\n")
	return b.String()
}

func fold(b *strings.Builder, title, body string) {
	fmt.Fprintf(b, "\n<details><summary>%s</summary>\n\n%s\n</details>\n", title, strings.TrimRight(body, "\n")+"\n")
}

func table(rows []Row) string {
	var b strings.Builder
	head := headings()
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range rows {
		cells := row.cells()
		for i, c := range cells {
			cells[i] = escapeCell(c)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// escapeCell keeps a text in its cell, and free of markup: reasons are what somebody wrote.
func escapeCell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`, "`", "'", "@", "@\u200b").Replace(s)
}

package report

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"

	"iomodels/bench/chart"
	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// section is one generated part of the page.
type section struct {
	name  string // of its marker
	write func(view) string
}

// sections lists the parts of REPORT.md, in its order.
func sections() []section {
	return []section{
		{"verdicts", view.verdicts},
		{"summary", view.summary},
		{"conditions", view.conditions},
		{"cost", view.cost},
		{"duels", view.duels},
		{"throughput", view.throughput},
		{"c10k", view.c10k},
		{"latency", view.latency},
		{"short", view.short},
		{"resources", view.resources},
		{"family", view.familySection},
		{"handlers", view.handlersSection},
		{"guide", view.guideSection},
		{"notions", view.notionsSection},
		{"other", view.other},
		{"models", view.models},
		{"conformance", view.conformance},
		{"limits", view.limits},
		{"trouble", view.trouble},
		{"glossary", view.glossary},
	}
}

// Titled is a table with the words around it; the terminal prints the same ones as the page.
type Titled struct {
	Title string
	Notes []string // below the table, a paragraph each
	Table *table.Table
}

// Markdown writes the table as a subsection.
func (t Titled) Markdown() string {
	var b strings.Builder
	if t.Title != "" {
		fmt.Fprintf(&b, "### %s\n\n", t.Title)
	}
	if !t.Table.Empty() {
		b.WriteString(t.Table.Markdown() + "\n")
	}
	for _, note := range t.Notes {
		fmt.Fprintf(&b, "%s\n\n", note)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Text writes the table for a terminal.
func (t Titled) Text() string {
	if t.Table.Empty() {
		return t.Title + "\n" + strings.Join(append(t.Notes, ""), "\n")
	}
	return t.Title + "\n" + t.Table.Text() + strings.Join(append(t.Notes, ""), "\n")
}

// join writes parts with an empty line between them; empty parts vanish.
func join(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p = strings.Trim(p, "\n"); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "\n\n") + "\n"
}

// notMeasured stands where a section has nothing to show.
func notMeasured(what string) string {
	return fmt.Sprintf("This run did not measure %s.\n", what)
}

// pictures shows the charts of a kind: SVG where it can be shown, PNG elsewhere.
func (v view) pictures(kind string) string {
	var parts []string
	for _, c := range v.charts {
		if c.Kind == kind {
			parts = append(parts, v.picture(c))
		}
	}
	return strings.Join(parts, "\n\n")
}

func (v view) picture(c chart.Chart) string {
	file := html.EscapeString(v.links + "/" + c.Name)
	width, _ := c.Size()
	return fmt.Sprintf("<picture>\n  <source type=\"image/svg+xml\" srcset=\"%s.svg\">\n"+
		"  <img alt=\"%s\" src=\"%s.png\" width=\"%.0f\">\n</picture>",
		file, html.EscapeString(c.Title+". "+c.Alt), file, width)
}

// baselineMark stands for the ratio of the baseline to itself.
const baselineMark = "1 (baseline)"

// none is what an empty cell shows.
const none = "–"

// ratio writes the ratio of a group to the baseline.
func (v view) ratio(g *cells.Group, m cells.Metric) string {
	if g.Cell.Model == v.set.Baseline && len(g.Values(m)) > 0 {
		return baselineMark
	}
	return cells.Ratio.Interval(v.set.Ratio(g, m))
}

// median writes the median of a metric with its interval.
func median(g *cells.Group, m cells.Metric) string { return m.Unit.Interval(g.Median(m)) }

// plain writes the median alone, where the interval would only fill the page.
func plain(g *cells.Group, m cells.Metric) string {
	iv := g.Median(m)
	if !iv.OK() {
		return none
	}
	return m.Unit.Format(iv.Value)
}

// verdict writes the generator's verdict on itself, or why there is nothing to judge.
func verdict(g *cells.Group, h cells.Health) string {
	if absence := g.Absence(); absence != "" {
		return absence
	}
	return h.Verdict
}

// failures writes the failed requests and connects of a group.
func failures(g *cells.Group, h cells.Health) string {
	if len(g.OK) == 0 {
		return none
	}
	text := cells.Classes(h.Requests)
	if len(h.Connects) > 0 {
		text += "; connects: " + cells.Classes(h.Connects)
	}
	return text
}

// blocks writes how many repetitions a group has.
func blocks(g *cells.Group) string { return fmt.Sprint(len(g.OK)) }

// ranked is a table's rows in order, with what may be said about the order.
type ranked struct {
	groups  []*cells.Group          // best first; those without a figure come last, in chart order
	letters map[*cells.Group]string // nil: no verdict
	why     string                  // there is none
}

func inRank(groups []*cells.Group, m cells.Metric) ranked {
	ranking, part := cells.Rank(groups, m)
	out := ranked{why: cells.NoVerdict(part, ranking)}
	if ranking.Letters != nil {
		out.letters = map[*cells.Group]string{}
	}
	for _, i := range ranking.Order {
		out.groups = append(out.groups, part[i])
		if out.letters != nil {
			out.letters[part[i]] = ranking.Letters[i]
		}
	}
	for _, g := range groups {
		if !slices.Contains(part, g) {
			out.groups = append(out.groups, g)
		}
	}
	return out
}

// note explains the letters of a table, or their absence.
func (r ranked) note(m cells.Metric) string {
	if r.letters == nil {
		return fmt.Sprintf("Sorted by %s, which is no ranking (%s).", m.Name, cmp.Or(r.why, "nobody to compare with"))
	}
	return fmt.Sprintf("Models that share a letter were not shown to differ in %s (exact signed-rank test "+
		"inside blocks, Holm over all pairs, and a practical margin).", m.Name)
}

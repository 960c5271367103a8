package advise

import (
	"fmt"
	"strings"

	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// Table writes the rows, best first.
func (a Advice) Table() *table.Table {
	m := a.Quadrant.Metric
	t := table.New("<model", "<verdict", m.Name, "response time p99", "<read from")
	for _, r := range a.Rows {
		p99 := cells.Seconds.Interval(r.P99)
		if m.Name == cells.Response(0.99).Name {
			p99 = "" // it decides, and stands there already
		}
		t.Add(r.Model, a.verdict(r), m.Unit.Interval(r.Figure), p99, strings.Join(r.Sources, " "))
	}
	for _, model := range a.Unknown {
		t.Add(model, "not measured")
	}
	return t.Trim()
}

// verdict says what becomes of a model, in a word or in the words of its vetoes.
func (a Advice) verdict(r Row) string {
	switch {
	case len(r.Vetoes) > 0:
		return "veto: " + strings.Join(r.Vetoes, "; ")
	case r.TooSlow:
		return "p99 beyond the bound"
	case r.Tie:
		return "tie"
	case r.Model == a.Rows[0].Model:
		return "best"
	}
	best := a.Rows[0].Figure.Value
	return fmt.Sprintf("%.2f times the best", r.Figure.Value/best)
}

// Head says in three lines what was asked, what was read, and how near that is.
func (a Advice) Head() []string {
	q := a.Quadrant
	out := []string{fmt.Sprintf("quadrant   %s (%s)", q.Words, q.Name)}
	if a.At == nil {
		return append(out, "measured   nothing of this protocol: `netbench run --profile quadrants` measures it")
	}
	out = append(out,
		fmt.Sprintf("decides    %s, since %s", q.Metric.Name, q.Why),
		"nearest    "+a.At.Name())
	if a.Far {
		out = append(out, "but        that is far from your load: not measured. Below is the nearest there is; "+
			"`netload` and `netbench run` measure yours")
	}
	if len(a.Unheard) > 0 {
		out = append(out, "handlers   not measured whether others wait while a handler blocks: "+
			strings.Join(a.Unheard, ", ")+" (`netbench run --profile handlers`)")
	}
	return out
}

// Short says in one sentence who is best, for a page.
func (a Advice) Short() string {
	if len(a.Rows) == 0 || !a.Rows[0].Fit() {
		return "none fits"
	}
	names := []string{"`" + a.Rows[0].Model + "`"}
	for _, r := range a.Rows[1:] {
		if r.Tie {
			names = append(names, "`"+r.Model+"`")
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return "tie of " + strings.Join(names, ", ")
}

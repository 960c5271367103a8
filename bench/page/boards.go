package page

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"iomodels/bench/chart"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// board compares all models at one place of the matrix by one metric: a table in which every row
// is drawn, too. Places along the drawing are percent of its width, so that it fits any screen.
type board struct {
	Title   string
	Metric  string
	Lede    string // the verdict in a sentence
	Head    string // of the column that is drawn
	Ratio   string // head of the column of ratios; "": there is none
	Ticks   []boardTick
	One     string // the baseline's place
	Rows    []boardRow
	Tiered  bool
	Twin    *twin
	Notes   []string
	BarKeys bool // bars have two parts
}

// boardTick is a label of the axis.
type boardTick struct {
	At, Text string
	Spare    bool // left out where the screen is narrow
}

// boardRow is a model.
type boardRow struct {
	Model        model
	Tier         string
	Letters      string
	At, Lo, Hi   string // places in percent
	Width        string // of the whisker, or of the bar
	Part         string // width of the first part of the bar
	Value, Ratio string
	Baseline     bool
	Hollow       bool
	Remark       string
	NewTier      bool // the first row of a tier
}

// twin is what two runs of the same server differ by in this campaign.
type twin struct{ Lo, Width, Text string }

// forest is a board of ratios to the baseline, with tiers where there are blocks for a verdict.
func (r *reporter) forest(title string, groups []*cells.Group, m cells.Metric) (board, bool) {
	ranking, part := cells.Rank(groups, m)
	b := board{
		Title: title, Metric: m.Name, Ratio: "ratio to " + r.set.Baseline, Tiered: ranking.Tiers != nil,
		Head: fmt.Sprintf("ratio to %s, log scale (%s)", r.set.Baseline, m.Better()),
	}
	ratios := map[*cells.Group]stats.Interval{}
	lo, hi := 0.9, 1.1
	for _, g := range part {
		iv := r.set.Ratio(g, m)
		if g.Cell.Model == r.set.Baseline {
			iv = stats.Interval{Value: 1, Lo: 1, Hi: 1, N: 1}
		}
		if iv.OK() && finite(iv) && iv.Lo > 0 {
			ratios[g] = iv
			lo, hi = min(lo, iv.Lo), max(hi, iv.Hi)
		}
	}
	if len(ratios) < 2 {
		return board{}, false
	}
	twins := cells.Floor(groups, m)
	banded := twins.OK() && finite(twins) && twins.Lo > 0
	if banded {
		lo, hi = min(lo, twins.Lo), max(hi, twins.Hi)
	}
	place := b.logAxis(lo, hi)
	if banded {
		left, right := place(twins.Lo), place(twins.Hi)
		b.Twin = &twin{percent(left), percent(right - left), cells.Ratio.Interval(twins)}
	}
	before := 0
	for _, i := range ranking.Order {
		g := part[i]
		iv, ok := ratios[g]
		if !ok {
			continue
		}
		row := r.row(g, m)
		row.At, row.Lo, row.Hi = percent(place(iv.Value)), percent(place(iv.Lo)), percent(place(iv.Hi))
		row.Ratio = cells.Ratio.Interval(iv)
		if row.Baseline = g.Cell.Model == r.set.Baseline; row.Baseline {
			row.Ratio = "1 (baseline)"
		}
		if b.Tiered {
			row.Tier, row.Letters = fmt.Sprint(ranking.Tiers[i]), ranking.Letters[i]
			row.NewTier = ranking.Tiers[i] != before
			before = ranking.Tiers[i]
		}
		b.Rows = append(b.Rows, row)
	}
	b.Lede = verdictOf(ranking, part, m)
	b.Notes = append(b.Notes, missing(groups, part)...)
	return b, true
}

// logAxis gives the board a logarithmic axis around 1, and returns where a ratio stands on it.
func (b *board) logAxis(lo, hi float64) func(float64) float64 {
	margin := math.Pow(hi/lo, 0.03)
	lo, hi = lo/margin, hi*margin
	place := func(v float64) float64 { return 100 * math.Log(v/lo) / math.Log(hi/lo) }
	b.ticks(chart.RatioTicks(lo, hi), place, 1)
	b.One = percent(place(1))
	return place
}

// ticks labels the axis. On a narrow screen only those labels stay that are far enough from the one
// for kept, which always stays, and from each other.
func (b *board) ticks(all []chart.Tick, place func(float64) float64, kept float64) {
	const apart = 30 // percent of the width
	stay := []float64{place(kept)}
	for _, t := range all {
		at := place(t.At)
		crowded := slices.ContainsFunc(stay, func(other float64) bool { return math.Abs(at-other) < apart })
		if !crowded {
			stay = append(stay, at)
		}
		b.Ticks = append(b.Ticks, boardTick{percent(at), t.Text, crowded && t.At != kept})
	}
}

// row is what every board says of a group.
func (r *reporter) row(g *cells.Group, m cells.Metric) boardRow {
	h := g.Health()
	row := boardRow{Model: r.model(g.Cell.Model), Value: m.Unit.Interval(g.Median(m)), Hollow: !h.Sound()}
	switch {
	case !h.Sound():
		row.Remark = h.Remark()
	case m.Timed && len(h.Suspect) > 0:
		row.Remark = "suspect: " + strings.Join(h.Suspect, "; ")
	}
	return row
}

// verdictOf says who leads, in a sentence; or that nothing can be said, and why.
func verdictOf(ranking stats.Ranking, part []*cells.Group, m cells.Metric) string {
	if why := cells.NoVerdict(part, ranking); why != "" {
		return capital(why) + ". The order is that of the estimates, and no ranking."
	}
	tiers := map[int][]string{}
	last := 0
	for _, i := range ranking.Order {
		tiers[ranking.Tiers[i]] = append(tiers[ranking.Tiers[i]], part[i].Cell.Model)
		last = max(last, ranking.Tiers[i])
	}
	if last == 1 {
		return "No difference shown between any of them."
	}
	lead := tiers[1]
	if len(lead) == 1 {
		return fmt.Sprintf("%s leads in %s; %d tiers.", lead[0], m.Name, last)
	}
	return fmt.Sprintf("%s lead in %s, with no difference shown between them; %d tiers.", list(lead), m.Name, last)
}

// missing lists who has no figure, and why.
func missing(groups, part []*cells.Group) []string {
	var out []string
	for _, g := range groups {
		if !slices.Contains(part, g) {
			out = append(out, g.Cell.Model+": "+g.Absence())
		}
	}
	return out
}

// bars is a board of absolute figures, smallest first. first, if any, is a part of the metric that
// is drawn dark.
func (r *reporter) bars(title string, groups []*cells.Group, m cells.Metric, first *cells.Metric) (board, bool) {
	b := board{
		Title: title, Metric: m.Name, Head: fmt.Sprintf("%s (%s)", m.Name, m.Better()), BarKeys: first != nil,
	}
	var part []*cells.Group
	top := 0.0
	for _, g := range groups {
		if iv := g.Median(m); iv.OK() {
			part = append(part, g)
			top = max(top, iv.Hi, iv.Value)
		}
	}
	if len(part) == 0 || top <= 0 {
		return board{}, false
	}
	slices.SortStableFunc(part, func(a, b *cells.Group) int {
		return compare(a.Median(m).Value, b.Median(m).Value)
	})
	top *= 1.04
	place := func(v float64) float64 { return 100 * max(v, 0) / top }
	b.ticks(chart.LinearTicks(m.Unit, 4, 0, top), place, 0)
	for _, g := range part {
		iv, row := g.Median(m), r.row(g, m)
		row.Width = percent(place(iv.Value))
		row.Lo, row.Hi = percent(place(iv.Lo)), percent(place(iv.Hi))
		if first != nil {
			row.Part = percent(place(min(g.Median(*first).Value, iv.Value)))
		}
		b.Rows = append(b.Rows, row)
	}
	for _, note := range missing(groups, part) {
		if strings.HasSuffix(note, ": ") { // measured, without this figure
			note += m.Absent
		}
		b.Notes = append(b.Notes, note)
	}
	return b, true
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// percent writes a place along a drawing.
func percent(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "%" }

// list writes names as a sentence does: "a, b and c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

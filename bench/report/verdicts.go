package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"iomodels/bench/chart"
	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// verdicts leads the page: who differs, on the workloads that were measured until it could be
// said, with the pictures of the ratios.
func (v view) verdicts() string {
	parts := []string{}
	for _, t := range Verdicts(v.set) {
		parts = append(parts, t.Markdown())
	}
	if len(parts) == 0 {
		return notMeasured("headlines, on which servers take turns: only they get verdicts")
	}
	return join(append(parts, v.pictures(chart.CostRatio), v.pictures(chart.SpeedRatio))...)
}

// Verdicts are the tiers of each headline of a run; terminals print the same ones.
func Verdicts(set *cells.Set) []Titled {
	v := view{set: set}
	var out []Titled
	for _, c := range set.Campaigns() {
		out = append(out, v.verdict(c))
	}
	return out
}

// verdict is the table of one headline, best first. Ratios come first: absolute figures belong to
// the machine that they are labelled with.
func (v view) verdict(c cells.Campaign) Titled {
	first, others := c.Metric, []cells.Metric{cells.TotalCPU(), cells.Throughput(), cells.Response(0.99)}
	if c.Metric.Name == cells.Throughput().Name {
		others = []cells.Metric{cells.Response(0.99), cells.ServerCPU()}
	}
	columns := []string{"tier", "<model", "<letters", first.Name + " vs " + v.set.Baseline}
	for _, m := range others {
		columns = append(columns, m.Name+" vs "+v.set.Baseline)
	}
	t := table.New(append(columns, first.Name+" here", "blocks", "errors", "<generator")...)
	for _, i := range c.Ranking.Order {
		g, h := c.Groups[i], c.Groups[i].Health()
		row := []string{"", g.Cell.Model, "", v.ratio(g, first)}
		if c.Ranking.Letters != nil {
			row[0], row[2] = fmt.Sprint(c.Ranking.Tiers[i]), c.Ranking.Letters[i]
		}
		for _, m := range others {
			row = append(row, v.ratio(g, m))
		}
		t.Add(append(row, median(g, first), blocks(g), failures(g, h), verdict(g, h))...)
	}
	return Titled{Title: cells.Place(c.Cell), Table: t.Trim(none), Notes: v.verdictNotes(c)}
}

func (v view) verdictNotes(c cells.Campaign) []string {
	notes := []string{v.tiers(c), v.noise(c)}
	if len(c.Unsteady) > 0 {
		var who []string
		for _, model := range slices.Sorted(maps.Keys(c.Unsteady)) {
			who = append(who, fmt.Sprintf("%s %s", model, cells.Ratio.Interval(c.Unsteady[model])))
		}
		notes = append(notes, "The first turn of a server cost more or less than its last, which the warm-up, the same "+
			"for all, should have evened out: "+strings.Join(who, ", ")+".")
	}
	return notes
}

// tiers says the verdict in a sentence.
func (v view) tiers(c cells.Campaign) string {
	if why := cells.NoVerdict(c.Groups, c.Ranking); why != "" {
		return sentence(why) + ". Ratios stand, with their intervals; the order is no ranking."
	}
	var parts []string
	for _, tier := range c.Tiers() {
		var names []string
		for _, g := range tier {
			names = append(names, g.Cell.Model)
		}
		parts = append(parts, strings.Join(names, ", "))
	}
	text := "No difference shown: " + strings.Join(parts, "")
	if len(parts) > 1 {
		text = "Tiers, best first: " + strings.Join(parts, " | ")
	}
	return text + fmt.Sprintf(". Within a tier no difference to its best is shown; models that share a letter were not "+
		"shown to differ (judged by %s, %s: exact signed-rank test inside blocks, Holm over all pairs at 5 %%, and at "+
		"least %.1f %% apart).", c.Metric.Name, c.Metric.Better(), 100*c.Margin())
}

// noise says how far nothing strayed from 1, and what did not count.
func (v view) noise(c cells.Campaign) string {
	text := "Noise floor: no second server of " + v.set.Baseline + " was measured beside the first"
	if c.Floor.OK() {
		text = fmt.Sprintf("Noise floor (A/A): a second server of %s against the first is %s", v.set.Baseline, floorText(c))
	}
	text += fmt.Sprintf(". %d blocks count; %d were dropped for all", c.Blocks, c.Dropped)
	if c.Unfit {
		text += ", but are in the ratios: there is nothing better"
	}
	if c.Dropped > 0 {
		var causes []string
		for _, cause := range slices.Sorted(maps.Keys(c.Causes)) {
			causes = append(causes, fmt.Sprintf("%s (%d)", cause, c.Causes[cause]))
		}
		text += " (" + strings.Join(causes, "; ") + ")"
	}
	text += fmt.Sprintf(", and %d slices were repeated, judged by the machine's counters alone.", c.Repeated)
	if with := v.set.WithDropped(c); with != "" {
		text += " " + with
	}
	return text
}

// floorText writes the A/A ratio to the thousandth: it is the finest figure there is.
func floorText(c cells.Campaign) string {
	text := ratio(c.Floor)
	if c.Floor.Bounded() && !c.Floor.Contains(1) {
		text += ", which does not hold 1: the method has erred here, and nothing closer to 1 than it is called different"
	}
	return text
}

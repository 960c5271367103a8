package report

import (
	"fmt"
	"slices"

	"iomodels/bench/advise"
	"iomodels/bench/record"
	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// guideSection is the decision guide: what the advice is at the presets of the four quadrants.
func (v view) guideSection() string {
	t := v.quadrants
	if t.run == nil {
		return t.absent(quadrantsProfile)
	}
	summary := table.New("<quadrant", "<what decides", "<best, and who ties with it")
	parts := []string{""}
	for _, q := range advise.Quadrants() {
		advice, load, ok := v.advice(q)
		if !ok {
			summary.Add(q.Words, q.Metric.Name+": "+q.Why, "not measured")
			continue
		}
		summary.Add(q.Words, q.Metric.Name+": "+q.Why, advice.Short())
		parts = append(parts, Titled{
			Title: sentence(q.Words), Table: advice.Table(),
			Notes: []string{fmt.Sprintf("%s. Tie: its interval overlaps that of the best. %s.", sentence(load.Name()),
				sentence(cells.BlocksNote(t.set.Workload(q.Name))))},
		}.Markdown())
	}
	parts[0] = summary.Markdown()
	return join(append(parts, v.origin(t), t.trouble())...)
}

// advice asks for the load that the preset of a quadrant measured.
func (v view) advice(q advise.Quadrant) (advise.Advice, advise.Condition, bool) {
	groups := v.quadrants.set.Workload(q.Name)
	at := slices.IndexFunc(groups, func(g *cells.Group) bool { return len(g.OK) > 0 })
	if at < 0 {
		return advise.Advice{}, advise.Condition{}, false
	}
	c := groups[at].Cell
	advice, err := advise.Ask(advise.Question{
		Proto: c.Proto, Conns: c.Conns + c.Idle, Active: c.Conns, Rate: c.Rate, Pipeline: c.Pipeline,
	}, []*record.Run{v.quadrants.run})
	if err != nil || advice.At == nil {
		return advise.Advice{}, advise.Condition{}, false
	}
	return advice, *advice.At, true
}

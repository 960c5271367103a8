package report

import (
	"fmt"

	"iomodels/bench/chart"
	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// Marks behind a figure of the ladder.
const (
	notSustained = "†"
	withCare     = "‡"
)

// latency is the open loop: charts, and a table per percentile with the loads as columns.
func (v view) latency() string {
	parts := []string{v.pictures(chart.LatencyLoad), v.pictures(chart.Percentiles)}
	for _, proto := range v.set.Protos() {
		for _, sc := range v.set.Scenarios(cells.Open, proto, "") {
			groups := v.set.In(sc)
			for _, n := range cells.ConnsOf(groups) {
				for _, q := range []float64{0.5, 0.99, 0.999} {
					if t := v.ladder(cells.AtConns(groups, n), q); !t.Table.Empty() {
						parts = append(parts, t.Markdown())
					}
				}
			}
		}
	}
	if len(parts) == 2 {
		return notMeasured("an open loop")
	}
	return join(append(parts, ladderNote())...)
}

// ladder is a percentile of the response time of each model at each offered load.
func (v view) ladder(groups []*cells.Group, q float64) Titled {
	m := cells.Response(q)
	rates := cells.RatesOf(groups)
	columns := []string{"<model"}
	for _, rate := range rates {
		columns = append(columns, cells.Rate.Tick(rate)+" req/s")
	}
	t := table.New(columns...)
	for _, model := range v.set.Models {
		row, any := []string{model}, false
		for _, rate := range rates {
			cell := none
			for _, g := range cells.AtRate(cells.OfModel(groups, model), rate) {
				cell, any = marked(g, m), true
			}
			row = append(row, cell)
		}
		if any {
			t.Add(row...)
		}
	}
	trimmed := t.Trim(none)
	if len(trimmed.Columns) == 1 {
		trimmed = &table.Table{} // no load gave samples enough for this percentile
	}
	return Titled{
		Title: fmt.Sprintf("%s response time, %s, %s connections", m.Name, cells.ScenarioOf(groups[0].Cell),
			cells.Count.Tick(float64(groups[0].Cell.Conns))),
		Table: trimmed,
		Notes: []string{sentence(cells.BlocksNote(groups)) + "."},
	}
}

// ladderNote explains the tables of the ladder, once for all.
func ladderNote() string {
	return fmt.Sprintf("In these tables: median over blocks [interval], from the intended send. %s: less "+
		"than 99 %% of the offered load was served in some block, so this is a queue that grows. %s: "+
		"read with care, the reason is under \"What went wrong\". %s: too few samples beyond the "+
		"percentile, or not measured.",
		notSustained, withCare, none)
}

// marked writes a figure of the ladder with its marks.
func marked(g *cells.Group, m cells.Metric) string {
	text := median(g, m)
	if len(g.OK) == 0 || text == none {
		return text
	}
	if !g.Sustained() {
		text += " " + notSustained
	}
	if h := g.Health(); !h.Sound() || len(h.Suspect) > 0 {
		text += " " + withCare
	}
	return text
}

// short tabulates short connections: the price of accept and close.
func (v view) short() string {
	var parts []string
	for _, proto := range v.set.Protos() {
		for _, sc := range v.set.Scenarios(cells.Short, proto, "") {
			for _, at := range byPlace(v.set.In(sc)) {
				parts = append(parts, v.shortTable(at).Markdown())
			}
		}
	}
	if len(parts) == 0 {
		return notMeasured("short connections")
	}
	return join(parts...)
}

func (v view) shortTable(groups []*cells.Group) Titled {
	m := cells.Throughput()
	t := table.New("<model", "<letter", m.Name, "vs "+v.set.Baseline, "connect p50", "connect p99",
		"p50", "p99", "CPU/req", "syscalls/req", "blocks", "errors", "<generator")
	order := inRank(groups, m)
	for _, g := range order.groups {
		h := g.Health()
		t.Add(g.Cell.Model, order.letters[g], median(g, m), v.ratio(g, m), plain(g, cells.Connect(0.5)),
			plain(g, cells.Connect(0.99)), median(g, cells.Response(0.5)), median(g, cells.Response(0.99)),
			median(g, cells.ServerCPU()), plain(g, cells.Syscalls()), blocks(g), failures(g, h), verdict(g, h))
	}
	return Titled{
		Title: cells.Place(groups[0].Cell) + perConnection(groups),
		Table: t.Trim(none),
		Notes: []string{fmt.Sprintf("Median over blocks [interval]. %s. %s",
			sentence(cells.BlocksNote(groups)),
			order.note(m))},
	}
}

// perConnection says how many requests each connection carried.
func perConnection(groups []*cells.Group) string {
	for _, g := range groups {
		for _, r := range g.OK {
			if n := r.Load.Plan.RequestsPerConn; n > 0 {
				return fmt.Sprintf(", requests per connection: %d", n)
			}
		}
	}
	return ""
}

package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"iomodels/bench/chart"
	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// answersWithin is the time below which a quick request counts as not having waited for a
// handler that blocks on another connection.
const answersWithin = 5 * time.Millisecond

// handlersSection shows what handlers that block or compute do to each model.
func (v view) handlersSection() string {
	t := v.handlers
	if t.run == nil {
		return t.absent(handlersProfile)
	}
	parts := []string{"### Who waits while a handler blocks\n\n" + stallTable(t.set)}
	for _, part := range []struct {
		kind, workload string
		table          func(*cells.Set, []*cells.Group) Titled
	}{
		{chart.Blocking, cells.Blocking, blockingTable},
		{chart.Idlers, cells.Idlers, idlersTable},
		{chart.HandlerTime, cells.Handler, handlerTable},
	} {
		parts = append(parts, v.pictures(part.kind))
		if groups := t.set.Workload(part.workload); len(groups) > 0 {
			parts = append(parts, part.table(t.set, groups).Markdown())
		}
	}
	return join(append(parts, v.origin(t), t.trouble())...)
}

// stallTable says of every model whether a quick request on one connection waits for a handler
// that blocks on another.
func stallTable(set *cells.Set) string {
	groups := set.Workload(cells.Stall)
	if len(groups) == 0 {
		return notMeasured("a quick request beside one that blocks")
	}
	t := table.New("<model", "typical quick answer", "slowest", "quick answers", "<others wait", "blocks", "errors")
	for _, g := range groups {
		t.Add(g.Cell.Model, median(g, cells.Typical()), plain(g, cells.Slowest()), plain(g, cells.Throughput()),
			othersWait(g), blocks(g), failures(g, g.Health()))
	}
	return Titled{
		Table: t.Trim(none),
		Notes: []string{fmt.Sprintf("One connection asks for GET %s all the time; another asks for GET / in a closed "+
			"loop, and is measured. Typical is the median of its response times, slowest the longest of them, quick "+
			"answers how many came per second. Others wait: the typical answer took %s or more. The server has one "+
			"CPU, so a model with a loop per CPU has one loop; names with +offload run their handlers on a pool of "+
			"workers. %s.",
			groups[0].Cell.Beside, cells.Seconds.Tick(answersWithin.Seconds()), sentence(cells.BlocksNote(groups)))},
	}.Markdown()
}

// othersWait says whether quick requests wait for a handler that blocks on another connection.
func othersWait(g *cells.Group) string {
	blocks, _ := cells.HandlerTime(g.Cell.Beside)
	switch typical := g.Median(cells.Typical()); {
	case !typical.OK():
		return none
	case typical.Value >= blocks.Seconds()/2:
		return "yes, for the whole handler"
	case typical.Value >= answersWithin.Seconds():
		return "partly"
	}
	return "no"
}

func blockingTable(_ *cells.Set, groups []*cells.Group) Titled {
	m := cells.QuickResponse(0.99)
	t := table.New("<model", "quick p50", "quick p90", "quick p99", "p99 of all", "CPU/req", "threads", "blocks",
		"errors", "<generator")
	order := inRank(groups, m)
	for _, g := range order.groups {
		h := g.Health()
		t.Add(g.Cell.Model, median(g, cells.QuickResponse(0.5)), median(g, cells.QuickResponse(0.9)), median(g, m),
			median(g, cells.Response(0.99)), plain(g, cells.ServerCPU()), plain(g, cells.Threads()), blocks(g),
			failures(g, h), verdict(g, h))
	}
	return Titled{
		Title: "Quick requests among few that block: " + cells.Place(groups[0].Cell),
		Table: t.Trim(none),
		Notes: []string{fmt.Sprintf("Median over blocks [interval], from the intended send; sorted by quick p99. "+
			"Quick: requests whose handler does not block. %s.", sentence(cells.BlocksNote(groups)))},
	}
}

func idlersTable(set *cells.Set, groups []*cells.Group) Titled {
	var places []place
	for _, n := range slices.Backward(cells.ConnsOf(groups)) {
		at := cells.AtConns(groups, n)
		places = append(places, place{
			fmt.Sprintf("%s : %s", cells.Count.Tick(float64(n)), cells.Count.Tick(float64(at[0].Cell.Idle))), at,
		})
	}
	t := grid(set, places, cells.ServerCPU(), cells.Response(0.99))
	return Titled{
		Title: fmt.Sprintf("Active : idle connections, %s req/s offered in all cells", cells.Rate.Tick(groups[0].Cell.Rate)),
		Table: t,
		Notes: []string{fmt.Sprintf("CPU/req, then p99 response time; median over blocks. %s.",
			sentence(cells.BlocksNote(groups)))},
	}
}

func handlerTable(set *cells.Set, groups []*cells.Group) Titled {
	var places []place
	for _, path := range cells.PathsOf(groups) {
		d, _ := cells.HandlerTime(path)
		places = append(places, place{cells.Seconds.Tick(d.Seconds()), cells.AtPath(groups, path)})
	}
	t := grid(set, places, cells.Response(0.5), cells.ServerCPU())
	return Titled{
		Title: fmt.Sprintf("Handlers that compute, %s req/s offered in all cells", cells.Rate.Tick(groups[0].Cell.Rate)),
		Table: t,
		Notes: []string{fmt.Sprintf("p50 response time, then CPU/req, by the time the handler computes; median over "+
			"blocks. %s.", sentence(cells.BlocksNote(groups)))},
	}
}

// place is a column of a grid: groups that differ by model only.
type place struct {
	name   string
	groups []*cells.Group
}

// grid is a table of models against places, with two figures in each cell.
func grid(set *cells.Set, places []place, first, second cells.Metric) *table.Table {
	columns := []string{"<model"}
	for _, p := range places {
		columns = append(columns, p.name)
	}
	t := table.New(columns...)
	for _, model := range set.Models {
		row := []string{model}
		for _, p := range places {
			text := none
			for _, g := range cells.OfModel(p.groups, model) {
				text = plain(g, first) + ", " + plain(g, second)
				if h := g.Health(); len(g.OK) > 0 && !h.Sound() {
					text += " " + withCare
				}
			}
			row = append(row, text)
		}
		if strings.Trim(strings.Join(row[1:], ""), none) != "" {
			t.Add(row...)
		}
	}
	return t
}

package report

import (
	"fmt"

	"iomodels/bench/chart"
	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// throughput is the closed loop: the charts and a board per number of connections.
func (v view) throughput() string {
	parts := []string{v.pictures(chart.Throughput)}
	for _, proto := range v.set.Protos() {
		if sc, ok := v.set.Headline(cells.Closed, proto, cells.Split); ok {
			parts = append(parts, v.boards(sc)...)
		}
	}
	if len(parts) == 1 {
		return notMeasured("a closed loop on separate CPUs")
	}
	return join(parts...)
}

// boards writes a board per number of connections and offered load of a scenario.
func (v view) boards(sc cells.Scenario) []string {
	var out []string
	groups := v.set.In(sc)
	for _, n := range cells.ConnsOf(groups) {
		at := cells.AtConns(groups, n)
		for _, rate := range cells.RatesOf(at) {
			out = append(out, v.board(cells.AtRate(at, rate)).Markdown())
		}
	}
	return out
}

// board is the table of all models at one place of the matrix: speed, cost and soundness.
func (v view) board(groups []*cells.Group) Titled {
	m := cells.Throughput()
	t := table.New("<model", "<letter", m.Name, "vs "+v.set.Baseline, "p50", "p99", "CPU/req", "user + sys",
		"syscalls/req", "B/conn", "threads", "blocks", "errors", "<generator")
	order := inRank(groups, m)
	for _, g := range order.groups {
		h := g.Health()
		t.Add(g.Cell.Model, order.letters[g], median(g, m), v.ratio(g, m),
			median(g, cells.Response(0.5)), median(g, cells.Response(0.99)),
			median(g, cells.ServerCPU()), userAndSystem(g), plain(g, cells.Syscalls()),
			plain(g, cells.UserMemory()), plain(g, cells.Threads()), blocks(g), failures(g, h), verdict(g, h))
	}
	return Titled{
		Title: cells.Place(groups[0].Cell),
		Table: t.Trim(none),
		Notes: []string{
			fmt.Sprintf("Median over blocks [interval]. %s. %s", sentence(cells.BlocksNote(groups)),
				order.note(m)),
		},
	}
}

// sentence makes the first letter a capital, if it is one.
func sentence(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// userAndSystem writes the two parts of the CPU time per request.
func userAndSystem(g *cells.Group) string {
	user, system := g.Median(cells.ServerUser()), g.Median(cells.ServerSystem())
	if !user.OK() || !system.OK() {
		return none
	}
	return cells.Seconds.Format(user.Value) + " + " + cells.Seconds.Format(system.Value)
}

// tenThousand is the number of connections that gave the C10K problem its name.
const tenThousand = 10000

// c10k says for every model whether it held ten thousand connections, and at which price.
func (v view) c10k() string {
	parts := []string{v.pictures(chart.Ramp)}
	for _, proto := range v.set.Protos() {
		for _, sc := range v.set.AllScenarios(proto) {
			for _, at := range byPlace(v.set.In(sc)) {
				if at[0].Cell.Conns+at[0].Cell.Idle >= tenThousand {
					parts = append(parts, v.c10kTable(at).Markdown())
				}
			}
		}
	}
	if len(parts) == 1 {
		return notMeasured("ten thousand connections")
	}
	return join(parts...)
}

// byPlace cuts groups, in their order, into those that differ by model only.
func byPlace(groups []*cells.Group) [][]*cells.Group {
	var out [][]*cells.Group
	for _, n := range cells.ConnsOf(groups) {
		at := cells.AtConns(groups, n)
		for _, rate := range cells.RatesOf(at) {
			out = append(out, cells.AtRate(at, rate))
		}
	}
	return out
}

func (v view) c10kTable(groups []*cells.Group) Titled {
	t := table.New("<model", "held", "<zero errors", "failed connects", "failed requests", "closed by server",
		"connect p99", "req/s", "p50", "p99", "B/conn", "kernel B/conn", "threads", "blocks", "<generator")
	for _, g := range groups {
		h := g.Health()
		row := []string{g.Cell.Model, none, none, none, none, none}
		if len(g.OK) > 0 {
			row = []string{
				g.Cell.Model, fmt.Sprint(h.Peak), zeroErrors(h), cells.Classes(h.Connects),
				cells.Classes(h.Requests), fmt.Sprint(h.ClosedByPeer),
			}
		}
		t.Add(append(row, plain(g, cells.Connect(0.99)), median(g, cells.Throughput()),
			median(g, cells.Response(0.5)), median(g, cells.Response(0.99)),
			median(g, cells.UserMemory()), plain(g, cells.KernelMemory()), plain(g, cells.Threads()),
			blocks(g), verdict(g, h))...)
	}
	return Titled{
		Title: cells.Place(groups[0].Cell),
		Table: t.Trim(none),
		Notes: []string{fmt.Sprintf("Held: connections open at the same time, the fewest over the "+
			"blocks. Errors are added up over the blocks. %s.", sentence(cells.BlocksNote(groups)))},
	}
}

// zeroErrors answers the question of the C10K row.
func zeroErrors(h cells.Health) string {
	if h.Failures() == 0 && h.ClosedByPeer == 0 && h.Peak >= h.Target {
		return "yes"
	}
	return "no"
}

// other tabulates whatever has no section of its own.
func (v view) other() string {
	var parts []string
	for _, proto := range v.set.Protos() {
		for _, sc := range v.set.AllScenarios(proto) {
			if !v.hasSection(sc) {
				parts = append(parts, v.boards(sc)...)
			}
		}
	}
	if len(parts) == 0 {
		return "There were none in this run.\n"
	}
	return join(parts...)
}

// hasSection reports whether a scenario is shown in full elsewhere on the page.
func (v view) hasSection(sc cells.Scenario) bool {
	switch {
	case sc.Topology == cells.Shared && sc.Workload == cells.Closed, sc.Workload == cells.Open,
		sc.Workload == cells.Short:
		return true
	case sc.Workload == cells.Closed:
		headline, ok := v.set.Headline(cells.Closed, sc.Proto, cells.Split)
		return ok && headline == sc
	}
	return false
}

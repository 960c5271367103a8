package report

import (
	"fmt"

	"iomodels/bench/chart"
	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// cost is the sharpest comparison: server and generator on the same CPU, ratio of their cost.
func (v view) cost() string {
	parts := []string{v.pictures(chart.CostRatio)}
	for _, proto := range v.set.Protos() {
		for _, sc := range v.set.Scenarios(cells.Closed, proto, cells.Shared) {
			for _, at := range byPlace(v.set.In(sc)) {
				parts = append(parts, v.costTable(at).Markdown())
			}
		}
	}
	if len(parts) == 1 {
		return notMeasured("server and generator on the same CPU")
	}
	return join(parts...)
}

func (v view) costTable(groups []*cells.Group) Titled {
	m := cells.Norm()
	t := table.New("<model", "<letter", "norm vs "+v.set.Baseline, "norm", "total CPU vs "+v.set.Baseline,
		"server CPU/req", "generator CPU/req", "blocks", "errors", "<generator")
	order := inRank(groups, m)
	for _, g := range order.groups {
		h := g.Health()
		t.Add(g.Cell.Model, order.letters[g], v.ratio(g, m), median(g, m), v.ratio(g, cells.TotalCPU()),
			median(g, cells.ServerCPU()), median(g, cells.GeneratorCPU()), blocks(g), failures(g, h),
			verdict(g, h))
	}
	return Titled{
		Title: cells.Place(groups[0].Cell),
		Table: t.Trim(none),
		Notes: []string{fmt.Sprintf("Below 1 is cheaper than %s. Ratios are taken inside each block. %s. %s",
			v.set.Baseline, sentence(cells.BlocksNote(groups)), order.note(m))},
	}
}

// resources shows what a request and a connection cost; the figures of requests stand in the
// boards, those of memory here.
func (v view) resources() string {
	parts := []string{v.pictures(chart.CPU), v.pictures(chart.Syscalls), v.pictures(chart.Memory)}
	for _, proto := range v.set.Protos() {
		if _, groups := v.set.MostHeld(proto, cells.UserMemory()); len(groups) > 0 {
			parts = append(parts, memoryTable(groups).Markdown())
		}
	}
	text := join(parts...)
	if text == "\n" {
		return notMeasured("CPU time, system calls or memory")
	}
	return text
}

// memoryTable tells the memory of a connection from what connections share, and the process's
// from the kernel's.
func memoryTable(groups []*cells.Group) Titled {
	user := cells.UserMemory()
	t := table.New("<model", "user memory per idle connection", "kernel, both ends", "of it stacks and page tables",
		"user memory before the first connection", "user memory that load adds", "threads", "blocks")
	for _, g := range inRank(groups, user).groups {
		t.Add(g.Cell.Model, median(g, user), median(g, cells.KernelMemory()), plain(g, cells.StackMemory()),
			plain(g, cells.BaseMemory()), plain(g, cells.LoadMemory()), plain(g, cells.Threads()), blocks(g))
	}
	return Titled{
		Title: fmt.Sprintf("Memory with %s: %s", cells.Connections(groups[0].Held()), cells.ProtoName(groups[0].Cell.Proto)),
		Table: t.Trim(none),
		Notes: []string{"Median over blocks [interval], least user memory first. Kernel memory is the machine's, so " +
			"the generator's end of every connection is in it: about half of what is no stack. What connections " +
			"share (a pool of buffers, the read buffer of a loop) is in the last two columns of bytes, which are " +
			"totals and not per connection: set up at the start, or touched first under load."},
	}
}

// Summary is the answer in one table: every model against the baseline, in what people ask
// first. Terminals print it at the end of a run.
func Summary(set *cells.Set) Titled { return view{set: set}.summaryTable(true) }

func (v view) summary() string {
	t := v.summaryTable(true)
	if t.Table.Empty() {
		return notMeasured("anything")
	}
	return t.Markdown()
}

// question is a column of the summary: one figure at one place of the matrix.
type question struct {
	column string
	groups []*cells.Group
	answer func(*cells.Group) string
	detail bool // not on the README
}

func (v view) summaryTable(detail bool) Titled {
	var asked []question
	for _, proto := range v.set.Protos() {
		for _, q := range v.questions(proto) {
			if detail || !q.detail {
				asked = append(asked, q)
			}
		}
	}
	columns := []string{"<model"}
	for _, q := range asked {
		columns = append(columns, q.column)
	}
	t := table.New(columns...)
	var all []*cells.Group
	for _, model := range v.set.Models {
		row := []string{model}
		for _, q := range asked {
			cell := none
			for _, g := range cells.OfModel(q.groups, model) {
				cell = q.answer(g)
			}
			row = append(row, cell)
		}
		t.Add(row...)
	}
	for _, q := range asked {
		all = append(all, q.groups...)
	}
	return Titled{
		Title: "",
		Table: t.Trim(none),
		Notes: []string{
			fmt.Sprintf("Ratios are to %s in the same block, with their interval; one that holds 1 shows "+
				"no difference. A letter is a tier: models that share one were not shown to differ. %s: "+
				"read with care, or not sustained (%s); the reasons are under \"What went wrong\". %s.",
				v.set.Baseline, withCare, notSustained, sentence(cells.BlocksNote(all))),
		},
	}
}

// questions are the columns of a protocol.
func (v view) questions(proto string) []question {
	var out []question
	name := cells.ProtoName(proto)
	if sc, ok := v.set.Headline(cells.Closed, proto, cells.Shared); ok {
		groups := v.set.In(sc)
		groups = cells.AtConns(groups, cells.TypicalConns(groups))
		out = append(out, v.ratioQuestion(name+": cost (lower is better)", groups, cells.Norm()))
	}
	if sc, ok := v.set.Headline(cells.Closed, proto, cells.Split); ok {
		groups := v.set.In(sc)
		n := cells.TypicalConns(groups)
		groups = cells.AtConns(groups, n)
		title := fmt.Sprintf("%s: req/s at %s connections (higher is better)",
			name, cells.Count.Tick(float64(n)))
		q := v.ratioQuestion(title, groups, cells.Throughput())
		q.detail = true
		out = append(out, q)
	}
	if sc, ok := v.set.Headline(cells.Open, proto, cells.Split); ok {
		groups := v.set.In(sc)
		if rate := cells.CommonRate(groups); rate > 0 {
			m := cells.Response(0.99)
			title := fmt.Sprintf("%s: p99 at %s req/s (lower is better)", name, cells.Rate.Tick(rate))
			out = append(out, question{
				column: title, groups: cells.AtRate(groups, rate), detail: proto == "echo",
				answer: func(g *cells.Group) string { return marked(g, m) },
			})
		}
	}
	m := cells.UserMemory()
	if _, groups := v.set.MostHeld(proto, m); len(groups) > 0 {
		title := fmt.Sprintf("%s: bytes per idle connection, of %s",
			name, cells.Count.Tick(float64(groups[0].Held())))
		out = append(out, question{
			column: title, groups: groups, detail: proto == "echo",
			answer: func(g *cells.Group) string { return median(g, m) },
		})
	}
	return out
}

// ratioQuestion asks for the ratio to the baseline, with the letter if there are blocks for it.
func (v view) ratioQuestion(column string, groups []*cells.Group, m cells.Metric) question {
	letters := inRank(groups, m).letters
	return question{column: column, groups: groups, answer: func(g *cells.Group) string {
		text := v.ratio(g, m)
		if letters[g] != "" {
			text += " " + letters[g]
		}
		if len(g.OK) > 0 && !g.Health().Sound() {
			text += " " + withCare
		}
		return text
	}}
}

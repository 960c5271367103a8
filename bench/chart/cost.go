package chart

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"iomodels/bench/stats/cells"
)

// cpu draws the server's CPU time per request, split into user and system.
func cpu(set *cells.Set, proto string) (Chart, bool) {
	c, ok := costChart(set, proto, cells.ServerCPU(), func(g *cells.Group) []float64 {
		total := g.Median(cells.ServerCPU()).Value
		user := min(g.Median(cells.ServerUser()).Value, total)
		return []float64{user, total - user}
	})
	c.Title = "Server CPU time per request: " + cells.ProtoName(proto)
	c.Caption = "Dark: user, light: system; the split comes from clock ticks, the total from the " +
		"scheduler. " + c.Caption
	c.page.keys = []key{
		{"user: program and runtime", fillKey(rgb(0x59636E))},
		{"system: kernel, for the server's threads", fillKey(Style{Color: rgb(0x59636E)}.Tint(partTint))},
		{"interval over blocks", whiskerKey},
	}
	return c, ok
}

// syscalls draws the server's system calls per request.
func syscalls(set *cells.Set, proto string) (Chart, bool) {
	m := cells.Syscalls()
	c, ok := costChart(set, proto, m, func(g *cells.Group) []float64 { return []float64{g.Median(m).Value} })
	c.Title = "System calls of the server per request: " + cells.ProtoName(proto)
	return c, ok
}

// costChart draws bars of a metric in the closed loop, at a typical number of connections among
// those at which it was taken, and at the largest (the smallest, where the typical is that).
func costChart(set *cells.Set, proto string, m cells.Metric, parts func(*cells.Group) []float64) (Chart, bool) {
	sc, ok := set.Headline(cells.Closed, proto, cells.Split)
	if !ok {
		return Chart{}, false
	}
	groups := set.In(sc)
	taken := withMetric(groups, m)
	if len(taken) == 0 {
		taken = groups
	}
	places := []int{cells.TypicalConns(taken)}
	switch all := cells.ConnsOf(taken); {
	case all[len(all)-1] > places[0]:
		places = append(places, all[len(all)-1])
	case all[0] < places[0]:
		places = []int{all[0], places[0]}
	}
	var shown []*cells.Group
	var panels []panel
	width := (textWidth - panelGap*vg.Length(len(places)-1)) / vg.Length(len(places))
	for _, n := range places {
		at := cells.AtConns(groups, n)
		shown = append(shown, at...)
		rows := rowsOf(withMetric(at, m), m, parts)
		if len(rows) > 0 {
			pn := barPanel(atConns(at[0]), axisTitle(m), rows, width)
			pn.plot.X.Tick.Marker = linearTicks{m.Unit, 4}
			panels = append(panels, pn)
		}
	}
	if len(panels) == 0 {
		return Chart{}, false
	}
	level(panels)
	return Chart{
		Alt: fmt.Sprintf("Bar chart: %s of each model, smallest first, in a closed loop.", axisTitle(m)),
		Caption: caption(set, sc, shown, "Bars: median over blocks, smallest first (hollow: read with "+
			"care); whiskers: its interval."),
		Notes: notes(shown, m, manyConns),
		page:  page{rows: [][]panel{panels}},
	}, true
}

func axisTitle(m cells.Metric) string {
	units := map[cells.Unit]string{cells.Seconds: "CPU time", cells.Bytes: "bytes", cells.Ratio: "system calls"}
	return fmt.Sprintf("%s %s (%s)", units[m.Unit], m.Per, m.Better())
}

// rowsOf makes a row per group, smallest first.
func rowsOf(groups []*cells.Group, m cells.Metric, parts func(*cells.Group) []float64) []row {
	var rows []row
	for _, g := range groups {
		iv := g.Median(m)
		rows = append(rows, row{
			name: g.Cell.Model, model: g.Cell.Model, parts: parts(g), total: iv,
			text: m.Unit.Interval(iv), hollow: !g.Health().Sound(),
		})
	}
	sortRows(rows)
	return rows
}

// memory draws what an idle connection costs: in the server's process, and in the kernel.
func memory(set *cells.Set, proto string) (Chart, bool) {
	user, kernel := cells.UserMemory(), cells.KernelMemory()
	sc, groups := set.MostHeld(proto, user)
	if len(groups) == 0 {
		return Chart{}, false
	}
	panels := []panel{memoryPanel("In the server's process", groups, user)}
	if len(withMetric(groups, kernel)) > 0 {
		panels = append(panels, memoryPanel("In the kernel, both ends together", groups, kernel))
	}
	level(panels)
	return Chart{
		Title: fmt.Sprintf("Memory per idle connection, with %s: %s",
			cells.Connections(groups[0].Held()), cells.ProtoName(proto)),
		Alt: "Bar charts: bytes per idle connection of each model, in the server's process and in " +
			"the kernel.",
		Caption: caption(set, sc, groups, "Left: growth of the server's own resident memory (heap, stacks, "+
			"buffers) from none to all connections open and idle, per connection. Right: growth of the kernel's memory "+
			"(slab, TCP buffers, kernel stacks, page tables) of the whole machine, the generator's end included. Smallest "+
			"first (hollow: read with care); whiskers: interval over blocks."),
		Notes: notes(groups, user, nowhere),
		page:  page{rows: [][]panel{panels}},
	}, true
}

func memoryPanel(title string, groups []*cells.Group, m cells.Metric) panel {
	whole := func(g *cells.Group) []float64 { return []float64{g.Median(m).Value} }
	rows := rowsOf(withMetric(groups, m), m, whole)
	pn := barPanel(title, axisTitle(m), rows, (textWidth-panelGap)/2)
	pn.plot.X.Tick.Marker = linearTicks{cells.Bytes, 4}
	return pn
}

func fillKey(fill color.Color) func(draw.Canvas, vg.Rectangle) {
	return func(c draw.Canvas, box vg.Rectangle) {
		c.SetColor(fill)
		c.Fill(box.Path())
	}
}

func whiskerKey(c draw.Canvas, box vg.Rectangle) {
	style := draw.LineStyle{Color: ink(), Width: 0.9}
	mid := (box.Min.Y + box.Max.Y) / 2
	c.StrokeLine2(style, box.Min.X, mid, box.Max.X, mid)
	c.StrokeLine2(style, box.Min.X, mid-3, box.Min.X, mid+3)
	c.StrokeLine2(style, box.Max.X, mid-3, box.Max.X, mid+3)
}

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

// apart is how far the points of neighbouring models stand from each other, in pixels.
const apart = 3

// percentiles draws response time by percentile: in an open loop what a user would wait, in a
// closed one the queue as well.
func (r *reporter) percentiles() []*lineChart {
	var out []*lineChart
	for _, proto := range r.set.Protos() {
		if sc, ok := r.set.Headline(cells.Open, proto, cells.Split); ok {
			groups := r.set.In(sc)
			rate := cells.CommonRate(groups)
			title := fmt.Sprintf("%s, open loop, %s req/s offered", cells.ProtoName(proto), cells.Rate.Tick(rate))
			out = r.curves(out, proto+"-open", cells.AtRate(groups, rate), title, "What a user would wait.")
		}
		if sc, ok := r.set.Headline(cells.Closed, proto, cells.Split); ok {
			groups := r.set.In(sc)
			n := cells.TypicalConns(groups)
			out = r.curves(out, proto+"-closed", cells.AtConns(groups, n), fmt.Sprintf("%s, closed loop, %s",
				cells.ProtoName(proto), cells.Connections(n)), "Mostly the queue of all the others.")
		}
	}
	return out
}

func (r *reporter) curves(out []*lineChart, id string, groups []*cells.Group, title, lede string) []*lineChart {
	c := &lineChart{
		ID: "percentiles-" + id, Title: title, Lede: lede, Band: true,
		XTitle: "percentile", YTitle: "response time",
	}
	var longest []cells.CurvePoint
	curves := map[*cells.Group][]cells.CurvePoint{}
	for _, g := range groups {
		curves[g] = g.Curve() // all on the same grid, some longer
		if len(curves[g]) > len(longest) {
			longest = curves[g]
		}
	}
	if len(longest) < 2 {
		return out
	}
	for _, pt := range longest {
		c.At = append(c.At, cells.Nines(pt.Q))
		c.AtText = append(c.AtText, percentileName(pt.Q))
	}
	first, last := longest[0].Q, longest[len(longest)-1].Q
	c.X = scale{Lo: cells.Nines(first), Hi: cells.Nines(last)}
	for _, t := range chart.NinesTicks(first, last) {
		c.X.Ticks = append(c.X.Ticks, chart.Tick{At: cells.Nines(t.At), Text: t.Text})
	}
	for _, g := range groups {
		l := newLine(slices.Index(r.models, g.Cell.Model), len(c.At))
		for i, pt := range curves[g] {
			l.set(i, pt.At, cells.Seconds, false)
		}
		if len(curves[g]) > 0 {
			c.Lines = append(c.Lines, l)
		}
	}
	c.values(cells.Seconds, false, true)
	c.tabulateCurve(r.models)
	c.Notes = []string{
		fmt.Sprintf("At each percentile the median of the blocks' own percentiles, and as a band its interval. A "+
			"line ends where a block has fewer than %d samples left. %s.",
			cells.MinTail, capital(cells.BlocksNote(groups))),
	}
	return append(out, c)
}

// percentileName writes a percentile to a digit more than it has nines: p88, p98.9, p99.91.
func percentileName(q float64) string {
	digits := int(cells.Nines(q) + 1e-9)
	return "p" + strings.TrimSuffix(strconv.FormatFloat(100*q, 'f', digits, 64), ".0")
}

// tabulateCurve writes the percentiles that people quote.
func (c *lineChart) tabulateCurve(models []string) {
	var places []int
	var heads []string
	for _, q := range []float64{0.5, 0.75, 0.9, 0.99, 0.999, 0.9999} {
		near, best := -1, 0.026 // half a step of the grid
		for i, at := range c.At {
			if d := math.Abs(at - cells.Nines(q)); d < best {
				near, best = i, d
			}
		}
		if near >= 0 {
			places, heads = append(places, near), append(heads, c.AtText[near])
		}
	}
	c.tabulate(models, places, heads)
}

// throughput draws verified replies against connections, and the same as ratios.
func (r *reporter) throughput() []*lineChart {
	var out []*lineChart
	m := cells.Throughput()
	for _, proto := range r.set.Protos() {
		sc, ok := r.set.Headline(cells.Closed, proto, cells.Split)
		if !ok {
			continue
		}
		groups := r.set.In(sc)
		var at []float64
		for _, n := range cells.ConnsOf(groups) {
			at = append(at, float64(n))
		}
		conns := func(g *cells.Group) float64 { return float64(g.Cell.Conns) }
		base := lineChart{XTitle: "connections (log scale)", Spread: apart, Notes: []string{sc.String() + "."}}
		base.logPlaces(at, cells.Count, "connections")
		absolute := base
		absolute.ID, absolute.Title = "throughput-"+proto, cells.ProtoName(proto)+": verified replies per second"
		absolute.YTitle = "replies per second (higher is better)"
		out = r.points(out, &absolute, groups, at, conns, cells.Rate,
			func(g *cells.Group) stats.Interval { return g.Median(m) })
		ratio := base
		ratio.ID = "throughput-ratio-" + proto
		ratio.Title = cells.ProtoName(proto) + ": the same, as a ratio to " + r.set.Baseline
		ratio.YTitle = "ratio to " + r.set.Baseline + " (higher is better)"
		out = r.points(out, &ratio, groups, at, conns, cells.Ratio,
			func(g *cells.Group) stats.Interval { return r.set.Ratio(g, m) })
	}
	return out
}

// points fills a chart with a point per group.
func (r *reporter) points(
	out []*lineChart, c *lineChart, groups []*cells.Group, at []float64, x func(*cells.Group) float64,
	unit cells.Unit, y func(*cells.Group) stats.Interval,
) []*lineChart {
	for id, name := range r.models {
		l, any := newLine(id, len(at)), false
		for _, g := range cells.OfModel(groups, name) {
			if iv := y(g); iv.OK() {
				unsound := !g.Health().Sound() || (g.Cell.Rate > 0 && !g.Sustained())
				l.set(slices.Index(at, x(g)), iv, unit, unsound)
				any = true
			}
		}
		if any {
			c.Lines = append(c.Lines, l)
		}
	}
	if c.empty() {
		return out
	}
	c.values(unit, unit == cells.Ratio, unit != cells.Rate)
	c.everyPlace(r.models)
	c.Notes = append(c.Notes, "Points: median over blocks, set side by side; hollow: read with care. Whiskers: "+
		"interval. "+capital(cells.BlocksNote(groups))+".")
	return append(out, c)
}

// offered draws percentiles of the response time against the offered load.
func (r *reporter) offered() []*lineChart {
	var out []*lineChart
	for _, proto := range r.set.Protos() {
		sc, ok := r.set.Headline(cells.Open, proto, cells.Split)
		if !ok {
			continue
		}
		groups := r.set.In(sc)
		at := cells.RatesOf(groups)
		for _, q := range []float64{0.5, 0.99} {
			m := cells.Response(q)
			c := &lineChart{
				ID: fmt.Sprintf("offered-%s-%s", proto, m.Name), Title: cells.ProtoName(proto) + ": " + m.Name,
				XTitle: "offered load, requests per second (log scale)",
				YTitle: m.Name + " response time (lower is better)", Spread: apart,
				Notes: []string{sc.String() + ". Hollow: less than 99 % of the load was served, or read with care."},
			}
			c.logPlaces(at, cells.Rate, "req/s")
			out = r.points(out, c, groups, at, func(g *cells.Group) float64 { return g.Cell.Rate }, cells.Seconds,
				func(g *cells.Group) stats.Interval { return g.Median(m) })
		}
	}
	return out
}

// costs are boards of CPU time and system calls per request.
func (r *reporter) costs() []board {
	var out []board
	user := cells.ServerUser()
	for _, proto := range r.set.Protos() {
		sc, ok := r.set.Headline(cells.Closed, proto, cells.Split)
		if !ok {
			continue
		}
		groups := r.set.In(sc)
		for _, of := range []struct {
			what   string
			metric cells.Metric
			first  *cells.Metric
		}{{"CPU time per request", cells.ServerCPU(), &user}, {"system calls per request", cells.Syscalls(), nil}} {
			n := cells.TypicalConns(withMetric(groups, of.metric))
			title := fmt.Sprintf("%s, %s: %s", cells.ProtoName(proto), cells.Connections(n), of.what)
			if b, ok := r.bars(title, cells.AtConns(groups, n), of.metric, of.first); ok {
				out = append(out, b)
			}
		}
	}
	return out
}

// withMetric keeps the groups that have a figure: system calls are not counted everywhere.
func withMetric(groups []*cells.Group, m cells.Metric) []*cells.Group {
	return slices.DeleteFunc(slices.Clone(groups), func(g *cells.Group) bool { return len(g.Values(m)) == 0 })
}

// memory are boards of bytes per idle connection.
func (r *reporter) memory() []board {
	var out []board
	for _, proto := range r.set.Protos() {
		_, groups := r.set.MostHeld(proto, cells.UserMemory())
		if len(groups) == 0 {
			continue
		}
		where := cells.ProtoName(proto) + ", " + cells.Connections(groups[0].Held()) + ": "
		if b, ok := r.bars(where+"the server's own memory", groups, cells.UserMemory(), nil); ok {
			out = append(out, b)
		}
		if b, ok := r.bars(where+"the kernel's memory, both ends", groups, cells.KernelMemory(), nil); ok {
			out = append(out, b)
		}
	}
	return out
}

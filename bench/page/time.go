package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"iomodels/bench/chart"
	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// drift draws how each model's figure moved over the blocks of the run.
func (r *reporter) drift() []*lineChart {
	var out []*lineChart
	for _, proto := range r.set.Protos() {
		for _, of := range []struct {
			topology string
			metric   cells.Metric
		}{{cells.Split, cells.Throughput()}, {cells.Shared, cells.Norm()}} {
			sc, ok := r.set.Headline(cells.Closed, proto, of.topology)
			if !ok {
				continue
			}
			groups := mostRepeated(r.set.In(sc))
			c := &lineChart{
				ID:     fmt.Sprintf("drift-%s-%s", proto, anchor(of.metric.Name)),
				Title:  fmt.Sprintf("%s: %s, block by block", cells.ProtoName(proto), of.metric.Name),
				XTitle: "block", YTitle: of.metric.Name + ", as a share of the model's median",
				Notes: []string{cells.Place(groups[0].Cell) + "."},
			}
			if r.overBlocks(c, groups, of.metric) {
				out = append(out, c)
			}
		}
	}
	return out
}

// mostRepeated picks the number of connections with most blocks: where a drift can be seen best. Among
// equals it is the typical one.
func mostRepeated(groups []*cells.Group) []*cells.Group {
	best := cells.AtConns(groups, cells.TypicalConns(groups))
	for _, n := range cells.ConnsOf(groups) {
		if at := cells.AtConns(groups, n); len(blocksOf(at)) > len(blocksOf(best)) {
			best = at
		}
	}
	return best
}

// overBlocks fills a chart with a point per block; false: there are fewer than two.
func (r *reporter) overBlocks(c *lineChart, groups []*cells.Group, m cells.Metric) bool {
	blocks := blocksOf(groups)
	if len(blocks) < 2 {
		return false
	}
	every := max(1, (len(blocks)+11)/12)
	for i, n := range blocks {
		c.At = append(c.At, float64(i))
		c.AtText = append(c.AtText, fmt.Sprintf("block %d, %s", n+1, startOf(groups, n)))
		if i%every == 0 {
			c.X.Ticks = append(c.X.Ticks, chart.Tick{At: float64(i), Text: fmt.Sprint(n + 1)})
		}
	}
	c.X.Lo, c.X.Hi = -0.3, float64(len(blocks))-0.7
	for _, g := range groups {
		l := newLine(slices.Index(r.models, g.Cell.Model), len(blocks))
		median := g.Median(m).Value
		any := false
		for block, v := range g.Arm(m).Blocks {
			if median > 0 {
				share := v / median
				i := slices.Index(blocks, block)
				l.set(i, stats.Interval{Value: share, Lo: share, Hi: share, N: 1}, cells.Ratio, false)
				l.Texts[i] += " (" + m.Unit.Format(v) + ")"
				any = true
			}
		}
		if any {
			c.Lines = append(c.Lines, l)
		}
	}
	c.values(cells.Ratio, true, false)
	c.everyPlace(r.models)
	return !c.empty()
}

// blocksOf lists the blocks that any of the groups has, in order.
func blocksOf(groups []*cells.Group) []int {
	var out []int
	for _, g := range groups {
		for _, rec := range g.OK {
			out = append(out, rec.Block)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// startOf is when the first measurement of a block began.
func startOf(groups []*cells.Group, block int) string {
	var first record.Record
	for _, g := range groups {
		for _, rec := range g.OK {
			if rec.Block == block && (first.Started.IsZero() || rec.Started.Before(first.Started)) {
				first = rec
			}
		}
	}
	return first.Started.UTC().Format("15:04 UTC")
}

// heat is response time over time: a row per model, a column per tick of each block.
type heat struct {
	Title  string
	Notes  []string
	Rows   []heatRow
	Blocks []mark   // where each block begins, and its number
	Keys   []string // what each shade means, from fast to slow
}

// heatRow is a model.
type heatRow struct {
	Model model
	Cells []heatCell
	Texts string // what each of them says, separated by bars
}

// heatCell is a tick.
type heatCell struct {
	X, Width string
	Shade    int
}

// shades is how many steps of colour there are.
const shades = 8

// heats draws the 99th percentile of every tick.
func (r *reporter) heats() []heat {
	var out []heat
	for _, proto := range r.set.Protos() {
		if sc, ok := r.set.Headline(cells.Open, proto, cells.Split); ok {
			groups := r.set.In(sc)
			out = r.heatOf(out, cells.AtRate(groups, cells.CommonRate(groups)))
		}
		if sc, ok := r.set.Headline(cells.Closed, proto, cells.Split); ok {
			groups := r.set.In(sc)
			out = r.heatOf(out, cells.AtConns(groups, cells.TypicalConns(groups)))
		}
	}
	return out
}

// tick is the 99th percentile of a piece of the measured window, in nanoseconds.
type tick struct {
	block int
	p99   float64
	text  string
}

func (r *reporter) heatOf(out []heat, groups []*cells.Group) []heat {
	rows := map[*cells.Group][]tick{}
	lo, hi := math.Inf(1), 0.0
	width := map[int]int{} // ticks of a block, the most of any model
	for _, g := range groups {
		rows[g] = ticksOf(g)
		count := map[int]int{}
		for _, t := range rows[g] {
			lo, hi = min(lo, t.p99), max(hi, t.p99)
			count[t.block]++
			width[t.block] = max(width[t.block], count[t.block])
		}
	}
	if hi == 0 {
		return out
	}
	h := heat{Title: cells.Place(groups[0].Cell), Notes: []string{
		"99th percentile of each tick, log scale. The records keep no finer distribution than two percentiles per " +
			"tick, so this shows when it was slow, not how many requests were.",
	}}
	begin, total := layout(blocksOf(groups), width)
	for _, block := range blocksOf(groups) {
		h.Blocks = append(h.Blocks, mark{percent(100 * begin[block] / total), fmt.Sprint(block + 1)})
	}
	step := math.Pow(hi/lo, 1.0/shades)
	for i := range shades {
		h.Keys = append(h.Keys, cells.Seconds.Format(lo*math.Pow(step, float64(i))/1e9))
	}
	for _, g := range groups {
		row := heatRow{Model: r.model(g.Cell.Model)}
		count := map[int]float64{}
		var texts []string
		for _, t := range rows[g] {
			at := begin[t.block] + count[t.block]
			count[t.block]++
			shade := 0
			if step > 1 {
				shade = min(int(math.Log(t.p99/lo)/math.Log(step)), shades-1)
			}
			row.Cells = append(row.Cells, heatCell{percent(100 * at / total), percent(100 / total), shade})
			texts = append(texts, t.text)
		}
		if row.Texts = strings.Join(texts, "|"); len(row.Cells) > 0 {
			h.Rows = append(h.Rows, row)
		}
	}
	return append(out, h)
}

// ticksOf lists the ticks of the measured window in which anything was answered.
func ticksOf(g *cells.Group) []tick {
	var out []tick
	for _, rec := range g.OK {
		for _, iv := range rec.Load.Intervals {
			if iv.Phase == "measure" && iv.P99 > 0 {
				out = append(out, tick{rec.Block, float64(iv.P99), fmt.Sprintf("block %d, %.1f s: %s",
					rec.Block+1, iv.AtS, cells.Seconds.Format(float64(iv.P99)/1e9))})
			}
		}
	}
	return out
}

// layout places blocks beside each other, with a gap between them.
func layout(blocks []int, width map[int]int) (begin map[int]float64, total float64) {
	const gap = 0.6
	begin = map[int]float64{}
	for i, block := range blocks {
		if i > 0 {
			total += gap
		}
		begin[block] = total
		total += float64(width[block])
	}
	return begin, total
}

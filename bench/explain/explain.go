// Package explain says in ten plain sentences what a run shows, and what it does not.
//
// The sentences are a template over the same groups, intervals and rankings that tables and
// charts are made of. The same records always give the same words; a sentence for which the
// run has no data says that, and stays: what was not measured is part of what a run says.
//
//  1. what was measured    2. how sure the figures can be
//  3. cost per request     4. requests per second     5. response times
//  6. many connections     7. memory
//  8. what went wrong      9. how quiet the machine was
//  10. what no run on one machine can say
package explain

import (
	"fmt"
	"strings"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// Sentences explains a run; baseline "" is the usual one. There are always ten.
func Sentences(run *record.Run, baseline string) []string {
	t := teller{run, cells.New(run.Env, run.Records, baseline)}
	return []string{
		t.measured(), t.sureness(), t.cost(), t.speed(), t.latency(), t.connections(), t.memory(),
		t.trouble(), t.quiet(), t.limits(),
	}
}

type teller struct {
	run *record.Run
	set *cells.Set
}

func every(record.Cell) bool { return true }

func (t teller) measured() string {
	env := t.run.Env
	n := 0
	for _, g := range t.set.Groups(every) {
		n += len(g.OK)
	}
	if n == 0 {
		return fmt.Sprintf("This run of commit %s holds no measurement.", orNone(env.Commit))
	}
	return fmt.Sprintf("This run of commit %s measured %s in %s on one machine (%s), in profile %s with seed %d.",
		cells.Commit(env), counted(len(t.set.Models), "model"), counted(n, "measurement"), cells.Machine(env),
		orNone(env.Profile), env.Seed)
}

func (t teller) sureness() string {
	groups := t.set.Groups(every)
	least, most := cells.Blocks(groups)
	text := "Only a block, with fresh processes and in random order, counts as a repetition, and a cell has " +
		spread(least, most, "block")
	level := stats.Median(make([]float64, least), stats.Level).Confidence
	switch {
	case most == 0:
		return "Nothing was measured, so there is nothing to be sure of."
	case most < 2:
		return text + ", which gives no interval and no verdict."
	case most < stats.DefaultMinBlocks:
		return text + fmt.Sprintf(", so intervals can be shown but verdicts cannot: those need %d blocks, "+
			"which are %d more.", stats.DefaultMinBlocks, stats.DefaultMinBlocks-most)
	case least < stats.DefaultMinBlocks:
		return text + fmt.Sprintf(", so a verdict is given only where there are at least %d.", stats.DefaultMinBlocks)
	}
	return text + fmt.Sprintf(", so intervals have a level of at least %.1f %% and verdicts are possible.", 100*level)
}

func (t teller) cost() string {
	return t.perProto("cost per request", func(proto string) string {
		sc, ok := t.set.Headline(cells.Closed, proto, cells.Shared)
		if !ok {
			return ""
		}
		return order(atTypical(t.set.In(sc)), cells.Norm())
	}, "In server CPU over generator CPU in the same window", "a closed loop on one CPU")
}

func (t teller) speed() string {
	return t.perProto("throughput", func(proto string) string {
		for _, c := range t.set.Campaigns() {
			if c.Cell.Proto == proto && c.Metric.Name == cells.Throughput().Name {
				return "at " + cells.Connections(c.Cell.Conns) + " " + order(c.Groups, c.Metric) + ", where " +
					t.extremes(sound(c.Groups), c.Metric)
			}
		}
		sc, ok := t.set.Headline(cells.Closed, proto, cells.Split)
		if !ok {
			return ""
		}
		groups := atTypical(t.set.In(sc))
		if len(groups) == 0 {
			return ""
		}
		return "at " + cells.Connections(groups[0].Cell.Conns) + " " + t.extremes(groups, cells.Throughput())
	}, "In requests per second", "a closed loop on separate CPUs")
}

func (t teller) latency() string {
	p99 := cells.Response(0.99)
	return t.perProto("response times", func(proto string) string {
		sc, ok := t.set.Headline(cells.Open, proto, cells.Split)
		if !ok {
			return ""
		}
		groups := t.set.In(sc)
		rate := cells.CommonRate(groups)
		var lowest, highest *cells.Group
		for _, g := range sound(cells.AtRate(groups, rate)) {
			v := g.Median(p99)
			if !v.OK() {
				continue
			}
			if lowest == nil || v.Value < lowest.Median(p99).Value {
				lowest = g
			}
			if highest == nil || v.Value > highest.Median(p99).Value {
				highest = g
			}
		}
		if lowest == nil || lowest == highest {
			return ""
		}
		return fmt.Sprintf("at %s offered requests per second it is from %s (%s) to %s (%s)",
			cells.Rate.Tick(rate), p99.Unit.Interval(lowest.Median(p99)), lowest.Cell.Model,
			p99.Unit.Interval(highest.Median(p99)), highest.Cell.Model)
	}, "The response time that 99 % of the requests stay within", "an open loop with enough samples beyond p99")
}

// perProto joins what can be said of each protocol, or says that the run says nothing.
func (t teller) perProto(about string, say func(proto string) string, lead, needs string) string {
	var parts []string
	for _, proto := range t.set.Protos() {
		if text := say(proto); text != "" {
			parts = append(parts, "over "+cells.ProtoName(proto)+" "+text)
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("This run says nothing about %s: it has no sound measurement of two models in %s.",
			about, needs)
	}
	return lead + ", " + strings.Join(parts, "; ") + "."
}

// atTypical are the sound groups at the usual number of connections.
func atTypical(groups []*cells.Group) []*cells.Group {
	return sound(cells.AtConns(groups, cells.TypicalConns(groups)))
}

func sound(groups []*cells.Group) []*cells.Group {
	var out []*cells.Group
	for _, g := range groups {
		if g.Health().Sound() {
			out = append(out, g)
		}
	}
	return out
}

// order says who comes first, in tiers where there are blocks for a verdict; "" for fewer
// than two groups.
func order(groups []*cells.Group, m cells.Metric) string {
	ranking, part := cells.Rank(groups, m)
	if len(part) < 2 {
		return ""
	}
	if why := cells.NoVerdict(part, ranking); why != "" {
		var names []string
		for _, i := range ranking.Order {
			names = append(names, part[i].Cell.Model)
		}
		return fmt.Sprintf("the estimates, best first, are those of %s, but %s", list(names), why)
	}
	var tiers []string
	for tier := 1; ; tier++ {
		var names []string
		for _, i := range ranking.Order {
			if ranking.Tiers[i] == tier {
				names = append(names, part[i].Cell.Model)
			}
		}
		if len(names) == 0 {
			break
		}
		tiers = append(tiers, list(names))
	}
	if len(tiers) == 1 {
		return "no difference is shown between " + tiers[0]
	}
	return "the tiers are, best first, " + strings.Join(tiers, " | ") +
		", and within a tier no difference to its best is shown"
}

// extremes names the largest and the smallest ratio to the baseline, and how many intervals
// hold 1; "" if fewer than two models have a ratio.
func (t teller) extremes(groups []*cells.Group, m cells.Metric) string {
	var most, least *cells.Group
	ratios, even := 0, 0
	for _, g := range groups {
		r := t.set.Ratio(g, m)
		if !r.OK() {
			continue
		}
		ratios++
		if r.Contains(1) {
			even++
		}
		if most == nil || r.Value > t.set.Ratio(most, m).Value {
			most = g
		}
		if least == nil || r.Value < t.set.Ratio(least, m).Value {
			least = g
		}
	}
	switch {
	case ratios == 0:
		return "nobody was measured beside " + t.set.Baseline
	case ratios == 1:
		return fmt.Sprintf("%s does %s of what %s does",
			most.Cell.Model, cells.Ratio.Interval(t.set.Ratio(most, m)), t.set.Baseline)
	}
	return fmt.Sprintf("the ratios to %s go from %s (%s) to %s (%s), and %d of %d intervals hold 1, "+
		"which shows no difference", t.set.Baseline,
		cells.Ratio.Interval(t.set.Ratio(least, m)), least.Cell.Model,
		cells.Ratio.Interval(t.set.Ratio(most, m)), most.Cell.Model, even, ratios)
}

package cells

import (
	"fmt"
	"slices"
	"time"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/loadgen"
)

// HandlerTime is how long the handler of a path computes or blocks; false: it does neither.
func HandlerTime(path string) (time.Duration, bool) {
	var n int64
	if _, err := fmt.Sscanf(path, "/burn/%d", &n); err == nil {
		return time.Duration(n) * time.Microsecond, true
	}
	if _, err := fmt.Sscanf(path, "/delay/%d", &n); err == nil {
		return time.Duration(n) * time.Millisecond, true
	}
	return 0, false
}

func handlerTime(path string) time.Duration {
	d, _ := HandlerTime(path)
	return d
}

// Quick is the response time of the requests of a mix that do not block: of its first kind.
func Quick(r record.Record) loadgen.Latency {
	if len(r.Load.Kinds) == 0 {
		return loadgen.Latency{}
	}
	return r.Load.Kinds[0].Response
}

// QuickResponse is a percentile of the response time of the requests that do not block.
func QuickResponse(q float64) Metric {
	m := Response(q)
	m.Name = "quick " + m.Name
	m.Definition = "The same of the requests of a mix whose handlers do not block."
	m.Of = func(r record.Record) (float64, bool) { return percentile(Quick(r), q) }
	return m
}

// Typical is the middle of the response times, however few there are: a request that waits for a
// handler of its neighbour leaves time for few, and each of them waits.
func Typical() Metric {
	return Metric{
		Name: "typical", Unit: Seconds, Lower: true, Timed: true,
		Definition: "The middle of the response times of the window, however few they are.",
		Of: func(r record.Record) (float64, bool) {
			return float64(r.Load.Response.P50) / 1e9, r.Load.Response.Count > 0
		},
	}
}

// Slowest is the longest response time of the window.
func Slowest() Metric {
	return Metric{
		Name: "slowest", Unit: Seconds, Lower: true, Timed: true,
		Definition: "The longest response time of the window: for few requests, where no percentile holds.",
		Of: func(r record.Record) (float64, bool) {
			return float64(r.Load.Response.Max) / 1e9, r.Load.Response.Count > 0
		},
	}
}

// AgainstFewest is the ratio of a group to that of groups which has the same model and holds fewest
// connections, block by block: what the others cost.
func AgainstFewest(groups []*Group, g *Group, m Metric) stats.Interval {
	own := OfModel(groups, g.Cell.Model)
	least := slices.MinFunc(own, func(a, b *Group) int { return a.Held() - b.Held() })
	switch {
	case len(least.Values(m)) == 0 || len(g.Values(m)) == 0:
		return stats.Interval{}
	case g == least:
		return stats.Interval{Value: 1, Lo: 1, Hi: 1, N: 1}
	}
	ranking := stats.Rank([]stats.Arm{g.Arm(m), least.Arm(m)}, stats.Rule{Lower: m.Lower})
	return ranking.Pairs[0].Ratio
}

// Workload returns the groups of a workload, of all scenarios, in the order of the set.
func (s *Set) Workload(workload string) []*Group {
	return s.Groups(func(c record.Cell) bool { return c.Workload == workload })
}

// PathsOf lists the paths of groups, by the time their handlers take.
func PathsOf(groups []*Group) []string {
	paths := distinct(groups, func(c record.Cell) string { return c.Path })
	slices.SortStableFunc(paths, func(a, b string) int { return int(handlerTime(a) - handlerTime(b)) })
	return paths
}

// AtPath returns those of groups that were asked for the path.
func AtPath(groups []*Group, path string) []*Group {
	return where(groups, func(c record.Cell) bool { return c.Path == path })
}

// AtIdle returns those of groups that have n silent connections.
func AtIdle(groups []*Group, n int) []*Group {
	return where(groups, func(c record.Cell) bool { return c.Idle == n })
}

// IdlesOf lists the numbers of silent connections of groups, ascending.
func IdlesOf(groups []*Group) []int {
	return distinct(groups, func(c record.Cell) int { return c.Idle })
}

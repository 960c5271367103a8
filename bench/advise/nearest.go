package advise

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
)

// massiveConns and massiveRate part the quadrants: from as many connections, and as many requests
// per second, a load counts as massive. The number that gave C10K its name is beyond the first on
// any scale, and no machine that this suite runs on serves the second without being busy with it.
const (
	massiveConns = 5000
	massiveRate  = 20e3
)

// tooFar is the distance from which figures say little about the load in question: a factor of
// ten in one dimension, or less in several.
const tooFar = 1.0

// Quadrant is one of the four kinds of load, with the figure that decides in it.
type Quadrant struct {
	Name   string // of the preset: q-mm, q-cm, q-mc, q-cc
	Words  string
	Metric cells.Metric
	Why    string // this metric
}

func quadrantOf(q Question) Quadrant {
	many, busy := q.Conns >= massiveConns, q.Rate == 0 || q.Rate >= massiveRate
	for _, quadrant := range Quadrants() {
		if quadrant.Name == name(many, busy) {
			return quadrant
		}
	}
	panic("advise: a quadrant without a description")
}

func name(many, busy bool) string {
	switch {
	case many && busy:
		return cells.ManyMany
	case busy:
		return cells.FewMany
	case many:
		return cells.ManyFew
	}
	return cells.FewFew
}

// Quadrants describes all four.
func Quadrants() []Quadrant {
	return []Quadrant{
		{
			cells.ManyMany, "massive connections x massive requests", cells.Norm(),
			"server and generator saturate together, so cost per request is what a model can save",
		},
		{
			cells.FewMany, "constant connections x massive requests", cells.Norm(),
			"with few busy connections, what batching saves per request decides",
		},
		{
			cells.ManyFew, "massive connections x constant requests", cells.UserMemory(),
			"all serve the few requests; what differs is what a silent connection holds",
		},
		{
			cells.FewFew, "constant connections x constant requests", cells.Response(0.99),
			"nothing is scarce here, so what the user waits for is all that is left",
		},
	}
}

// Condition is a measured load: a cell without its model, in the run that holds it.
type Condition struct {
	Run      *record.Run
	Cell     record.Cell // Model is ""
	Distance float64     // from the question; 1 is a factor of ten in one dimension
	groups   []*cells.Group
}

// Name says which load it is.
func (c Condition) Name() string { return cells.Place(c.Cell) }

// comparableLoads lists the workloads whose cells are a plain load of requests.
func comparableLoads() []string {
	return []string{
		cells.Closed, cells.Open, cells.Mixed, cells.Idlers,
		cells.ManyMany, cells.FewMany, cells.ManyFew, cells.FewFew,
	}
}

// source is a run, arranged for reading.
type source struct {
	run *record.Run
	set *cells.Set
}

// sources arranges runs, each once for all models and questions about it.
func sources(runs []*record.Run) []source {
	var out []source
	for _, run := range runs {
		out = append(out, source{run, cells.New(run.Env, run.Records, "")})
	}
	return out
}

// conditions lists every load of the protocol that a run measured.
func conditions(sources []source, proto string) []Condition {
	var out []Condition
	for _, from := range sources {
		for _, g := range from.set.Groups(func(c record.Cell) bool {
			return c.Proto == proto && slices.Contains(comparableLoads(), c.Workload)
		}) {
			cell := g.Cell
			cell.Model, cell.Offload, cell.Arm = "", 0, ""
			i := slices.IndexFunc(out, func(c Condition) bool { return c.Run == from.run && c.Cell == cell })
			if i < 0 {
				i = len(out)
				out = append(out, Condition{Run: from.run, Cell: cell})
			}
			if g.Cell.Arm == "" && len(g.OK) > 0 {
				out[i].groups = append(out[i].groups, g)
			}
		}
	}
	return slices.DeleteFunc(out, func(c Condition) bool { return len(c.groups) == 0 })
}

// nearest is the condition closest to the question; of equally close ones the first.
func nearest(q Question, all []Condition) Condition {
	metric := quadrantOf(q).Metric
	best := Condition{Distance: math.Inf(1)}
	for _, c := range all {
		has := slices.ContainsFunc(c.groups, func(g *cells.Group) bool { return g.Median(metric).OK() })
		if c.Distance = distance(q, c); has && c.Distance < best.Distance {
			best = c
		}
	}
	if math.IsInf(best.Distance, 1) { // nowhere is the figure that decides: the nearest has no rows
		best = all[0]
		best.Distance = math.Inf(1)
	}
	return best
}

// distance adds up how many times ten each dimension is away: connections, active connections,
// offered load, and requests in flight. A load that takes what it gets and one that is offered at
// a fixed rate are different things, and are told apart by as much as too far is.
func distance(q Question, c Condition) float64 {
	conns, active := float64(c.Cell.Conns+c.Cell.Idle), float64(c.Cell.Conns)
	wanted := float64(q.Active)
	if q.Active == 0 {
		wanted = float64(q.Conns)
	}
	d := tens(conns, float64(q.Conns)) + tens(active, wanted)/2 +
		tens(math.Max(1, float64(c.Cell.Pipeline)), math.Max(1, float64(q.Pipeline)))
	switch {
	case q.Rate == 0 && c.Cell.Rate == 0:
		return d
	case q.Rate == 0 || c.Cell.Rate == 0:
		return d + tooFar
	}
	return d + tens(c.Cell.Rate, q.Rate)
}

// tens is how many factors of ten lie between a and b.
func tens(a, b float64) float64 { return math.Abs(math.Log10(a / b)) }

// cite names the records of a group: the run's folder and their numbers in it.
func cite(run *record.Run, g *cells.Group) string {
	var numbers []string
	for _, r := range g.OK {
		numbers = append(numbers, fmt.Sprint(r.Seq))
	}
	return filepath.Base(run.Dir) + "#" + strings.Join(numbers, ",")
}

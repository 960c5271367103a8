// Package advise answers "which I/O model for my load?" from stored runs, and from nothing else.
//
// It looks for the measured condition nearest to the load in question, ranks the models there by
// the figure that decides in that quadrant, and cites the records it read. Where intervals overlap
// it says tie; where nothing near was measured it says so and names the command that would.
//
// Above the ranking stand vetoes: what no figure can outweigh, because the model would stall, leave
// its peers waiting, or not fit the program around it. They, too, are read from the runs: from the
// cells in which handlers block, and from the limits that the models declare.
package advise

import (
	"fmt"
	"slices"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// Question is a load, and what the program around it asks for.
type Question struct {
	Proto    string  // echo or http
	Conns    int     // open connections
	Active   int     // of them, those that send requests; 0: all
	Rate     float64 // requests per second, of all connections; 0: as many as it takes
	Pipeline int     // requests in flight per connection; 0: 1
	P99      float64 // response time in seconds that 99 % must stay within; 0: no bound

	HandlerBlocks bool // handlers wait for something: a database, a file, a lock
	NetConn       bool // the program needs a net.Conn: TLS, middleware, other packages
	SlowPeers     bool // peers nobody vouches for: slow ones, and ones that never read
}

// check refuses what is no load.
func (q Question) check() error {
	switch {
	case q.Proto != "echo" && q.Proto != "http":
		return fmt.Errorf("protocol %q: choose echo or http", q.Proto)
	case q.Conns < 1:
		return fmt.Errorf("%d connections: give at least 1", q.Conns)
	case q.Active < 0 || q.Active > q.Conns:
		return fmt.Errorf("%d active connections of %d: give at most as many as there are", q.Active, q.Conns)
	case q.Rate < 0 || q.Pipeline < 0 || q.P99 < 0:
		return fmt.Errorf("a rate, a pipeline or a time below zero is no load")
	}
	return nil
}

// Advice is the answer.
type Advice struct {
	Quadrant Quadrant
	At       *Condition // the nearest measured condition; nil: none of this protocol was measured
	Far      bool       // it is so far away that its figures say little
	Rows     []Row      // best first, then those that a bound or a veto excludes
	Unknown  []string   // models of the runs that were not measured there
	Unheard  []string   // models of which nobody measured who waits while a handler blocks, if that matters
}

// Row is a model in the answer.
type Row struct {
	Model   string
	Figure  stats.Interval // of the quadrant's metric
	P99     stats.Interval // of the response time, in seconds
	Tie     bool           // its figure's interval overlaps that of the best
	TooSlow bool           // its p99 is beyond the bound
	Vetoes  []string       // why it is not for this program
	Sources []string       // the records behind it: run and numbers
}

// Fit reports whether nothing speaks against the model.
func (r Row) Fit() bool { return len(r.Vetoes) == 0 && !r.TooSlow }

// Ask answers the question from the runs.
func Ask(q Question, runs []*record.Run) (Advice, error) {
	if err := q.check(); err != nil {
		return Advice{}, err
	}
	a := Advice{Quadrant: quadrantOf(q)}
	from := sources(runs)
	conditions := conditions(from, q.Proto)
	if len(conditions) == 0 {
		return a, nil
	}
	at := nearest(q, conditions)
	a.At, a.Far = &at, at.Distance > tooFar
	for _, g := range at.groups {
		if iv := g.Median(a.Quadrant.Metric); iv.OK() {
			blocked := ""
			if q.HandlerBlocks {
				var measured bool
				if blocked, measured = whileBlocked(g.Cell.Model, from); !measured {
					a.Unheard = append(a.Unheard, g.Cell.Model)
				}
			}
			r := row(q, g, iv, at)
			r.Vetoes = vetoes(q, r.Model, from, blocked)
			a.Rows = append(a.Rows, r)
		}
	}
	a.rank()
	a.Unknown = unmeasured(at, a.Rows)
	return a, nil
}

func row(q Question, g *cells.Group, figure stats.Interval, at Condition) Row {
	r := Row{Model: g.Cell.Model, Figure: figure, P99: g.Median(cells.Response(0.99))}
	r.TooSlow = q.P99 > 0 && (!r.P99.OK() || r.P99.Value > q.P99)
	r.Sources = []string{cite(at.Run, g)}
	return r
}

// rank sorts the rows, and marks those that were not shown to be worse than the best fit one.
func (a *Advice) rank() {
	m := a.Quadrant.Metric
	slices.SortStableFunc(a.Rows, func(x, y Row) int {
		if x.Fit() != y.Fit() {
			if x.Fit() {
				return -1
			}
			return 1
		}
		if x.Figure.Value == y.Figure.Value {
			return 0
		}
		if (x.Figure.Value < y.Figure.Value) == m.Lower {
			return -1
		}
		return 1
	})
	for i := range a.Rows {
		best, r := a.Rows[0].Figure, &a.Rows[i]
		r.Tie = i > 0 && r.Fit() && r.Figure.Lo <= best.Hi && best.Lo <= r.Figure.Hi
	}
}

// unmeasured lists the models that the run describes and speaks the protocol with, but has no
// figure of in this condition; variants, which only runs about them measure, are left out.
func unmeasured(at Condition, rows []Row) []string {
	var out []string
	for _, m := range at.Run.Env.Models {
		known := slices.ContainsFunc(rows, func(r Row) bool { return cells.ModelOf(r.Model) == m.Name })
		if !known && m.VariantOf == "" && slices.Contains(m.Protocols, at.Cell.Proto) {
			out = append(out, m.Name)
		}
	}
	return out
}

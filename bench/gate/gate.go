// Package gate compares two builds of the servers: by counts that do not depend on how fast the
// machine is (system calls per request, allocations per request, bytes per connection), and by
// time, with both builds beside each other.
//
// A count that rose is a fact on the noisiest machine, so it may stop a merge. A time is an
// estimate, and stops one only if it is worse beyond 3 %, by a test that is wrong in one clean
// comparison of a hundred, and worse again in new blocks. No number is ever compared with one
// that was stored: what a machine did yesterday says nothing about today.
//
// # Why counting needs a protocol of its own
//
// Under load the number of calls per request is a race between server and client: a server that
// is a little slower finds more requests at each wake-up, and needs fewer calls. So the client
// takes the race out:
//
//	lockstep   one connection; each request waits until the server has gone to sleep
//	burst      the server is frozen, 64 connections send, it is thawed: it wakes up to all of them
//
// What the Go runtime calls on its own account (locks, timers, memory) is not counted.
//
// # How two builds are timed
//
// By duels: both on one CPU with the generator, in slices A B B A, the cost of each measured
// against the work of the generator in the same slice. In every block both programs are linked
// anew with their functions in a random order, because the place of a loop in memory may be
// worth several per cent, and repeating one layout only measures that luck more precisely. Every
// model has two loads: one connection, where nothing hides what a request costs, and a crowd, where
// a server that takes many requests at a time makes up for a dearer one by larger helpings.
// What the run could have found is part of the answer; a run that could not have found a rise
// of 20 % decides nothing.
//
// # What is compared
//
// Base is a commit, built from its source, as head is. Models whose code and data are equal byte
// for byte are not run: an edited comment cannot cost anything. A rise beyond the limit counts
// only if fresh processes show it again. What disturbs a count only ever adds to it, so the least of
// some repetitions is compared, if another one confirms it; where none does to within the limit, even
// after more of them, nothing is decided: that is neither a pass nor a failure, and has an exit code of its own.
package gate

import (
	"fmt"
	"slices"

	"iomodels/bench/stats"
)

// The metrics.
const (
	Lockstep = "system calls per request, lockstep"
	Burst    = "system calls per request, burst of 64"
	Allocs   = "allocations per request"
	Bytes    = "resident bytes per connection"
)

// Metrics lists the metrics in the order of the table.
func Metrics() []string { return []string{Lockstep, Burst, Allocs, Bytes} }

// Limit is by how much a metric may rise above base.
func Limit(metric string, base float64) float64 {
	switch metric {
	case Allocs:
		return 0.01
	case Bytes:
		return max(64, 0.03*base)
	}
	return 0.02
}

// State is what is said of a metric.
type State string

// The states.
const (
	Same     State = "same"
	Better   State = "better"
	Worse    State = "worse"
	Unsteady State = "unsteady" // repetitions differ by more than the limit: nothing is decided
	Missing  State = "missing"  // it could not be counted here
	Accepted State = "accepted" // worse, and a commit message says why that is worth it
)

// Row is a metric of a server in both builds: a count in each, or the ratio of times.
type Row struct {
	Model  string  `json:"model"`
	Load   string  `json:"load,omitempty"` // of a time
	Metric string  `json:"metric"`
	Base   float64 `json:"base"` // what its repetitions come to
	Head   float64 `json:"head"`
	Limit  float64 `json:"limit"` // what head may be above base
	State  State   `json:"state"`
	Why    string  `json:"why,omitempty"` // of Unsteady, Missing and Accepted

	// Of a time: head over base with its interval, the share by which head would have to be worse
	// for this run to find it in four of five cases, and ln of how much worse it was in each block.
	Ratio      stats.Interval `json:"ratio,omitzero"`
	Detectable float64        `json:"detectable,omitempty"`
	Logs       []float64      `json:"logs,omitempty"`
}

// Timed reports whether the row compares times, not counts.
func (row Row) Timed() bool { return row.Metric == Cost || row.Metric == Rate }

// Judge compares the counts of a server, metric by metric.
func Judge(model string, base, head Counts) []Row {
	var rows []Row
	for _, metric := range Metrics() {
		row := Row{Model: model, Metric: metric}
		b, h := base.Values[metric], head.Values[metric]
		if len(b) == 0 || len(h) == 0 {
			row.State, row.Why = Missing, "it was not counted"
			for _, c := range []Counts{base, head} {
				if why := c.Missing[metric]; why != "" {
					row.Why = why
				}
			}
			rows = append(rows, row)
			continue
		}
		var doubt [2]float64
		row.Base, doubt[0] = settle(metric, b)
		row.Head, doubt[1] = settle(metric, h)
		row.Limit = Limit(metric, row.Base)
		row.State, row.Why = judge(row, doubt)
		rows = append(rows, row)
	}
	return rows
}

func judge(row Row, doubt [2]float64) (State, string) {
	for side, name := range []string{"base", "head"} {
		if doubt[side] > row.Limit {
			return Unsteady, fmt.Sprintf("repetitions of %s differ by %.3g, more than the limit %.3g",
				name, doubt[side], row.Limit)
		}
	}
	const rounding = 1e-9
	switch change := row.Head - row.Base; {
	case change > row.Limit+rounding:
		return Worse, ""
	case change < -row.Limit-rounding:
		return Better, ""
	}
	return Same, ""
}

// Confirm joins the rows of two rounds with fresh processes: worse, or better, is what both
// say; what only one says is the same. What was unsteady in the first round and steady in the
// second is what the second says.
func Confirm(first, second []Row) []Row {
	out := slices.Clone(second)
	for i := range out {
		moved := out[i].State == Worse || out[i].State == Better
		if moved && first[i].State != out[i].State && first[i].State != Unsteady {
			out[i].State = Same
		}
	}
	return out
}

// Verdict is what the gate says in the end.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"      // something is worse
	Inconclusive Verdict = "undecided" // nothing is worse, but not everything could be decided
)

// Decide sums up. Missing metrics do not make a run inconclusive as long as the server has
// another that was decided: where counting system calls is forbidden, memory still gates.
func Decide(rows []Row) Verdict {
	verdict := Pass
	decided := map[string]bool{}
	for _, r := range rows {
		switch r.State {
		case Worse:
			return Fail
		case Unsteady:
			verdict = Inconclusive
		}
		decided[r.Model] = decided[r.Model] || (r.State != Missing && r.State != Unsteady)
	}
	for _, any := range decided {
		if !any {
			verdict = Inconclusive
		}
	}
	return verdict
}

// NeedsConfirming reports whether a second round could change what is said.
func NeedsConfirming(rows []Row) bool {
	return slices.ContainsFunc(rows, func(r Row) bool { return r.State != Same && r.State != Missing })
}

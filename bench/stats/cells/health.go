package cells

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"iomodels/bench/record"
)

// Health is what went wrong in the measured blocks of a group, added up: the figures of a
// group that is not sound are shown, and marked.
type Health struct {
	Blocks       int
	Verdict      string            // the generator's worst verdict on itself: valid, suspect or invalid
	Reasons      []string          // why it is not valid, each once
	Requests     map[string]uint64 // failed requests by class, time-outs and unanswered ones included
	Connects     map[string]uint64 // failed connects by class
	ClosedByPeer uint64            // connections that the server closed unasked
	Unsent       uint64            // requests that became due and never found a free connection
	Target       int               // connections asked for
	Peak         int               // fewest connections at the peak, over the blocks
}

// The generator's verdicts on itself.
const (
	valid   = "valid"
	suspect = "suspect"
	invalid = "invalid"
)

// Health adds up the blocks of a group.
func (g *Group) Health() Health {
	h := Health{Blocks: len(g.OK), Requests: map[string]uint64{}, Connects: map[string]uint64{}}
	for i, r := range g.OK {
		h.Verdict = worse(h.Verdict, r.Load.Verdict)
		for _, reason := range r.Load.Reasons {
			if !slices.Contains(h.Reasons, reason) {
				h.Reasons = append(h.Reasons, reason)
			}
		}
		addTo(h.Requests, r.Load.Requests.Errors)
		addTo(h.Requests, map[string]uint64{
			"timeout": r.Load.Requests.Timeouts, "unanswered": r.Load.Requests.InFlight,
		})
		addTo(h.Connects, r.Load.Connections.Failed)
		h.ClosedByPeer += r.Load.Connections.ClosedByPeer
		h.Unsent += r.Load.Requests.Unsent
		h.Target = max(h.Target, r.Load.Connections.Target)
		if i == 0 || r.Load.Connections.Peak < h.Peak {
			h.Peak = r.Load.Connections.Peak
		}
	}
	return h
}

func addTo(sum, more map[string]uint64) {
	for class, n := range more {
		if n > 0 {
			sum[class] += n
		}
	}
}

// worse returns the worse of two verdicts; a record without one is not called valid.
func worse(a, b string) string {
	rank := func(v string) int { return slices.Index([]string{"", valid, suspect, invalid}, v) }
	if rank(a) >= rank(b) {
		return a
	}
	return b
}

// Failures is the number of failed requests and connects together.
func (h Health) Failures() uint64 { return total(h.Requests) + total(h.Connects) }

// Sound reports whether the figures may be read without a mark: no failure, every connection
// up, and a generator that was not the bottleneck.
func (h Health) Sound() bool {
	return h.Blocks > 0 && h.Failures() == 0 && h.Verdict == valid && h.Peak >= h.Target
}

func total(classes map[string]uint64) (sum uint64) {
	for _, n := range classes {
		sum += n
	}
	return sum
}

// Classes writes counts by class, largest first: "reset 12, timeout 3"; "0" if there are none.
func Classes(counts map[string]uint64) string {
	names := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case counts[a] > counts[b]:
			return -1
		case counts[a] < counts[b]:
			return 1
		}
		return 0
	})
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, ", ")
}

// Sustained reports whether an open-loop group served what it was offered: at least 99 % of
// the rate, in every block. Beyond that point its latencies are those of a queue that grows.
func (g *Group) Sustained() bool {
	for _, r := range g.OK {
		if r.Load.RatePerS < 0.99*r.Cell.Rate {
			return false
		}
	}
	return len(g.OK) > 0
}

// Absence says why a group has no figure, in one line; "" if it has one in some block.
func (g *Group) Absence() string {
	switch {
	case len(g.OK) > 0:
		return ""
	case len(g.Out) > 0:
		return Why(g.Out[len(g.Out)-1])
	}
	return "not reached: the run ended before"
}

// Why is the first line of the reason for which a record holds no measurement.
func Why(r record.Record) string {
	if r.Skipped != "" {
		return "skipped: " + firstLine(r.Skipped)
	}
	return "failed: " + firstLine(r.Failed)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(line)
}

package duel

import (
	"fmt"
	"strings"

	"iomodels/bench/stats"
)

// Text is the result for people: what was compared, then a line per ratio.
func (r Result) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s / %s, %s: %d rounds of 4 slices of %.1f s, one CPU",
		r.A.Name, r.B.Name, r.Load, r.Rounds, r.SliceS)
	if r.Repeated > 0 {
		fmt.Fprintf(&b, ", %d slices repeated because the CPU was not ours alone", r.Repeated)
	}
	b.WriteString("\n")
	for _, line := range []struct {
		name string
		iv   stats.Interval
		key  string
	}{
		{"norm (server CPU / generator CPU)", r.Norm, ByNorm},
		{"total CPU per request", r.Total, ""},
		{"server CPU per request", r.Plain, ByPlain},
		{"replies per second", r.Rate, ByRate},
		{"p99 response time", r.P99, ""},
	} {
		fmt.Fprintf(&b, "  %-34s %.3f [%.3f %.3f]", line.name, line.iv.Value, line.iv.Lo, line.iv.Hi)
		if line.key == r.Judged && r.Must > 0 {
			fmt.Fprintf(&b, "  must %g: %s, goal %g: %s", r.Must, word(r.Held(r.Must)), r.Goal, word(r.Held(r.Goal)))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "  server CPU per request, median     %.2f us / %.2f us\n", r.CostA*1e6, r.CostB*1e6)
	return b.String()
}

func word(held bool) string {
	if held {
		return "held"
	}
	return "missed"
}

// String names the workload in a phrase.
func (w Workload) String() string {
	var b strings.Builder
	if w.Proto == "echo" {
		fmt.Fprintf(&b, "echo of %d B, ", w.Size)
	} else {
		path := w.Path
		if path == "" {
			path = "/"
		}
		fmt.Fprintf(&b, "HTTP GET %s, ", path)
	}
	b.WriteString(several(w.Conns, "connection"))
	if w.Pipeline > 1 {
		fmt.Fprintf(&b, ", %d requests in flight on each", w.Pipeline)
	}
	if w.RequestsPerConn > 0 {
		b.WriteString(", " + several(w.RequestsPerConn, "request") + " per connection")
	}
	if w.Rate > 0 {
		fmt.Fprintf(&b, ", %.0f/s offered", w.Rate)
	}
	return b.String()
}

func several(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

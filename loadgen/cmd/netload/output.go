package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"iomodels/loadgen"
)

// write prints the result and writes the files that were asked for.
func (o *options) write(w io.Writer, s loadgen.Summary, h loadgen.Histograms) error {
	err := toFile(o.hgrm, func(w io.Writer) error {
		return h.Response.WriteHGRM(w, float64(time.Millisecond))
	})
	err = errors.Join(err, toFile(o.csv, func(w io.Writer) error { return writeCSV(w, s.Intervals) }))
	if o.json {
		return errors.Join(err, json.NewEncoder(w).Encode(s))
	}
	return errors.Join(err, writeTable(w, s))
}

// toFile writes a whole file or none: the name appears when the content is complete.
func toFile(name string, write func(io.Writer) error) (err error) {
	if name == "" {
		return nil
	}
	partial := name + ".partial"
	f, err := os.Create(partial)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(partial)
		}
	}()
	out := bufio.NewWriter(f)
	if err := errors.Join(write(out), out.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(partial, name)
}

func writeCSV(w io.Writer, intervals []loadgen.Interval) error {
	fmt.Fprintln(w, "at_s,phase,ok,errors,opened,open,p50_ns,p99_ns,max_lag_ns")
	for _, i := range intervals {
		if _, err := fmt.Fprintf(w, "%.6f,%s,%d,%d,%d,%d,%d,%d,%d\n",
			i.AtS, i.Phase, i.OK, i.Errors, i.Opened, i.Open, i.P50, i.P99, i.MaxLag); err != nil {
			return err
		}
	}
	return nil
}

// writeTable is the result for people. It leads with what a user of the server would feel.
func writeTable(w io.Writer, s loadgen.Summary) error {
	if err := writeSearch(w, s.Search); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\n\n", title(s.Plan))
	times := tabwriter.NewWriter(w, 0, 8, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(times, "  \tp50\tp90\tp99\tp99.9\tp99.99\tmax\tmean\t\n")
	row(times, "response time", s.Response)
	row(times, "service time", s.Service)
	if s.Lag.Count > 0 {
		row(times, "lag", s.Lag)
	}
	for _, kind := range s.Kinds {
		row(times, kind.Path, kind.Response)
	}
	row(times, "connect", s.Connect)
	if err := times.Flush(); err != nil {
		return err
	}
	if err := writeSteps(w, s.Steps); err != nil {
		return err
	}
	if line := explain(s); line != "" {
		fmt.Fprintf(w, "\n%s\n", line)
	}
	return writeFacts(w, s)
}

// writeSearch prints each rate a search tried, in rising order, and what it found.
func writeSearch(w io.Writer, search *loadgen.Search) error {
	if search == nil {
		return nil
	}
	probes := slices.SortedFunc(slices.Values(search.Probes), func(a, b loadgen.Probe) int {
		return cmp.Compare(a.Offered, b.Offered)
	})
	name, _, _ := strings.Cut(search.Objective, "<")
	table := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintf(table, "  offered per second\treplies per second\t%s\t\n", name)
	for _, p := range probes {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", thousands(p.Offered), thousands(p.RatePerS),
			short(p.Percentile), keeping(p))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	found := fmt.Sprintf("%s holds up to %s requests per second", search.Objective, thousands(search.RatePerS))
	switch {
	case !search.Kept:
		found = fmt.Sprintf("%s does not hold at the lowest rate that was tried", search.Objective)
	case search.Limit == "":
		found += "; no rate was too high"
	}
	_, err := fmt.Fprintf(w, "\n%s (%d probes).\n\n", found, len(probes))
	return err
}

func keeping(p loadgen.Probe) string {
	if p.Kept {
		return "kept"
	}
	return "missed: " + p.Why
}

// writeSteps prints each of several offered rates.
func writeSteps(w io.Writer, steps []loadgen.Step) error {
	if len(steps) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 8, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\n  offered per second\treplies\tlost\tresponse p50\tp90\tp99\tp99.9\tmax\t"+
		"service p99\t\n")
	for _, s := range steps {
		fmt.Fprintf(table, "  %s\t%s\t%s\t", thousands(s.Offered), thousands(s.RatePerS),
			thousands(float64(s.Requests.Scheduled-s.Requests.OK)))
		for _, p := range percentiles(s.Response)[:4] {
			fmt.Fprintf(table, "%s\t", p)
		}
		fmt.Fprintf(table, "%s\t%s\t\n", short(s.Response.Max), percentiles(s.Service)[2])
	}
	return table.Flush()
}

func writeFacts(w io.Writer, s loadgen.Summary) error {
	facts := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	say := func(name, format string, args ...any) {
		fmt.Fprintf(facts, name+"\t"+format+"\n", args...)
	}
	r, c, g := s.Requests, s.Connections, s.Generator
	fmt.Fprintln(facts)
	say("rate", "%s verified replies per second over %.3g s", thousands(s.RatePerS), s.ElapsedS)
	say("requests", "%s sent, %s ok%s", thousands(float64(r.Sent)), thousands(float64(r.OK)), losses(r))
	say("connections", "%d of %d open at most, %d opened%s",
		c.Peak, c.Target, c.Opened, counts(", failed: ", c.Failed))
	say("sessions", "session rate %s per second, %d concurrent sessions, data rate %s bytes per second",
		thousands(s.Sessions.RatePerS), s.Sessions.Concurrent, thousands(s.Sessions.BytesPerS))
	if d := s.Drip; d != nil {
		say("slow uploads", "%d of %d opened, %s bytes sent, %d whole, %d closed by the server, %d failed",
			d.Opened, d.Conns, thousands(float64(d.Out)), d.Uploads, d.ClosedByPeer, d.Failed)
	}
	say("in flight", "%.1f on average; rate x service time is %.1f (Little's law, %.1f %% off)",
		s.Little.InFlight, s.Little.RateXTime, s.Little.ResidualPct)
	if line := stamps(s.Stamps); line != "" {
		say("kernel stamps", "%s", line)
	}
	say("generator", "%.2f s of CPU (%.0f %% system, %.3g us per reply), busiest loop %.0f %%,"+
		" waited for a CPU %.1f %%", g.CPUS, systemShare(g), 1e6*ratio(g.CPUS, float64(s.WindowOK)),
		g.LoopCPUPct, g.RunDelayPct)
	if s.Cost == s.Verdict {
		say("verdict", "%s", s.Verdict)
	} else {
		say("verdict", "%s for times and rates, %s for counts and cost", s.Verdict, s.Cost)
	}
	for _, reason := range s.Reasons {
		say("", "- %s", reason)
	}
	return facts.Flush()
}

// stamps says how far the generator's clock readings are from the kernel's.
func stamps(s loadgen.Stamps) string {
	switch {
	case s.Connections == 0:
		return ""
	case s.Unavailable != "":
		return "none: " + s.Unavailable
	case s.Send.Count+s.Receive.Count == 0:
		return "none came"
	}
	return fmt.Sprintf("sent %s after the clock was read (p99 %s), read %s after arrival (p99 %s), on %d connections",
		short(s.Send.P50), short(s.Send.P99), short(s.Receive.P50), short(s.Receive.P99), s.Connections)
}

func title(p loadgen.Plan) string {
	what := strings.TrimSpace(p.Proto + " " + p.Path + p.Mix)
	load := "closed loop"
	switch {
	case p.Rate > 0:
		load = fmt.Sprintf("%s requests per second", thousands(p.Rate))
	case len(p.Steps) > 0:
		load = fmt.Sprintf("%d offered rates of %v each", len(p.Steps), p.Duration/time.Duration(len(p.Steps)))
	}
	if p.Rate > 0 || len(p.Steps) > 0 {
		load += fmt.Sprintf(", %s, %s, late ones: %s", p.Arrival, p.Choice, p.Late)
	}
	idle := ""
	if p.Idle > 0 {
		idle = fmt.Sprintf(" and %d idle", p.Idle)
	}
	return fmt.Sprintf("%s at %s: %d connections%s, %s", what, p.Addr, p.Conns, idle, load)
}

// row prints a distribution; a dash stands for what too few samples cannot say.
func row(w io.Writer, name string, l loadgen.Latency) {
	fmt.Fprintf(w, "  %s\t", name)
	for _, cell := range percentiles(l) {
		fmt.Fprintf(w, "%s\t", cell)
	}
	fmt.Fprintf(w, "%s\t%s\t\n", short(l.Max), short(int64(l.Mean)))
}

// percentiles writes p50, p90, p99, p99.9 and p99.99.
func percentiles(l loadgen.Latency) (cells []string) {
	for _, p := range []struct {
		name string
		ns   int64
	}{{"p50", l.P50}, {"p90", l.P90}, {"p99", l.P99}, {"p99_9", l.P999}, {"p99_99", l.P9999}} {
		cell := short(p.ns)
		if slices.Contains(l.Bounds, p.name) {
			cell = ">=" + cell
		}
		if slices.Contains(l.Marked, p.name) || l.Count == 0 {
			cell = "-"
		}
		cells = append(cells, cell)
	}
	return cells
}

// explain says in one line why response and service time part, when they do.
func explain(s loadgen.Summary) string {
	if s.Lag.Count == 0 {
		return "Closed loop: a stalled server is asked less, so stalls hardly show; --rate shows them."
	}
	if s.Response.P99 < s.Service.P99+s.Service.P99/10 && s.Response.Max < 2*s.Service.Max {
		return ""
	}
	return "Response time counts from when a request was due, service time from when it was sent; between\n" +
		"them it waited for a free connection, or for this generator (see lag). Users feel the response time."
}

func losses(r loadgen.Requests) string {
	lost := maps.Clone(r.Errors)
	lost["timeout"], lost["in flight"], lost["unsent"] = r.Timeouts, r.InFlight, r.Unsent
	return counts(", ", map[string]uint64{"sent more than 1 ms late:": r.Late}) + counts(", lost: ", lost)
}

// counts lists what there is any of.
func counts(prefix string, by map[string]uint64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if n := by[name]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return prefix + strings.Join(parts, ", ")
}

func systemShare(g loadgen.Generator) float64 { return 100 * ratio(g.CPUSysS, g.CPUUserS+g.CPUSysS) }

func ratio(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// short prints a duration with three digits.
func short(ns int64) string {
	units := [...]string{"ns", "us", "ms", "s"}
	v, unit := float64(ns), 0
	for ; v >= 999.5 && unit < len(units)-1; unit++ {
		v /= 1000
	}
	if v >= 999.5 {
		return thousands(v) + units[unit]
	}
	return fmt.Sprintf("%.3g%s", v, units[unit])
}

// thousands prints a number with commas.
func thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

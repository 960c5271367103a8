package record

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"iomodels/loadgen"
)

// benchUnit is one measure of bench.txt: what the unit is called, which way is better, and how
// to take it from a record. ok is false where the record has no such figure.
type benchUnit struct {
	name, better string
	value        func(Record) (v float64, ok bool)
}

// always wraps a figure that every measured record has.
func always(f func(Record) float64) func(Record) (float64, bool) {
	return func(r Record) (float64, bool) { return f(r), true }
}

// MinTail is how many samples of a block must lie beyond a percentile before it is reported.
// With thirty the rank is uncertain by a third of the tail, which the interval over blocks
// then shows; with a handful the figure would be an accident.
const MinTail = 30

// supported wraps a percentile of the response time that has MinTail samples on either side.
func supported(q float64, f func(loadgen.Latency) int64) func(Record) (float64, bool) {
	return func(r Record) (float64, bool) {
		l := r.Load.Response
		return float64(f(l)), math.Round(float64(l.Count)*min(q, 1-q)) >= MinTail
	}
}

func benchUnits() []benchUnit {
	perRequest := func(f func(Record) float64) func(Record) (float64, bool) {
		return func(r Record) (float64, bool) {
			n := float64(r.Replies())
			return 1e9 * f(r) / max(n, 1), n > 0
		}
	}
	return []benchUnit{
		{"req/s", "higher", always(func(r Record) float64 { return r.Load.RatePerS })},
		{"p50-ns", "lower", supported(0.50, func(l loadgen.Latency) int64 { return l.P50 })},
		{"p99-ns", "lower", supported(0.99, func(l loadgen.Latency) int64 { return l.P99 })},
		{"cpu-ns/req", "lower", perRequest(func(r Record) float64 { return r.Server.CPUS })},
		{"user-ns/req", "lower", perRequest(func(r Record) float64 { return r.Server.CPUUserS })},
		{"sys-ns/req", "lower", perRequest(func(r Record) float64 { return r.Server.CPUSysS })},
		{"norm", "lower", func(r Record) (float64, bool) { return r.Norm(), r.Norm() > 0 }},
		{"syscalls/req", "lower", Record.SyscallsPerRequest},
		{"B/conn", "lower", func(r Record) (float64, bool) {
			conns := r.Cell.Conns + r.Cell.Idle
			grown := r.Server.RSSIdle - r.Server.RSSBase
			return float64(grown) / float64(max(conns, 1)), r.Server.RSSIdle > 0 && conns >= 1000 && grown >= 0
		}},
	}
}

// WriteBenchfmt writes bench.txt into the run's folder.
func WriteBenchfmt(run *Run) error {
	return WriteWhole(filepath.Join(run.Dir, BenchFile), Benchfmt(run))
}

// Benchfmt is a run in Go benchmark format, so that the tools of that world work on it
// unchanged, `benchstat -col /model` first. Records that hold no measurement, or one the
// generator itself calls invalid, are left out: the format has no place for a doubt.
func Benchfmt(run *Run) []byte {
	w := new(bytes.Buffer)
	units := benchUnits()
	for _, u := range units {
		fmt.Fprintf(w, "Unit %s better=%s\n", u.name, u.better)
	}
	env := run.Env
	for _, kv := range [][2]string{
		{"goos", "linux"},
		{"pkg", "iomodels"},
		{"cpu", env.CPU},
		{"kernel", env.Kernel},
		{"go", env.Go},
		{"commit", env.Commit},
		{"profile", env.Profile},
	} {
		if kv[1] != "" {
			fmt.Fprintf(w, "%s: %s\n", kv[0], kv[1])
		}
	}
	for _, rec := range run.Records {
		if !rec.OK() || rec.Load.Verdict == "invalid" {
			continue
		}
		fmt.Fprintf(w, "Benchmark%s-%d 1", rec.Cell.BenchName(), max(env.CPUs, 1))
		for _, u := range units {
			if v, ok := u.value(rec); ok {
				fmt.Fprintf(w, " %s %s", strconv.FormatFloat(v, 'g', 7, 64), u.name)
			}
		}
		fmt.Fprintln(w)
	}
	return w.Bytes()
}

// BenchName spells a cell as the name of a benchmark, without that word: key=value parts, each
// without blank or slash.
func (c Cell) BenchName() string {
	var b strings.Builder
	b.WriteString("Serve")
	clean := strings.NewReplacer("/", "_", " ", "_")
	for _, part := range c.Parts() {
		b.WriteString("/" + part[0] + "=" + clean.Replace(strings.TrimPrefix(part[1], "/")))
	}
	return b.String()
}

// Parts are the fields of a cell as keys and values: those that every cell has, then those
// that are not zero. Two cells with the same parts are the same cell.
func (c Cell) Parts() [][2]string {
	parts := [][2]string{
		{"model", c.Model},
		{"proto", c.Proto},
		{"workload", c.Workload},
		{"topology", c.Topology},
		{"conns", strconv.Itoa(c.Conns)},
		{"size", strconv.Itoa(c.Size)},
	}
	for _, extra := range []struct {
		key   string
		value any
		set   bool
	}{
		{"idle", c.Idle, c.Idle != 0},
		{"pipeline", c.Pipeline, c.Pipeline != 0},
		{"rate", strconv.FormatFloat(c.Rate, 'f', -1, 64), c.Rate != 0},
		{"path", c.Path, c.Path != ""},
		{"offload", c.Offload, c.Offload != 0},
		{"mix", c.Mix, c.Mix != ""},
		{"beside", c.Beside, c.Beside != ""},
		{"arm", c.Arm, c.Arm != ""},
	} {
		if extra.set {
			parts = append(parts, [2]string{extra.key, fmt.Sprint(extra.value)})
		}
	}
	return parts
}

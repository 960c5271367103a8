package record

import (
	"bufio"
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
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

func benchUnits() []benchUnit {
	perRequest := func(f func(Record) float64) func(Record) (float64, bool) {
		return func(r Record) (float64, bool) {
			n := float64(r.Replies())
			return 1e9 * f(r) / max(n, 1), n > 0
		}
	}
	return []benchUnit{
		{"req/s", "higher", always(func(r Record) float64 { return r.Load.RatePerS })},
		{"p50-ns", "lower", always(func(r Record) float64 { return float64(r.Load.Response.P50) })},
		{"p99-ns", "lower", always(func(r Record) float64 { return float64(r.Load.Response.P99) })},
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

// WriteBenchfmt writes bench.txt into the run's folder: the records in Go benchmark format, so
// that the tools of that world work on them unchanged, `benchstat -col /model` first. Records
// that hold no measurement, or one the generator itself calls invalid, are left out: the
// format has no place for a doubt.
func WriteBenchfmt(run *Run) error {
	var buf bytes.Buffer
	w := bufio.NewWriter(&buf)
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
		fmt.Fprintf(w, "%s-%d 1", benchName(rec.Cell), max(env.CPUs, 1))
		for _, u := range units {
			if v, ok := u.value(rec); ok {
				fmt.Fprintf(w, " %s %s", strconv.FormatFloat(v, 'g', 7, 64), u.name)
			}
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", BenchFile, err)
	}
	return WriteWhole(filepath.Join(run.Dir, BenchFile), buf.Bytes())
}

// benchName spells a cell as a benchmark name: key=value parts, each without blank or slash.
func benchName(c Cell) string {
	var b strings.Builder
	part := func(key, value string) {
		b.WriteString("/" + key + "=" + strings.NewReplacer("/", "_", " ", "_").Replace(value))
	}
	b.WriteString("BenchmarkServe")
	part("model", c.Model)
	part("proto", c.Proto)
	part("workload", c.Workload)
	part("topology", c.Topology)
	part("conns", strconv.Itoa(c.Conns))
	part("size", strconv.Itoa(c.Size))
	for _, extra := range []struct {
		key   string
		value int
	}{{"idle", c.Idle}, {"pipeline", c.Pipeline}, {"rate", int(c.Rate)}} {
		if extra.value != 0 {
			part(extra.key, strconv.Itoa(extra.value))
		}
	}
	if c.Path != "" {
		part("path", strings.TrimPrefix(c.Path, "/"))
	}
	return b.String()
}

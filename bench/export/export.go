// Package export writes a run in the formats that other tools read, so that whoever keeps a
// dashboard already need not keep ours as well.
//
// # What goes out
//
// A figure per cell and metric: the median over the blocks with its exact interval, and the
// ratio to the baseline in the same blocks. Absolute figures are only good for tools that keep
// each machine apart; where a tool compares whatever it is given with whatever came before,
// it gets the ratios, since both sides of a ratio saw the same machine.
//
// Cells that are not sound (failed requests, missing connections, a generator that calls its
// own measurement invalid) are left out of every format that has no place for a doubt. JUnit
// has one: there they are failures.
//
// # The formats, and what they ask for
//
// Each is written after its published description, and a test checks each against it.
//
//   - bench: golang.org/design/14313-benchmark-format. Lines "Unit U better=higher|lower" are
//     those of golang.org/x/perf/benchfmt, "Unit metadata". `benchstat -col /model` reads it.
//   - github-bigger, github-smaller: src/extract.ts of benchmark-action/github-action-benchmark,
//     tools customBiggerIsBetter and customSmallerIsBetter: an array of objects with name, unit
//     (strings) and value (number), optional strings range and extra. A file has one direction,
//     hence two of them. Its tool "go" takes every unit for smaller-is-better, req/s included.
//   - bencher: bencher.dev/bmf.json (JSON Schema draft 7): benchmark name, in it measure name,
//     in it numbers value (required), lower_value, upper_value. Names have at most 1024 and 64
//     characters (bencher.dev/docs/reference/bencher-metric-format).
//   - junit: junit-10.xsd of the Jenkins xunit plugin, as pytest keeps it: a suite has name,
//     tests, failures and errors; a case has a name, and may hold failure or skipped, which have
//     message and type. A time has at most three decimals and no exponent.
//   - csv: RFC 4180, one header line, the columns of results/charts/summary.csv.
//   - openmetrics: OpenMetrics 1.0 text. TYPE, UNIT and HELP of a family stand before its samples,
//     families do not interleave, a unit is the suffix of the name, quotes, backslashes and line
//     feeds in a label are escaped, and the text ends with "# EOF" and a line feed.
package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"iomodels/bench/record"
	"iomodels/bench/report"
	"iomodels/bench/stats/cells"
)

// Format is one way to write a run.
type Format struct {
	Name string
	Is   string // who reads it, for the help text
	File string // the name that its readers expect
	to   func(w io.Writer, run *record.Run, set *cells.Set) error
}

// Formats lists all formats, in the order of the help text.
func Formats() []Format {
	return []Format{
		{"bench", "Go benchmark format, for benchstat", "bench.txt", benchText},
		{"github-bigger", "github-action-benchmark, customBiggerIsBetter: ratios", "bigger.json", githubBigger},
		{"github-smaller", "github-action-benchmark, customSmallerIsBetter: ratios", "smaller.json", githubSmaller},
		{"bencher", "Bencher metric format", "bencher.json", bencher},
		{"junit", "JUnit XML, a case per cell", "junit.xml", junit},
		{"csv", "comma-separated values, a row per cell and metric", "summary.csv", csvTable},
		{"openmetrics", "OpenMetrics text, for a text-file collector", "iomodels.prom", openMetrics},
	}
}

// Write writes the run to w; baseline "" is the usual one.
func (f Format) Write(w io.Writer, run *record.Run, baseline string) error {
	var whole bytes.Buffer // a format that fails half-way leaves nothing behind
	if err := f.to(&whole, run, cells.New(run.Env, run.Records, baseline)); err != nil {
		return fmt.Errorf("export as %s: %w", f.Name, err)
	}
	if _, err := w.Write(whole.Bytes()); err != nil {
		return fmt.Errorf("export as %s: %w", f.Name, err)
	}
	return nil
}

func benchText(w io.Writer, run *record.Run, _ *cells.Set) error {
	_, err := w.Write(record.Benchfmt(run))
	return err
}

func csvTable(w io.Writer, _ *record.Run, set *cells.Set) error {
	return report.Figures(set).CSV(w)
}

// column is a metric as other tools are to call it.
type column struct {
	metric cells.Metric
	slug   string  // letters, digits and hyphens, with the unit
	scale  float64 // from base units to that of the slug
	family string  // OpenMetrics name, with the unit as its suffix
	unit   string  // that suffix
}

// columns lists what is exported. Where few samples support a percentile, its cells lack it.
func columns() []column {
	return []column{
		{cells.Throughput(), "throughput", 1, "iomodels_throughput_requests_per_second", "requests_per_second"},
		{cells.Response(0.50), "latency-p50-ns", 1e9, "iomodels_response_p50_seconds", "seconds"},
		{cells.Response(0.99), "latency-p99-ns", 1e9, "iomodels_response_p99_seconds", "seconds"},
		{cells.Response(0.999), "latency-p99-9-ns", 1e9, "iomodels_response_p99_9_seconds", "seconds"},
		{cells.ServerCPU(), "cpu-ns-per-request", 1e9, "iomodels_server_cpu_per_request_seconds", "seconds"},
		{cells.Norm(), "cpu-server-over-generator", 1, "iomodels_cpu_server_over_generator_ratio", "ratio"},
		{cells.Syscalls(), "syscalls-per-request", 1, "iomodels_syscalls_per_request", ""},
		{cells.UserMemory(), "bytes-per-connection", 1, "iomodels_memory_per_connection_bytes", "bytes"},
	}
}

// figures pairs each figure of the sound cells with its column.
func figures(set *cells.Set, visit func(column, cells.Figure)) {
	for _, c := range columns() {
		for _, f := range set.Figures([]cells.Metric{c.metric}, false) {
			visit(c, f)
		}
	}
}

// encode writes JSON for people and programs; names keep their "<" and "&".
func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

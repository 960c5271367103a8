package export

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// ratioFamily holds the ratios to the baseline of all metrics.
const ratioFamily = "iomodels_to_baseline_ratio"

// openMetrics writes a gauge per metric, each with the labels of the cell and a label "bound"
// (value, lo, hi), a gauge for the ratios, and the run itself as an info.
func openMetrics(w io.Writer, run *record.Run, set *cells.Set) error {
	var out, ratios strings.Builder
	fmt.Fprintf(&out, "# TYPE iomodels_run info\n# HELP iomodels_run What the figures were measured with.\n")
	fmt.Fprintf(&out, "iomodels_run_info%s 1\n", labels(
		"commit", cells.Commit(run.Env), "profile", run.Env.Profile, "seed", fmt.Sprint(run.Env.Seed),
		"machine", cells.Machine(run.Env), "host", run.Env.Host, "baseline", set.Baseline))
	for _, c := range columns() {
		fs := set.Figures([]cells.Metric{c.metric}, false)
		if len(fs) == 0 {
			continue
		}
		describe(&out, c.family, c.unit, c.metric.Definition)
		for _, f := range fs {
			samples(&out, c.family, f.Median, cellLabels(f.Group.Cell))
			if f.Ratio.OK() {
				samples(&ratios, ratioFamily, f.Ratio, append(cellLabels(f.Group.Cell), "metric", c.slug))
			}
		}
	}
	if ratios.Len() > 0 {
		describe(&out, ratioFamily, "ratio", "A metric over that of the baseline in the same blocks.")
	}
	_, err := io.WriteString(w, out.String()+ratios.String()+"# EOF\n")
	return err
}

// describe opens a family. A family without a unit has no UNIT line.
func describe(w io.Writer, family, unit, help string) {
	fmt.Fprintf(w, "# TYPE %s gauge\n", family)
	if unit != "" {
		fmt.Fprintf(w, "# UNIT %s %s\n", family, unit)
	}
	fmt.Fprintf(w, "# HELP %s %s\n", family, escape(help))
}

func samples(w io.Writer, family string, iv stats.Interval, pairs []string) {
	sample := func(bound string, v float64) {
		fmt.Fprintf(w, "%s%s %s\n", family, labels(append(pairs[:len(pairs):len(pairs)], "bound", bound)...),
			strconv.FormatFloat(v, 'g', -1, 64))
	}
	sample("value", iv.Value)
	if iv.Bounded() {
		sample("lo", iv.Lo)
		sample("hi", iv.Hi)
	}
}

func cellLabels(c record.Cell) (pairs []string) {
	for _, part := range c.Parts() {
		pairs = append(pairs, part[0], part[1])
	}
	return pairs
}

// labels writes pairs of name and value; an empty value is the same as no label, and left out.
func labels(pairs ...string) string {
	var parts []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, fmt.Sprintf(`%s="%s"`, pairs[i], escape(pairs[i+1])))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}

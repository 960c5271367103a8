// Package report turns a run into something to read: charts, tables between the markers of
// REPORT.md and README.md, and a CSV of every figure.
//
// Prose is written by hand and never touched; whatever a machine measured stands between
//
//	<!-- generated:NAME begin -->
//	<!-- generated:NAME end -->
//
// and is replaced as a whole. So no figure is ever copied by hand, and a report that is
// rendered twice from the same records is the same, byte for byte.
package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"iomodels/bench/chart"
	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
)

// template is the report before any run: the hand-written parts, and empty markers.
//
//go:embed template.md
var template []byte

// SummaryFile is the CSV of every figure, written beside the charts.
const SummaryFile = "summary.csv"

// Options say where things go. The zero value is the layout of this tree, seen from its root.
type Options struct {
	ChartDir   string // charts and the CSV; "": results/charts
	ReportPath string // "": REPORT.md; made from the template if it does not exist
	ReadmePath string // "": no README is touched; it must exist, and have the marker "readme"
	Baseline   string // model that ratios refer to; "": the one that the run has given a twin, or else goroutine
	// The runs of the profiles with these names, for sections of their own; "": results/family and
	// results/handlers and so on. One that does not exist leaves its section to say how to measure it.
	FamilyDir, HandlersDir, QuadrantsDir string
}

func (o Options) withDefaults() Options {
	o.ChartDir = cmp.Or(o.ChartDir, filepath.Join("results", "charts"))
	o.ReportPath = cmp.Or(o.ReportPath, "REPORT.md")
	o.FamilyDir = cmp.Or(o.FamilyDir, filepath.Join("results", familyProfile))
	o.HandlersDir = cmp.Or(o.HandlersDir, filepath.Join("results", handlersProfile))
	o.QuadrantsDir = cmp.Or(o.QuadrantsDir, filepath.Join("results", quadrantsProfile))
	return o
}

// view is what the sections are written from.
type view struct {
	run    *record.Run
	set    *cells.Set
	charts []chart.Chart
	links  string // from the page to the charts
	runDir string // the run's folder as the page should name it

	family, handlers, quadrants topic
}

// Render draws all charts of the run into opt.ChartDir, beside them the CSV, and rewrites the
// generated parts of the report and, if asked, of the README. Pages are composed before
// anything is written, so a damaged marker is refused while all that was there still stands.
func Render(run *record.Run, opt Options) error {
	opt = opt.withDefaults()
	v := newView(run, opt)
	pages := map[string]string{}
	var err error
	if pages[opt.ReportPath], err = v.compose(opt, opt.ReportPath, template, sections()); err != nil {
		return err
	}
	if opt.ReadmePath != "" {
		readme := []section{{"readme", view.readme}}
		if pages[opt.ReadmePath], err = v.compose(opt, opt.ReadmePath, nil, readme); err != nil {
			return err
		}
	}
	if err := writeCharts(opt.ChartDir, v.charts); err != nil {
		return err
	}
	if err := writeFigures(opt.ChartDir, v.set); err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(pages)) {
		if err := record.WriteWhole(path, []byte(pages[path])); err != nil {
			return fmt.Errorf("write page: %w", err)
		}
	}
	return nil
}

func newView(run *record.Run, opt Options) view {
	set := cells.New(run.Env, run.Records, opt.Baseline)
	v := view{
		run: run, set: set, charts: chart.All(set),
		family:    openTopic(run, familyProfile, opt.FamilyDir, opt.Baseline),
		handlers:  openTopic(run, handlersProfile, opt.HandlersDir, opt.Baseline),
		quadrants: openTopic(run, quadrantsProfile, opt.QuadrantsDir, opt.Baseline),
	}
	v.charts = append(v.charts, v.family.charts(v.charts, chart.Family, chart.FamilyMemory)...)
	v.charts = append(v.charts, v.handlers.charts(v.charts, chart.Blocking, chart.Idlers, chart.HandlerTime)...)
	return v
}

// writeCharts paints the charts and removes those of an earlier run that this one lacks: a
// stale picture beside fresh ones would be a lie.
func writeCharts(dir string, charts []chart.Chart) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make chart folder: %w", err)
	}
	fresh := map[string]bool{}
	for _, c := range charts {
		fresh[c.Name] = true
		if err := c.Write(dir); err != nil {
			return err
		}
	}
	for _, name := range chart.Names() {
		if fresh[name] {
			continue
		}
		for _, ext := range []string{".svg", ".png"} {
			err := os.Remove(filepath.Join(dir, name+ext))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove stale chart: %w", err)
			}
		}
	}
	return nil
}

func writeFigures(dir string, set *cells.Set) error {
	var csv bytes.Buffer
	if err := Figures(set).CSV(&csv); err != nil {
		return err
	}
	if err := record.WriteWhole(filepath.Join(dir, SummaryFile), csv.Bytes()); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}

// compose returns a page with its generated parts rewritten. A page that does not exist
// begins as ifAbsent; nil: it must exist.
func (v view) compose(opt Options, path string, ifAbsent []byte, sections []section) (string, error) {
	page, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && ifAbsent != nil {
		page, err = ifAbsent, nil
	}
	if err != nil {
		return "", fmt.Errorf("read page: %w", err)
	}
	v.links, v.runDir = fromPage(path, opt.ChartDir), fromPage(path, v.run.Dir)
	generated := map[string]string{}
	for _, s := range sections {
		generated[s.name] = s.write(v)
	}
	filled, err := replace(string(page), generated)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return filled, nil
}

// fromPage is the path of target as a link on the page; where the two share no folder, only
// its last part: no path of somebody's machine belongs into a page.
func fromPage(page, target string) string {
	from, err := filepath.Abs(filepath.Dir(page))
	if err == nil {
		if target, err = filepath.Abs(target); err == nil {
			if rel, err := filepath.Rel(from, target); err == nil && !strings.HasPrefix(rel, "..") {
				return filepath.ToSlash(rel)
			}
		}
	}
	return filepath.Base(target)
}

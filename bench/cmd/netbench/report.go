package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"iomodels/bench/record"
	"iomodels/bench/report"
	"iomodels/bench/stats/cells"
)

func (a *app) reportCommand() *cobra.Command {
	var opt report.Options
	var html string
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Draw charts and tables of a run",
		Long: "Report draws the charts of a run, rewrites the generated parts of REPORT.md and leaves the page " +
			pageFile + "\n" +
			"beside the run; what is written by hand stays. With --html it writes that page alone, wherever you say:\n" +
			"one file that needs no network. A run with unreadable records is reported without them, and the exit\n" +
			"code is 1.",
		Example: `  netbench report results/reference
  netbench report --html /tmp/report.html results/reference
  netbench report --charts /tmp/charts --report /tmp/REPORT.md results/runs/20260101T120000Z-0123abc`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.report(args[0], html, opt) },
	}
	f := cmd.Flags()
	f.StringVar(&opt.ChartDir, "charts", filepath.Join("results", "charts"), "`folder` for the pictures")
	f.StringVar(&opt.ReportPath, "report", "REPORT.md", "`file` whose generated parts are rewritten")
	f.StringVar(&opt.ReadmePath, "readme", "", "`file` whose part \"readme\" is rewritten, too")
	f.StringVar(&opt.FamilyDir, "family", filepath.Join("results", "family"), "`run` of profile family, for its section")
	f.StringVar(&opt.HandlersDir, "handlers", filepath.Join("results", "handlers"), "`run` of profile handlers")
	f.StringVar(&opt.QuadrantsDir, "quadrants", filepath.Join("results", "quadrants"), "`run` of profile quadrants")
	f.StringVar(&html, "html", "", "write only the page, into this `file`")
	f.StringVar(&opt.Baseline, "baseline", "", "`model` that ratios refer to (default goroutine)")
	return cmd
}

func (a *app) report(dir, html string, opt report.Options) error {
	run, err := a.openRun(dir)
	if err != nil {
		return err
	}
	if html == "" {
		html = filepath.Join(dir, pageFile)
		if err := a.renderReport(run, opt); err != nil {
			return err
		}
	}
	if err := a.writeReportPage(html, run, opt.Baseline); err != nil {
		return err
	}
	if run.Corrupt > 0 {
		return &exitError{exitFailed, fmt.Errorf("%d records of %s are unreadable and were left out", run.Corrupt, dir)}
	}
	return nil
}

// renderReport writes charts, tables and the benchmark text.
func (a *app) renderReport(run *record.Run, opt report.Options) error {
	if err := report.Render(run, opt); err != nil {
		return err
	}
	bench := filepath.Join(run.Dir, record.BenchFile)
	if _, err := os.Stat(bench); errors.Is(err, fs.ErrNotExist) { // a run that was killed has none
		if err := record.WriteBenchfmt(run); err != nil {
			return err
		}
	}
	for _, t := range report.Verdicts(cells.New(run.Env, run.Records, opt.Baseline)) {
		fmt.Fprintf(a.stdout, "%s\n  %s\n", t.Title, t.Notes[0]) // the verdict, in a sentence
	}
	fmt.Fprintf(a.stdout, "report: %s\ncharts: %s\n", opt.ReportPath, opt.ChartDir)
	return nil
}

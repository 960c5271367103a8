package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"iomodels/bench/history"
	"iomodels/bench/record"
)

// historyFlags are the flags of the verbs of history.
type historyFlags struct {
	file, epoch, baseline, class, metric string
	html                                 string
	absolute, all                        bool
	model, place, out                    string // of the series that is drawn
}

func (a *app) historyCommand() *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Keep the figures of campaigns, and see how they move over commits",
		Long: "History is a file of JSON lines, one per campaign, only ever appended to. Figures of two kinds of\n" +
			"machine are never put side by side; a shift in a series is advice, not a verdict.",
		Example: "  netbench history --html /tmp/history.html",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.html == "" {
				return cmd.Help()
			}
			return a.historyPage(f)
		},
	}
	cmd.Flags().StringVar(&f.html, "html", "", "write the page of all series, one `file` that needs no network")
	cmd.PersistentFlags().StringVar(&f.file, "file", filepath.Join("results", "history.jsonl"), "the history")
	add := &cobra.Command{
		Use: "add RUN", Short: "Append the figures of a run", Args: cobra.ExactArgs(1),
		Example: "  netbench history add results/runs/20260101T120000Z-0123abc",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.historyAdd(cmd.Context(), args[0], f) },
	}
	add.Flags().StringVar(&f.epoch, "epoch", "1", "state of the reference: raise it when the reference server changes")
	add.Flags().StringVar(&f.baseline, "baseline", "", "`model` that ratios refer to (default goroutine)")
	show := &cobra.Command{
		Use: "show", Short: "List the series of a class of machines, the largest change on top", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.historyShow(f) },
	}
	show.Flags().StringVar(&f.class, "class", "", "class of machines (default: the one measured last)")
	show.Flags().StringVar(&f.metric, "metric", "", "only this metric, for example req/s")
	compare := &cobra.Command{
		Use: "compare BEFORE AFTER", Short: "Compare two campaigns by commit", Args: cobra.ExactArgs(2),
		Example: "  netbench history compare 0123abc 4567def\n  netbench history compare --absolute 0123abc 4567def",
		RunE:    func(_ *cobra.Command, args []string) error { return a.historyCompare(args[0], args[1], f) },
	}
	compare.Flags().BoolVar(&f.absolute, "absolute", false, "figures as they are; refused between machines of two kinds")
	compare.Flags().BoolVar(&f.all, "all", false, "also what did not move")
	cmd.AddCommand(add, show, compare, a.historyDraw(&f))
	return cmd
}

func (a *app) historyDraw(f *historyFlags) *cobra.Command {
	draw := &cobra.Command{
		Use: "draw", Short: "Draw a series as a sparkline and a badge, for a README", Args: cobra.NoArgs,
		Long: "Draw writes history.svg and badge.svg: the ratio of a model to the baseline, over the campaigns of one\n" +
			"class of machines. A history that does not exist yet is drawn as one without a point.",
		Example: "  netbench history draw --model proactor --metric norm --workload proto=http",
		RunE:    func(*cobra.Command, []string) error { return a.drawHistory(*f) },
	}
	draw.Flags().StringVar(&f.class, "class", "", "class of machines (default: the one measured last)")
	draw.Flags().StringVar(&f.model, "model", "reactor", "the `model`")
	draw.Flags().StringVar(&f.metric, "metric", "norm", "the `metric`")
	draw.Flags().StringVar(&f.place, "workload", "proto=echo workload=closed topology=shared conns=256",
		"the first workload whose name contains this `text`")
	draw.Flags().StringVar(&f.out, "out", filepath.Join("results", "charts"), "`folder` of the pictures")
	return draw
}

// drawHistory draws without refusing an empty history: a README links to the pictures from the
// first day.
func (a *app) drawHistory(f historyFlags) error {
	file, err := history.Read(f.file)
	if err != nil {
		return err
	}
	for _, w := range file.Warnings {
		fmt.Fprintf(a.stderr, "netbench: %s\n", w)
	}
	key, baseline := history.Key{Place: f.place, Model: f.model, Metric: f.metric}, "baseline"
	if classes := history.Classes(file.Lines); len(classes) > 0 {
		f.class = cmp.Or(f.class, classes[0])
		baseline = file.Lines[len(file.Lines)-1].Baseline
		keys := history.Keys(file.Lines, f.class)
		i := slices.IndexFunc(keys, func(k history.Key) bool {
			return k.Model == f.model && k.Metric == f.metric && strings.Contains(k.Place, f.place)
		})
		if i < 0 {
			return fmt.Errorf("class %s has no series of %s, %s, %q: netbench history show lists them",
				f.class, f.model, f.metric, f.place)
		}
		key = keys[i]
	}
	points := history.Series(file.Lines, f.class, key)
	spark, badge := filepath.Join(f.out, "history.svg"), filepath.Join(f.out, "badge.svg")
	if err := errors.Join(
		record.WriteWhole(spark, history.Sparkline(key, points)),
		record.WriteWhole(badge, history.Badge(key, baseline, points)),
	); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s, %s: %d campaigns of class %s\n", spark, badge, len(points), f.class)
	return nil
}

func (a *app) historyAdd(ctx context.Context, dir string, f historyFlags) error {
	run, err := a.openRun(dir)
	if err != nil {
		return err
	}
	if run.Corrupt > 0 {
		return fmt.Errorf("%d records of %s are unreadable: such a run does not belong in the history", run.Corrupt, dir)
	}
	line := history.FromRun(run, history.Options{
		Baseline: f.baseline, Epoch: f.epoch, Authored: commitTime(ctx, dir, run.Env.Commit),
	})
	if len(line.Cells) == 0 {
		return &exitError{exitUnavailable, fmt.Errorf("%s has no figure to keep", dir)}
	}
	if err := history.Append(f.file, line); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %d figures of commit %s, machines of class %s\n",
		f.file, len(line.Cells), line.Commit, line.Class)
	return nil
}

// commitTime asks git when a commit was made; zero where git does not know.
func commitTime(ctx context.Context, dir, commit string) time.Time {
	out, err := exec.CommandContext(ctx, "git", "-C", dir, "show", "-s", "--format=%cI", commit, "--").Output()
	if err != nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(string(out)))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// openHistory reads the history, and says what was skipped.
func (a *app) openHistory(path string) (history.File, error) {
	file, err := history.Read(path)
	if err != nil {
		return file, err
	}
	for _, w := range file.Warnings {
		fmt.Fprintf(a.stderr, "netbench: %s\n", w)
	}
	if len(file.Lines) == 0 {
		err := fmt.Errorf("%s holds no campaign: netbench history add RUN adds one", path)
		return file, &exitError{exitUnavailable, err}
	}
	return file, nil
}

func (a *app) historyPage(f historyFlags) error {
	file, err := a.openHistory(f.file)
	if err != nil {
		return err
	}
	return a.writeHistoryPage(f.html, file)
}

// trend is a series with what became of it.
type trend struct {
	key    history.Key
	points []history.Point
	change history.Change
	found  bool
}

func (a *app) historyShow(f historyFlags) error {
	file, err := a.openHistory(f.file)
	if err != nil {
		return err
	}
	classes := history.Classes(file.Lines)
	if f.class == "" {
		f.class = classes[0]
	}
	var trends []trend
	for _, key := range history.Keys(file.Lines, f.class) {
		if f.metric == "" || key.Metric == f.metric {
			t := trend{key: key, points: history.Series(file.Lines, f.class, key)}
			t.change, t.found = history.FindChange(t.points)
			trends = append(trends, t)
		}
	}
	if len(trends) == 0 {
		return fmt.Errorf("no series of class %q, metric %q (classes: %s)",
			f.class, f.metric, strings.Join(classes, ", "))
	}
	slices.SortStableFunc(trends, func(a, b trend) int { return worst(b) - worst(a) })
	fmt.Fprintf(a.stdout, "class %s of %s\n", f.class, strings.Join(classes, ", "))
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "MODEL\tMETRIC\tWORKLOAD\tPOINTS\tLAST COMMIT\tTO BASELINE\tABSOLUTE\tCHANGE (ADVICE)")
	for _, t := range trends {
		last := t.points[len(t.points)-1]
		ratio := intervalText(last.Cell.Ratio, last.Cell.Lo, last.Cell.Hi)
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%s\t%s\t%.4g %s\t%s\n", t.key.Model, t.key.Metric, t.key.Place,
			len(t.points), last.Commit, ratio, last.Cell.Abs, last.Cell.Unit, t.advice())
	}
	return tw.Flush()
}

// worst weighs a trend for the order: the size of its change in thousandths.
func worst(t trend) int {
	if !t.found {
		return 0
	}
	return int(1000 * math.Abs(math.Log(t.change.After/t.change.Before)))
}

func (t trend) advice() string {
	if !t.found {
		return "none seen"
	}
	return fmt.Sprintf("%.2f to %.2f from %s on: measure both side by side", t.change.Before, t.change.After,
		t.points[t.change.At].Commit)
}

func (a *app) historyCompare(before, after string, f historyFlags) error {
	file, err := a.openHistory(f.file)
	if err != nil {
		return err
	}
	lines := [2]history.Line{}
	for i, commit := range []string{before, after} {
		if lines[i], err = lineOf(file.Lines, commit); err != nil {
			return err
		}
	}
	compare, what := history.CompareRatios, "TO BASELINE"
	if f.absolute {
		compare, what = history.CompareAbsolutes, "ABSOLUTE"
	}
	shifts, err := compare(lines[0], lines[1])
	if err != nil {
		return err
	}
	if len(shifts) == 0 {
		return &exitError{exitUnavailable, errors.New("the two campaigns have no sound figure in common")}
	}
	if !f.absolute && lines[0].Class != lines[1].Class {
		a.say("warning: machines of two classes, %s and %s: a ratio, too, may depend on the machine",
			lines[0].Class, lines[1].Class)
	}
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "MODEL\tMETRIC\tWORKLOAD\t%s: AFTER / BEFORE\n", what)
	still := 0
	for _, s := range shifts {
		if !s.Apart {
			still++
		}
		if s.Apart || f.all {
			ratio := intervalText(s.Ratio, s.Lo, s.Hi)
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", s.Key.Model, s.Key.Metric, s.Key.Place, ratio)
		}
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print comparison: %w", err)
	}
	fmt.Fprintf(a.stdout, "%d of %d figures have intervals that touch: no change shown\n", still, len(shifts))
	return nil
}

// lineOf is the last campaign of a commit, which may be abbreviated.
func lineOf(lines []history.Line, commit string) (history.Line, error) {
	var known []string
	for _, l := range slices.Backward(lines) {
		if commit != "" && strings.HasPrefix(l.Commit, commit) {
			return l, nil
		}
		known = append(known, l.Commit)
	}
	return history.Line{}, fmt.Errorf("no campaign of commit %q in the history (there are: %s)",
		commit, strings.Join(known, ", "))
}

func intervalText(v, lo, hi float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f [%.3f–%.3f]", v, lo, hi)
}

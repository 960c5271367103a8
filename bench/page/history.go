package page

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"iomodels/bench/history"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// historyPage is what the template of the history is filled with.
type historyPage struct {
	frame
	Lede     string
	Classes  []class
	Warnings []string
}

// class is the campaigns of one kind of machine: figures of two kinds never share a drawing.
type class struct {
	ID        string
	Machine   []pair
	Campaigns []campaign
	Series    []series // the largest change for the worse first
}

// campaign is a line of the history.
type campaign struct {
	Commit  string `json:"commit"`
	Day     string `json:"day"`
	Time    string `json:"time"`
	Authors string `json:"authored,omitempty"` // when the commit was made
	Note    string `json:"note,omitempty"`
	Blocks  string `json:"blocks"`
	Rerun   string `json:"rerun,omitempty"`
}

// series is a figure over the campaigns of its class.
type series struct {
	Class    string         `json:"-"`
	Place    string         `json:"w"`
	Model    int            `json:"m"`
	Metric   string         `json:"metric"`
	Unit     string         `json:"unit"`
	Better   string         `json:"better"`
	Ratio    triple         `json:"ratio"`
	Abs      triple         `json:"abs"`
	N        []int          `json:"n"`
	Flags    []string       `json:"flags"`
	Segments []segment      `json:"segments"`
	Shown    model          `json:"-"`
	Spark    spark          `json:"-"`
	Points   int            `json:"-"`
	Last     string         `json:"-"`
	Advice   string         `json:"-"`
	bad      float64        // size of the change, positive for the worse
	found    bool           // there is a change
	change   history.Change // if found
}

// triple is a figure with its interval, one per campaign of the class.
type triple struct {
	Y  nums `json:"y"`
	Lo nums `json:"lo"`
	Hi nums `json:"hi"`
}

// segment is a stretch of campaigns between two advisory changes, and its median.
type segment struct {
	From  int  `json:"from"`
	To    int  `json:"to"` // the last campaign of it
	Ratio nums `json:"ratio"`
	Abs   nums `json:"abs"`
}

// historyData is what the scripts of the history read.
type historyData struct {
	Models  []model     `json:"models"`
	Classes []classData `json:"classes"`
}

type classData struct {
	ID        string     `json:"id"`
	Campaigns []campaign `json:"campaigns"`
	Series    []series   `json:"series"`
}

// History writes the page of a history. It must hold a campaign.
func History(w io.Writer, file history.File) error {
	if len(file.Lines) == 0 {
		return fmt.Errorf("history page: the history holds no campaign")
	}
	models := modelsOf(file.Lines)
	p := historyPage{Warnings: file.Warnings}
	data := historyData{}
	for _, id := range history.Classes(file.Lines) {
		c := newClass(file.Lines, id, models)
		p.Classes = append(p.Classes, c)
		data.Classes = append(data.Classes, classData{c.ID, c.Campaigns, c.Series})
	}
	p.Lede = many(len(file.Lines), "campaign") + " on machines of one class."
	if n := len(p.Classes); n > 1 {
		p.Lede = fmt.Sprintf("%d campaigns on machines of %d classes. Figures of two classes never share a drawing.",
			len(file.Lines), n)
	}
	var err error
	if p.frame, err = newFrame("iomodels: history", "history.js", models, nil); err != nil {
		return err
	}
	data.Models = p.Models
	p.Data = data
	return write(w, "history.html", p)
}

// many writes a number of things: "1 campaign", "3 campaigns".
func many(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func modelsOf(lines []history.Line) []string {
	var names []string
	for _, l := range lines {
		for _, c := range l.Cells {
			names = append(names, c.Model)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func newClass(all []history.Line, id string, models []string) class {
	var lines []history.Line
	for _, l := range all {
		if l.Class == id {
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, func(a, b history.Line) int { return a.Measured.Compare(b.Measured) })
	c := class{ID: id}
	latest := lines[len(lines)-1]
	for _, name := range sortedKeys(latest.Machine) {
		c.Machine = append(c.Machine, pair{name, latest.Machine[name]})
	}
	c.Machine = append(c.Machine, pair{"baseline", latest.Baseline}, pair{"reference epoch", latest.Epoch})
	index := make([]map[history.Key]history.Cell, len(lines))
	for i, l := range lines {
		c.Campaigns = append(c.Campaigns, newCampaign(l))
		index[i] = map[history.Key]history.Cell{}
		for _, cell := range l.Cells {
			index[i][history.Key{Place: cell.Place, Model: cell.Model, Metric: cell.Metric}] = cell
		}
	}
	for _, key := range history.Keys(lines, id) {
		s := newSeries(key, lines, index, slices.Index(models, key.Model))
		s.Class = id
		c.Series = append(c.Series, s)
	}
	slices.SortStableFunc(c.Series, func(a, b series) int {
		switch {
		case a.found != b.found && a.found:
			return -1
		case a.found != b.found:
			return 1
		}
		return cmp.Compare(b.bad, a.bad)
	})
	return c
}

// Changed are the series with an advisory change, those for the worse first.
func (c class) Changed() []series { return c.Series[:c.changed()] }

// Size says how much the class holds.
func (c class) Size() string {
	return fmt.Sprintf("%s, %d series", many(len(c.Campaigns), "campaign"), len(c.Series))
}

// Level are the others.
func (c class) Level() []series { return c.Series[c.changed():] }

func (c class) changed() int {
	n := slices.IndexFunc(c.Series, func(s series) bool { return !s.found })
	if n < 0 {
		return len(c.Series)
	}
	return n
}

// plainWord is what may stand in a command that a reader will paste into a shell.
var plainWord = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]*$`)

// minutes is how the page writes a time.
const minutes = "2006-01-02 15:04 UTC"

func newCampaign(l history.Line) campaign {
	c := campaign{
		Commit: l.Commit, Day: l.Measured.UTC().Format(time.DateOnly), Time: l.Measured.UTC().Format(minutes),
		Blocks: fmt.Sprintf("%d to %d", l.Blocks.Least, l.Blocks.Most),
	}
	if l.Blocks.Least == l.Blocks.Most {
		c.Blocks = fmt.Sprint(l.Blocks.Most)
	}
	if !l.Authored.IsZero() {
		c.Authors = l.Authored.UTC().Format(minutes)
	}
	var notes []string
	if l.Dirty {
		notes = append(notes, "the tree had changes that were not committed")
	}
	if l.Blocks.Disturbed > 0 {
		notes = append(notes, fmt.Sprintf("%d measurements were disturbed", l.Blocks.Disturbed))
	}
	if l.Blocks.Out > 0 {
		notes = append(notes, fmt.Sprintf("%d cells were skipped or failed", l.Blocks.Out))
	}
	c.Note = strings.Join(notes, "; ")
	if plainWord.MatchString(l.Commit) && plainWord.MatchString(l.Profile) {
		c.Rerun = fmt.Sprintf("git checkout %s && make build && bin/netbench run --profile %s --seed %d",
			l.Commit, l.Profile, l.Seed)
	}
	return c
}

func newSeries(key history.Key, lines []history.Line, index []map[history.Key]history.Cell, m int) series {
	s := series{
		Place: key.Place, Model: m, Metric: key.Metric, Shown: newModel(m, key.Model),
		Ratio: newTriple(len(lines)), Abs: newTriple(len(lines)),
		N: make([]int, len(lines)), Flags: make([]string, len(lines)),
	}
	var points []history.Point
	var at []int // the campaign of each point
	for i, l := range lines {
		cell, ok := index[i][key]
		if !ok {
			continue
		}
		points = append(points, history.Point{Commit: l.Commit, Measured: l.Measured, Cell: cell})
		at = append(at, i)
		s.Unit, s.Better, s.N[i], s.Flags[i] = cell.Unit, cell.Better, cell.N, strings.Join(cell.Flags, ", ")
		s.Abs.set(i, cell.Abs, cell.AbsLo, cell.AbsHi)
		if cell.Ratio > 0 {
			s.Ratio.set(i, cell.Ratio, cell.Lo, cell.Hi)
		}
	}
	s.Points = len(points)
	s.change, s.found = history.FindChange(points)
	s.judge(points, at)
	last := points[len(points)-1].Cell
	s.Last = fmt.Sprintf("%s %s", unitOf(last.Unit).Format(last.Abs), unitWord(last.Unit))
	if last.Ratio > 0 {
		s.Last = cells.Ratio.Interval(stats.Interval{Value: last.Ratio, Lo: last.Lo, Hi: last.Hi, N: last.N})
	}
	s.Spark = newSpark(s)
	return s
}

// judge divides the series where history advises to, and says so.
func (s *series) judge(points []history.Point, at []int) {
	borders := []int{0, len(points)}
	s.Advice = "none seen"
	if s.found {
		borders = []int{0, s.change.At, len(points)}
		s.Advice = fmt.Sprintf("%s to %s from %s on", cells.Ratio.Format(s.change.Before),
			cells.Ratio.Format(s.change.After), points[s.change.At].Commit)
		s.bad = math.Log(s.change.After / s.change.Before)
		if s.Better == "higher" {
			s.bad = -s.bad
		}
	}
	for i := range len(borders) - 1 {
		from, to := borders[i], borders[i+1]
		var ratios, absolutes []float64
		for _, p := range points[from:to] {
			if !p.Sound() {
				continue
			}
			absolutes = append(absolutes, p.Cell.Abs)
			if p.Cell.Ratio > 0 {
				ratios = append(ratios, p.Cell.Ratio)
			}
		}
		s.Segments = append(s.Segments, segment{at[from], at[to-1], medianOf(ratios), medianOf(absolutes)})
	}
}

// medianOf is the median as a list of one, or of none where there is none.
func medianOf(xs []float64) nums {
	if len(xs) == 0 {
		return nums{}
	}
	return nums{stats.Median(xs, stats.Level).Value}
}

// Worse reports whether the advisory change is one for the worse.
func (s series) Worse() bool { return s.found && s.bad > 0 }

// Moved reports whether there is an advisory change.
func (s series) Moved() bool { return s.found }

func newTriple(n int) triple {
	l := newLine(0, n)
	return triple{l.Y, l.Lo, l.Hi}
}

func (t triple) set(i int, y, lo, hi float64) { t.Y[i], t.Lo[i], t.Hi[i] = y, lo, hi }

// unitOf finds how a unit of the history is written.
func unitOf(name string) cells.Unit {
	switch name {
	case "1/s":
		return cells.Rate
	case "s":
		return cells.Seconds
	case "B":
		return cells.Bytes
	}
	return cells.Ratio
}

func unitWord(name string) string {
	if name == "1/s" {
		return "per second"
	}
	return ""
}

func sortedKeys(m map[string]string) []string {
	var out []string
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

package page

import (
	"cmp"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"iomodels/bench/explain"
	"iomodels/bench/record"
	"iomodels/bench/report"
	"iomodels/bench/stats/cells"
)

// reporter makes the parts of the report of a run.
type reporter struct {
	run    *record.Run
	set    *cells.Set
	models []string // of the set; a model's class on the page is its place here
}

// reportPage is what the template of the report is filled with.
type reportPage struct {
	frame
	Run         string
	Lede        string
	Sentences   []string
	Verdicts    []board
	Sections    []section
	Environment []pair
	Command     string
	Trouble     troubles
	Limits      []string
	Raw         []download
	Definitions []pair
}

// section is a part of the page: any of the kinds of drawings.
type section struct {
	Title  string
	Lede   string
	Charts []*lineChart
	Boards []board
	Heats  []heat
	Absent string // why it shows nothing
}

// ID is the target of links to the section.
func (s section) ID() string { return anchor(s.Title) }

// pair is a row of a table of two columns.
type pair struct{ Name, Value string }

// download is a file inside the page.
type download struct {
	Name string
	URL  template.URL
	Text string
	Size string
}

// reportData is what the scripts of the report read.
type reportData struct {
	Models []model      `json:"models"`
	Charts []*lineChart `json:"charts"`
}

// Report writes the page of a run. baseline is the model that ratios refer to; "": the usual one.
func Report(w io.Writer, run *record.Run, baseline string) error {
	set := cells.New(run.Env, run.Records, baseline)
	r := &reporter{run: run, set: set, models: set.Models}
	p := reportPage{
		Run: runName(run), Lede: r.lede(), Sentences: explain.Sentences(run, baseline),
		Verdicts: r.verdicts(), Sections: r.sections(), Environment: r.environment(),
		Command: strings.Join(run.Env.Command, " "), Trouble: r.trouble(), Limits: limits(set.Baseline),
		Definitions: definitions(),
	}
	var err error
	if p.Raw, err = r.raw(); err != nil {
		return err
	}
	data := reportData{Charts: []*lineChart{}}
	for _, s := range p.Sections {
		data.Charts = append(data.Charts, s.Charts...)
	}
	if p.frame, err = newFrame("iomodels: "+p.Run, "report.js", r.models, nil); err != nil {
		return err
	}
	data.Models = p.Models
	p.Data = data
	return write(w, "report.html", p)
}

// runName is the run as people call it: by its folder, without the path of somebody's machine.
func runName(run *record.Run) string {
	name := run.Dir[strings.LastIndexByte(run.Dir, '/')+1:]
	return cmp.Or(name, run.Env.Commit, "a run")
}

func (r *reporter) lede() string {
	groups := r.set.Groups(every)
	n := 0
	for _, g := range groups {
		n += len(g.OK)
	}
	return fmt.Sprintf("%s, %s; %s.", many(len(r.models), "model"), many(n, "measurement"), cells.BlocksNote(groups))
}

func (r *reporter) model(name string) model { return newModel(slices.Index(r.models, name), name) }

func every(record.Cell) bool { return true }

// verdicts are the boards that the page begins with: the headlines, which have the blocks for it, and
// what a user waits. A run without headlines shows cost and speed where most is to be seen.
func (r *reporter) verdicts() []board {
	var out []board
	add := func(title string, groups []*cells.Group, m cells.Metric, notes ...string) {
		if len(groups) == 0 {
			return
		}
		if b, ok := r.forest(cells.ProtoName(groups[0].Cell.Proto)+": "+title, groups, m); ok {
			place := cells.Place(groups[0].Cell) + ". " + capital(cells.BlocksNote(groups)) + "."
			b.Notes = slices.Concat([]string{place}, notes, b.Notes)
			out = append(out, b)
		}
	}
	campaigns, words := r.set.Campaigns(), report.Verdicts(r.set) // of the same campaigns, in the same order
	for i, c := range campaigns {
		notes := words[i].Notes
		if c.Ranking.Letters == nil {
			notes = notes[1:] // why there is no verdict, which the board says by itself
		}
		add(titleOf(c.Metric), c.Groups, c.Metric, notes...)
	}
	for _, proto := range r.set.Protos() {
		for _, m := range []cells.Metric{cells.Norm(), cells.Throughput()} {
			topology := cells.Split
			if m.Name == cells.Norm().Name {
				topology = cells.Shared
			}
			if sc, ok := r.set.Headline(cells.Closed, proto, topology); ok && len(campaigns) == 0 {
				groups := r.set.In(sc)
				add(titleOf(m), cells.AtConns(groups, cells.TypicalConns(groups)), m)
			}
		}
		if sc, ok := r.set.Headline(cells.Open, proto, cells.Split); ok {
			groups := r.set.In(sc)
			m := cells.Response(0.99)
			add(titleOf(m), cells.AtRate(groups, cells.CommonRate(groups)), m)
		}
	}
	return out
}

// titleOf is what a verdict on a metric is about.
func titleOf(m cells.Metric) string {
	switch m.Name {
	case cells.Norm().Name:
		return "cost of a request (norm: server CPU over generator CPU)"
	case cells.Throughput().Name:
		return "requests per second"
	case cells.Response(0.99).Name:
		return "99th percentile of the response time"
	}
	return m.Name
}

// sections are the drawings, in the order of the page.
func (r *reporter) sections() []section {
	out := []section{
		{
			Title: "Response time by percentile",
			Lede: "What share of the requests is answered within which time; each further nine takes the same " +
				"room. Move over the lines, or focus the chart and use the arrow keys: one cursor reads all models.",
			Charts: r.percentiles(), Absent: "This run has no block with a percentile curve.",
		},
		{
			Title: "Throughput against connections",
			Lede: "The ceiling of each model, with as many requests in flight as connections; beside it, the same as " +
				"a ratio to " + r.set.Baseline + " in the same block, from which the machine cancels.",
			Charts: r.throughput(), Absent: "This run did not measure a closed loop on separate CPUs.",
		},
		{
			Title:  "Response time against offered load",
			Lede:   "What a user would wait while so many requests arrive per second, timed from the intended send.",
			Charts: r.offered(), Absent: "This run did not measure an open loop.",
		},
		{
			Title:  "What a request costs",
			Lede:   "CPU time and system calls of the server per verified reply, in the closed loop.",
			Boards: r.costs(), Absent: "This run has no CPU time and no system calls.",
		},
		{
			Title:  "What a connection costs",
			Lede:   "Memory per idle connection, at the most connections that were held.",
			Boards: r.memory(), Absent: "This run did not take memory.",
		},
		{
			Title: "Drift over the blocks",
			Lede: "Each block as a share of the model's own median. If all lines move together, the machine moved; " +
				"the ratio of server to generator CPU (norm) should stay level all the same.",
			Charts: r.drift(), Absent: "A drift takes two blocks, and this run has fewer.",
		},
		{
			Title: "Response time over time",
			Lede: "Each column is one tick of a block, blocks from left to right in the order they were measured. A " +
				"slow column in one row is a stall of that server; in all rows, of the machine.",
			Heats: r.heats(), Absent: "The records hold no time series.",
		},
	}
	for i, s := range out {
		if len(s.Charts)+len(s.Boards)+len(s.Heats) > 0 {
			out[i].Absent = ""
		}
	}
	return out
}

// capital makes the first letter a capital, if it is one.
func capital(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

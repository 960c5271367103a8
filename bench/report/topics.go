package report

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"iomodels/bench/chart"
	"iomodels/bench/record"
	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// The profiles with a section of their own. Each is a run beside the one that the page is about:
// its questions need models and axes that the default comparison has not.
const (
	familyProfile    = "family"
	handlersProfile  = "handlers"
	quadrantsProfile = "quadrants"
)

// topic is such a run.
type topic struct {
	run *record.Run // nil: there is none
	set *cells.Set
	err error // why it cannot be read
}

// openTopic reads the run in dir, unless the page itself is about a run of that profile.
func openTopic(page *record.Run, profile, dir, baseline string) topic {
	run := page
	if page.Env.Profile != profile {
		var err error
		if run, err = record.Open(dir); errors.Is(err, fs.ErrNotExist) {
			return topic{}
		} else if err != nil {
			return topic{err: err}
		}
	}
	return topic{run: run, set: cells.New(run.Env, run.Records, baseline)}
}

// charts draws the kinds of the topic that the page does not have already.
func (t topic) charts(have []chart.Chart, kinds ...string) []chart.Chart {
	if t.run == nil {
		return nil
	}
	return slices.DeleteFunc(chart.Only(t.set, kinds...), func(c chart.Chart) bool {
		return slices.ContainsFunc(have, func(h chart.Chart) bool { return h.Name == c.Name })
	})
}

// absent says how to get a topic that is not there.
func (t topic) absent(profile string) string {
	if t.err != nil {
		return fmt.Sprintf("The stored run of profile %s cannot be read.\n", profile)
	}
	return fmt.Sprintf("Not measured yet: `bin/netbench run --profile %s --out results/runs` measures it, and the "+
		"folder it names belongs to `results/%s`.\n", profile, profile)
}

// origin says on what the topic stands: it is another run than the rest of the page.
func (v view) origin(t topic) string {
	return fmt.Sprintf("From a run of its own: profile %s, commit %s, seed %d, started %s, %s.",
		t.run.Env.Profile, cells.Commit(t.run.Env), t.run.Env.Seed,
		t.run.Env.Started.UTC().Format("2006-01-02 15:04 UTC"), view{run: t.run, set: t.set}.counts())
}

// trouble is "What went wrong" of the topic's own run, folded away.
func (t topic) trouble() string {
	return "<details>\n<summary>What went wrong in this run</summary>\n\n" +
		view{run: t.run, set: t.set}.trouble() + "\n</details>"
}

// familySection shows what idle connections cost each member of the family tree.
func (v view) familySection() string {
	t := v.family
	if t.run == nil {
		return t.absent(familyProfile)
	}
	parts := []string{v.pictures(chart.Family)}
	for _, proto := range t.set.Protos() {
		groups := slices.DeleteFunc(t.set.Workload(cells.Mixed), func(g *cells.Group) bool { return g.Cell.Proto != proto })
		if len(groups) > 0 {
			parts = append(parts, familyTable(t.set, groups).Markdown())
		}
	}
	return join(append(parts, v.pictures(chart.FamilyMemory), v.origin(t), t.trouble())...)
}

// familyTable has a row per model: the cost at each number of open connections, and how many it
// bore without an error.
func familyTable(set *cells.Set, groups []*cells.Group) Titled {
	m, idles := cells.Norm(), cells.IdlesOf(groups)
	columns := []string{"<model"}
	for _, idle := range idles {
		open := cells.AtIdle(groups, idle)[0].Held()
		columns = append(columns, fmt.Sprintf("norm at %s open", cells.Count.Tick(float64(open))))
	}
	columns = append(columns, "growth", "CPU/req at most open", "user B/conn", "kernel B/conn, both ends",
		"threads", "<bears")
	t := table.New(columns...)
	for _, model := range set.Models {
		own := cells.OfModel(groups, model)
		if len(own) == 0 {
			continue
		}
		row := []string{model}
		for _, idle := range idles {
			text := none
			for _, g := range cells.AtIdle(own, idle) {
				text = median(g, m)
			}
			row = append(row, text)
		}
		most := slices.MaxFunc(own, func(a, b *cells.Group) int { return a.Held() - b.Held() })
		t.Add(append(row, cells.Ratio.Interval(cells.AgainstFewest(groups, most, m)),
			plain(most, cells.ServerCPU()), plain(most, cells.UserMemory()), plain(most, cells.KernelMemory()),
			plain(most, cells.Threads()), bears(own))...)
	}
	return Titled{
		Title: cells.Place(groups[0].Cell),
		Table: t.Trim(none),
		Notes: []string{fmt.Sprintf("Median over blocks [interval]. Growth: norm with most connections open over "+
			"norm with fewest, of the same model in the same block; 1 means that silent connections are free. "+
			"Bears: the most connections of this run that were all open and answered without an error. %s.",
			sentence(cells.BlocksNote(groups)))},
	}
}

// bears says up to how many open connections a model was sound.
func bears(own []*cells.Group) string {
	best, why := 0, ""
	for _, g := range own {
		h := g.Health()
		switch {
		case h.Sound():
			best = max(best, g.Held())
		case len(g.OK) == 0:
			why = g.Absence()
		default:
			why = h.Remark()
		}
	}
	text := cells.Count.Tick(float64(best))
	if why != "" {
		text += "; beyond: " + why
	}
	return text
}

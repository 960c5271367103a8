package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"iomodels/bench/chart"
	"iomodels/bench/record"
	"iomodels/bench/report/table"
	"iomodels/bench/stats/cells"
)

// models shows the fairness card of every model: what a reader must know before comparing.
func (v view) models() string {
	env := v.set.Env
	if len(env.Models) == 0 {
		return "The run does not describe its models.\n"
	}
	t := table.New("<model", "<family", "<result announced by", "<caller meanwhile", "<what it is", "<protocols",
		"<available here")
	for _, m := range env.Models {
		available := "yes"
		if !m.Available {
			available = "no: " + m.Reason
		}
		t.Add("`"+m.Name+"`", m.Family, m.Notify, m.Wait, m.Summary, strings.Join(m.Protocols, ", "), available)
	}
	card := table.New(append([]string{"<model"}, cardColumns()...)...)
	for _, m := range env.Models {
		row := []string{"`" + m.Name + "`"}
		for _, key := range cardKeys() {
			row = append(row, m.Card[key])
		}
		card.Add(row...)
	}
	return join(t.Trim().Markdown(), card.Trim().Markdown())
}

// cardKeys lists the fields of a fairness card in reading order.
func cardKeys() []string {
	return []string{"loops", "handler", "buffers", "copies", "sockets", "parser", "options"}
}

func cardColumns() []string {
	return []string{
		"<who waits for I/O", "<where the handler runs", "<read buffer", "<copies",
		"<socket options that differ", "<HTTP parser", "<how a library is set up",
	}
}

// limits lists the contract cases that a library cannot pass, and why.
func (v view) limits() string {
	t := table.New("<model", "<case", "<what it does instead, and why")
	for _, m := range v.set.Env.Models {
		for _, l := range m.KnownLimits {
			t.Add("`"+m.Name+"`", l.Case, l.Reason)
		}
	}
	if t.Empty() {
		return "No model of this run declares one.\n"
	}
	return t.Markdown()
}

// trouble lists what was skipped, what failed and what is to be read with care: a page that
// shows only what worked cannot be trusted.
func (v view) trouble() string {
	var parts []string
	for _, t := range []Titled{v.absences(), v.doubts(), v.suspicions(), v.warnings()} {
		if !t.Table.Empty() {
			parts = append(parts, t.Markdown())
		}
	}
	if len(parts) == 0 {
		return "Every planned cell was measured in every block, without an error or a doubt.\n"
	}
	return join(parts...)
}

// absences lists cells without a figure, or with fewer blocks than planned; models that share
// cell and fate share a row.
func (v view) absences() Titled {
	t := table.New("<models", "<cell", "blocks", "<what happened")
	type fate struct{ cell, blocks, what string }
	var order []fate
	models := map[fate][]string{}
	for _, g := range v.set.Groups(every) {
		if len(g.Out) == 0 && len(g.OK) >= g.Planned {
			continue
		}
		planned := max(g.Planned, len(g.OK)+len(g.Out))
		f := fate{cells.Place(g.Cell), fmt.Sprintf("%d of %d", len(g.OK), planned), whatHappened(g)}
		if models[f] == nil {
			order = append(order, f)
		}
		models[f] = append(models[f], g.Cell.Model)
	}
	for _, f := range order {
		t.Add(v.who(models[f]), f.cell, f.blocks, f.what)
	}
	return Titled{Title: "Skipped, failed, not reached", Table: t}
}

func whatHappened(g *cells.Group) string {
	var reasons []string
	for _, r := range g.Out {
		reasons = addOnce(reasons, cells.Why(r))
	}
	skipped := len(g.Out) > 0 && g.Out[0].Skipped != "" // one record stands for all blocks
	if missing := g.Planned - len(g.OK) - len(g.Out); missing > 0 && !skipped {
		reasons = append(reasons, fmt.Sprintf("%d not reached: the run ended before", missing))
	}
	return strings.Join(reasons, "; ")
}

func every(record.Cell) bool { return true }

// doubts lists cells whose figures are to be read with care.
func (v view) doubts() Titled {
	t := table.New("<model", "<cell", "<why to read it with care")
	for _, g := range v.set.Groups(every) {
		if h := g.Health(); len(g.OK) > 0 && !h.Sound() {
			t.Add(g.Cell.Model, cells.Place(g.Cell), h.Remark())
		}
	}
	return Titled{Title: "Read with care", Table: t}
}

// suspicions lists why the generator found its own figures suspect, a row per reason: speed
// and times of these cells are to be used with the reason in mind; their cost holds.
func (v view) suspicions() Titled {
	t := table.New("<reason, numbers left out", "cells", "<models", "<loads")
	type entry struct {
		cells         int
		models, loads []string
	}
	seen := map[string]*entry{}
	for _, g := range v.set.Groups(every) {
		for _, reason := range g.Health().Suspect {
			if seen[reason] == nil {
				seen[reason] = &entry{}
			}
			e := seen[reason]
			e.cells++
			e.models = addOnce(e.models, g.Cell.Model)
			e.loads = addOnce(e.loads, cells.ScenarioOf(g.Cell).String())
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(seen)) {
		e := seen[reason]
		loads := strings.Join(e.loads, "; ")
		if len(e.loads) > 3 {
			loads = fmt.Sprintf("%d kinds of load", len(e.loads))
		}
		t.Add(reason, fmt.Sprint(e.cells), v.who(e.models), loads)
	}
	return Titled{Title: "Suspect by the generator's own verdict", Table: t}
}

func addOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// warnings lists what was said beside the figures, once for all that differ by numbers only.
func (v view) warnings() Titled {
	t := table.New("<warning", "measurements", "<models")
	for _, w := range v.run.Warnings {
		t.Add(w, none, none)
	}
	type entry struct {
		texts, models []string
		count         int
	}
	seen := map[string]*entry{}
	for _, r := range v.run.Records {
		for _, w := range r.Warnings {
			key := cells.WithoutNumbers(w)
			if seen[key] == nil {
				seen[key] = &entry{}
			}
			e := seen[key]
			e.count++
			e.texts = addOnce(e.texts, w)
			e.models = addOnce(e.models, r.Cell.Model)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		e := seen[key]
		text := key
		if len(e.texts) == 1 {
			text = e.texts[0] // nothing was left out of it
		}
		t.Add(text, fmt.Sprint(e.count), v.who(e.models))
	}
	return Titled{Title: "Warnings", Table: t}
}

// who writes a list of models in chart order, or that it is all of them.
func (v view) who(models []string) string {
	var out []string
	for _, m := range v.set.Models {
		if slices.Contains(models, m) {
			out = append(out, m)
		}
	}
	if len(out) == len(v.set.Models) && len(out) > 1 {
		return "all"
	}
	return strings.Join(out, ", ")
}

// glossary says how each figure is defined; the words come from where it is computed.
func (v view) glossary() string {
	t := table.New("<figure", "<definition")
	for _, m := range cells.Metrics() {
		t.Add(m.Name, m.Definition)
	}
	return t.Markdown()
}

// readme is the part of README.md: one picture, the summary, and on what it stands.
func (v view) readme() string {
	var picture string
	for _, c := range v.charts {
		if c.Kind == chart.CostRatio || (picture == "" && c.Kind == chart.Throughput) {
			picture = v.picture(c) // the last cost chart: HTTP, if there is one
		}
	}
	summary := v.summaryTable(false)
	if summary.Table.Empty() {
		return notMeasured("anything")
	}
	env := v.set.Env
	return join(picture, summary.Markdown(), fmt.Sprintf("Measured on %s, commit %s; conditions, all "+
		"figures and what went wrong are in [REPORT.md](REPORT.md).", cells.Machine(env), cells.Commit(env)))
}

// Package page makes one page out of all traces, to step through them: the code with the line that
// runs, the lanes, and four boxes that tell who waits, what is ready, which handler runs, and whose
// the memory is.
//
//	traces ──▶ scenes (package lanes) ──▶ one table row for each step ─┐
//	sources ─▶ hearts, from HEART to HEART END ────────────────────────┴▶ index.html
//
// The page is one file that asks for nothing: it works from a disk, and its policy forbids it any
// request. Without scripts everything can be read, as pictures and tables; the script only hides
// what is not asked for, and walks down the tables. What is looked at stands in the address, so a
// link can point at a step.
//
// A heart is read from the source when the page is built. A trace knows lines by number and by
// their text, so a line that has moved since the capture is still found; one that has changed is
// not lit.
package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"slices"
	"strings"

	"iomodels/bench/chart"
	"iomodels/bench/trace"
	"iomodels/bench/trace/lanes"
)

var (
	//go:embed page.html
	layout string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
)

// view is what the layout shows.
type view struct {
	Style  template.CSS
	Script template.JS
	Models []model
	Marks  []choice
	Verbs  []lanes.Verb
}

// choice is a window to look at.
type choice struct{ Mark, Name string }

// model is one trace on the page.
type model struct {
	Name, Proto string
	Colour      template.CSS
	Calls       string // how many system calls a request takes
	Digest      lanes.Digest
	Hearts      []heart
	Scenes      []scene
}

// scene is a window of a trace.
type scene struct {
	Mark, Title string
	Picture     template.HTML
	Narrow      template.HTML // the same, for little room
	Steps       []step
	Left        int // steps that are left out
}

// step is a row of a scene.
type step struct {
	N      int
	Micros string
	Says   []string // what happens
	Code   string   // the innermost line that led here
	Lines  string   // "heart:line" of those that are on the page, innermost first
	lanes.State
}

// longest is how many steps of a scene are shown: a burst goes on and on.
const longest = 80

// Write builds the page of these traces. Root is the folder of the module, where the sources are.
func Write(file string, sources []lanes.Source, root string) error {
	text, err := Build(sources, root)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// Build returns the page.
func Build(sources []lanes.Source, root string) ([]byte, error) {
	v := view{
		Style: template.CSS(lanes.CSS() + style), Script: template.JS(script), Verbs: lanes.Verbs(),
		Marks: []choice{
			{trace.MarkSend, "one request in silence"},
			{trace.MarkConnect, "a new connection"},
			{trace.MarkBurst, "many requests at once"},
		},
	}
	for _, src := range sources {
		m, err := modelOf(src, v.Marks, root)
		if err != nil {
			return nil, err
		}
		v.Models = append(v.Models, m)
	}
	t, err := template.New("page").Parse(layout)
	if err != nil {
		return nil, fmt.Errorf("read the page's layout: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, v); err != nil {
		return nil, fmt.Errorf("build the page: %w", err)
	}
	return out.Bytes(), nil
}

// modelOf makes what the page shows of a trace.
func modelOf(src lanes.Source, marks []choice, root string) (model, error) {
	h := src.Trace.Header
	m := model{
		Name: h.Model, Proto: h.Proto, Digest: src.Digest,
		Colour: template.CSS(chart.StyleOf(h.Model).Hex()), Calls: callsOf(src.Trace),
	}
	code := newCode(root)
	for _, c := range marks {
		s := lanes.SceneOf(src.Trace, c.Mark)
		if len(s.Rows) == 0 {
			return m, fmt.Errorf("%s has no window %q: capture it anew (make traces)", src.Digest.File, c.Mark)
		}
		left := s.Shorten(longest)
		m.Scenes = append(m.Scenes, scene{
			Mark: c.Mark, Title: s.Title(), Left: left, Steps: stepsOf(s, code),
			Picture: template.HTML(lanes.Inline(s, src.Digest)),
			Narrow:  template.HTML(lanes.Narrow(s, src.Digest)),
		})
	}
	m.Hearts = code.hearts
	return m, code.err
}

// callsOf says how many system calls there are for a request.
func callsOf(t *trace.Trace) string {
	alone, burst := lanes.Total(lanes.CallsOf(t, trace.MarkSend)), lanes.Total(lanes.CallsOf(t, trace.MarkBurst))
	if t.Header.Burst == 0 || burst == 0 {
		return fmt.Sprintf("%d system calls for a request", alone)
	}
	return fmt.Sprintf("%d system calls for a request alone, %.1f for each of %d at once",
		alone, float64(burst)/float64(t.Header.Burst), t.Header.Burst)
}

// stepsOf tells a scene row by row.
func stepsOf(s *lanes.Scene, code *code) []step {
	var steps []step
	for n, row := range s.Rows {
		st := step{N: n, Micros: fmt.Sprintf("%.0f", row.Micros), State: few(row.State), Lines: code.light(row.Stack)}
		for _, i := range s.Items {
			who := s.Lanes[i.Lane].Name + ": "
			switch {
			case i.To == n && !i.Open:
				st.Says = append(st.Says, who+strings.Trim(i.Label, "▶◀ "))
			case i.From == n:
				st.Says = append(st.Says, who+begun(i.Label)+" …")
			}
		}
		st.Code = whence(row.Stack)
		steps = append(steps, st)
	}
	return steps
}

// whence names the innermost line of the suite's own code, or else of anybody's.
func whence(stack []trace.Frame) string {
	if len(stack) == 0 {
		return ""
	}
	f := stack[0]
	if i := slices.IndexFunc(stack, func(f trace.Frame) bool { return strings.HasPrefix(f.File, "servers/") }); i > 0 {
		f = stack[i]
	}
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}

// begun is a label without its result, which is not known yet: "Feed(64 B)" of "Feed(64 B): 64 B out".
func begun(label string) string {
	label, _, _ = strings.Cut(label, " = ")
	if call, _, ok := strings.Cut(label, "): "); ok {
		label = call + ")"
	}
	return label
}

// few cuts long lists: a box is not read beyond some lines.
func few(s lanes.State) lanes.State {
	const most = 7
	cut := func(list []string) []string {
		if len(list) <= most {
			return list
		}
		return append(slices.Clone(list[:most-1]), fmt.Sprintf("and %d more", len(list)-most+1))
	}
	return lanes.State{
		Waiting: cut(s.Waiting), Queue: cut(s.Queue), Running: cut(s.Running), Kernel: cut(s.Kernel),
	}
}

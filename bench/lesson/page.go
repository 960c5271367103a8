package lesson

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"

	"github.com/yuin/goldmark"

	"iomodels/bench/chart"
	"iomodels/bench/lab"
	"iomodels/bench/lesson/exercise"
	"iomodels/bench/record"
	"iomodels/bench/trace"
)

//go:embed page.html page.css
var frame embed.FS

// view is what the page of a lesson shows.
type view struct {
	Lesson
	Style    template.CSS
	Said     string
	When     string // the prediction was made
	Was      string
	Right    bool
	Figure   template.HTML
	Pictures []template.HTML
	Untraced string
	Text     template.HTML // the explanation
	Checked  []string      // expectations that hold
	Task     template.HTML
	Starter  string
	Solution string
	Facts    string // where and when
	NextFile string
}

// Write writes the page of a lesson that was run into dir, with its traces and its values beside
// it: DIR/NN-name/index.html. A lesson with a broken expectation has no page: it would tell a story
// that is not true here.
func Write(dir string, o Outcome, course []Lesson) error {
	if len(o.Broken) > 0 {
		return errors.New(strings.Join(o.Broken, "; "))
	}
	dir = filepath.Join(dir, o.Lesson.File)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	v, err := o.view(dir, course)
	if err != nil {
		return fmt.Errorf("page of lesson %d: %w", o.Lesson.Number, err)
	}
	values, err := json.MarshalIndent(map[string]any{
		"prediction": o.Prediction, "began": o.Began.UTC(), "values": o.Data.Values,
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := record.WriteWhole(filepath.Join(dir, "run.json"), append(values, '\n')); err != nil {
		return err
	}
	return render(filepath.Join(dir, "index.html"), "lesson", v)
}

func render(path, name string, data any) error {
	t, err := template.ParseFS(frame, "page.html")
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, name, data); err != nil {
		return err
	}
	return record.WriteWhole(path, out.Bytes())
}

func style() template.CSS {
	css, _ := frame.ReadFile("page.css") // it is embedded: it is there
	return template.CSS(string(css) + pictureStyle())
}

func (o Outcome) view(dir string, course []Lesson) (v view, err error) {
	v = view{
		Lesson: o.Lesson, Style: style(), Untraced: o.Untraced, Said: o.Prediction.Said,
		When: o.Prediction.At.UTC().Format("2006-01-02 15:04:05"), Facts: facts(o),
	}
	if v.Was, v.Right, err = o.Answer(); err != nil {
		return v, err
	}
	if v.Figure, err = o.figure(); err != nil {
		return v, err
	}
	for _, t := range o.Traces {
		picture, err := keepTrace(dir, t)
		if err != nil {
			return v, err
		}
		v.Pictures = append(v.Pictures, picture)
	}
	text, err := fill(o.Lesson.Explain, o.Data.Values)
	if err != nil {
		return v, err
	}
	if v.Text, err = markdown(text); err != nil {
		return v, err
	}
	for _, e := range o.Lesson.Expect {
		v.Checked = append(v.Checked, fmt.Sprintf("%v; measured %s", e.claim(), e.claim().Text(o.Data.Values[e.Value])))
	}
	if v.Task, err = markdown(o.Lesson.Exercise); err != nil {
		return v, err
	}
	x := exercise.Of(o.Lesson.Number)
	v.Starter, v.Solution = x.StarterCode, x.SolutionCode
	for _, l := range course {
		if l.Number == o.Lesson.Next {
			v.NextFile = l.File
		}
	}
	return v, nil
}

// Answer says how it was, in the words of the prediction, and whether that was said.
func (o Outcome) Answer() (was string, right bool, err error) {
	p := o.Lesson.Predict
	if len(p.Choices) > 0 {
		was, err = fill(p.Answer, o.Data.Values)
		return was, was == o.Prediction.Said, err
	}
	value, known := o.Data.Values[p.Value]
	if !known {
		return "", false, fmt.Errorf("the prediction is about %q, which the run does not tell", p.Value)
	}
	var said float64
	_, err = fmt.Sscan(o.Prediction.Said, &said)
	near := err == nil && said >= value*0.75 && said <= value*1.25 // near enough for a number out of the air
	return strings.TrimSpace(lab.Number(value) + " " + p.Unit), near, nil
}

// figure draws the run's values.
func (o Outcome) figure() (template.HTML, error) {
	f := o.Data.Figure
	var bars []chart.Bar
	for _, b := range f.Bars {
		bars = append(bars, chart.Bar{Name: b.Label, Model: b.Model, Value: b.Value, Text: lab.Number(b.Value)})
	}
	svg, err := chart.Bars("lesson", f.Title, f.Axis, facts(o), bars).SVG()
	if err != nil {
		return "", err
	}
	_, picture, _ := strings.Cut(string(svg), "<svg") // without what only a file of its own begins with
	return template.HTML("<svg" + picture), nil
}

// keepTrace writes a trace beside the page, and returns its picture, which names the file's digest.
func keepTrace(dir string, t *trace.Trace) (template.HTML, error) {
	t = t.Cut() // to what the picture shows
	var file bytes.Buffer
	if err := t.Write(&file); err != nil {
		return "", err
	}
	name := t.Header.Model + ".jsonl"
	if err := record.WriteWhole(filepath.Join(dir, name), file.Bytes()); err != nil {
		return "", err
	}
	return picture(t, name, fmt.Sprintf("%x", sha256.Sum256(file.Bytes()))), nil
}

func markdown(text string) (template.HTML, error) {
	var out bytes.Buffer
	if err := goldmark.Convert([]byte(text), &out); err != nil {
		return "", err
	}
	return template.HTML(out.String()), nil
}

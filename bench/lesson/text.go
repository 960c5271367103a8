package lesson

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v4"

	"iomodels/bench/lab"
)

// Text is what a lesson says: the head of its file. Below the head follows the explanation, a
// template whose variables are the values of the run.
type Text struct {
	Number   int      `yaml:"lesson"`
	Core     bool     `yaml:"core"` // the spine of the course; others extend it
	Title    string   `yaml:"title"`
	Question string   `yaml:"question"`
	Predict  Predict  `yaml:"predict"`
	Tried    string   `yaml:"tried"` // what the run does, one sentence
	Lab      int      `yaml:"lab"`   // the row of the failure lab that is the run; 0: a run of its own
	Trace    []string `yaml:"trace"` // models whose traces are taken in the run
	Figure   Picture  `yaml:"figure"`
	Expect   []Expect `yaml:"expect"`
	Exercise string   `yaml:"exercise"` // what to change in the starter
	Seed     Seed     `yaml:"seed"`
	Next     int      `yaml:"next"`

	File    string `yaml:"-"` // name without its extension
	Explain string `yaml:"-"` // the template
}

// Predict is what is asked before the run.
type Predict struct {
	Ask     string   `yaml:"ask"`
	Choices []string `yaml:"choices"` // empty: a number
	Unit    string   `yaml:"unit"`
	Common  string   `yaml:"common"` // what many say; taken where nobody is asked
	Value   string   `yaml:"value"`  // which value of the run answers
	Answer  string   `yaml:"answer"` // with choices: a template that becomes one of them
}

// Picture says which values of the run to draw.
type Picture struct {
	Title string `yaml:"title"`
	Axis  string `yaml:"axis"`
	Bars  []struct {
		Label string `yaml:"label"`
		Model string `yaml:"model"`
		Value string `yaml:"value"`
	} `yaml:"bars"`
}

func (p Picture) of(values map[string]float64) (Figure, error) {
	f := Figure{Title: p.Title, Axis: p.Axis}
	for _, b := range p.Bars {
		value, known := values[b.Value]
		if !known {
			return f, fmt.Errorf("its figure shows %q, which its run does not tell", b.Value)
		}
		f.Bars = append(f.Bars, Bar{Label: b.Label, Model: b.Model, Value: value})
	}
	return f, nil
}

// Expect is what must hold for the text to be true.
type Expect struct {
	What  string       `yaml:"what"`
	Value string       `yaml:"value"` // name of a value of the run
	Is    lab.Relation `yaml:"is"`
	Bound float64      `yaml:"bound"`
	Unit  string       `yaml:"unit"`
}

func (e Expect) claim() lab.Claim {
	is := map[lab.Relation]lab.Relation{"<=": lab.AtMost, ">=": lab.AtLeast, "=": lab.Exactly}[e.Is]
	return lab.Claim{What: e.What, Is: is, Bound: e.Bound, Unit: e.Unit}
}

// Seed is where the notes speak of it.
type Seed struct {
	File string `yaml:"file"`
	Term string `yaml:"term"` // as it stands there
}

//go:embed text/*.md
var texts embed.FS

// Lessons returns the course, in order.
func Lessons() ([]Lesson, error) {
	files, err := fs.Glob(texts, "text/*.md")
	if err != nil {
		return nil, err
	}
	var all []Lesson
	for _, file := range files {
		raw, err := texts.ReadFile(file)
		if err != nil {
			return nil, err
		}
		text, err := parse(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		text.File = strings.TrimSuffix(strings.TrimPrefix(file, "text/"), ".md")
		l := Lesson{Text: text, run: runs()[text.Number]}
		if text.Lab > 0 {
			l.run = fromLab(text.Lab)
		}
		if l.run == nil {
			return nil, fmt.Errorf("%s: there is no run for lesson %d", file, text.Number)
		}
		all = append(all, l)
	}
	return all, nil
}

// parse takes a file apart: "---", the head as YAML, "---", the explanation.
func parse(raw []byte) (Text, error) {
	parts := bytes.SplitN(raw, []byte("---\n"), 3)
	if len(parts) != 3 || len(parts[0]) > 0 {
		return Text{}, fmt.Errorf("want a head between two lines of three dashes")
	}
	var t Text
	if err := yaml.Unmarshal(parts[1], &t); err != nil {
		return Text{}, fmt.Errorf("read the head: %w", err)
	}
	t.Explain = strings.TrimSpace(string(parts[2]))
	return t, nil
}

// fill puts the values of a run into a template. A name that the run does not tell is an error.
func fill(text string, values map[string]float64) (string, error) {
	written := map[string]string{}
	for name, value := range values {
		written[name] = lab.Number(value)
	}
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := t.Execute(&out, written); err != nil {
		return "", err
	}
	return out.String(), nil
}

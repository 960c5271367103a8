// Package lesson teaches with experiments: it asks, notes the prediction, runs the real thing, and
// shows prediction and outcome side by side.
//
//	text/07-edge.md ─▶ question ─▶ prediction (kept, with its time) ─▶ one run
//	                                                                     │
//	     page ◀── you said / it was ◀── figure and trace of that run ◀───┘
//	      └─ explanation, exercise, seed, what to read next
//
// Watching an experiment teaches little; having predicted its outcome teaches. So the prediction
// comes first, and is stored before the run begins.
//
// A lesson is one file of text (see Text) and one function that runs (see runs.go). What the text
// says about the outcome are variables: no number is written by hand, and an expectation that no
// longer holds fails the lesson ("expected X, measured Y") instead of telling a stale story.
//
// The exercises are in package exercise: a starter that fails its check, and a solution that passes.
package lesson

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"iomodels/bench/lab"
	"iomodels/bench/trace"
)

// Lesson is a text and what it runs.
type Lesson struct {
	Text
	run func(ctx context.Context, env *lab.Env) (Data, error)
}

// Data is what a run has shown.
type Data struct {
	Values map[string]float64 // by the names that the text uses
	Figure Figure             // empty: the text says which values to draw
}

// Figure is what a run has measured, as bars.
type Figure struct {
	Title string
	Axis  string // what is measured, with its unit, and which way is better
	Bars  []Bar
}

// Bar is one value of a figure.
type Bar struct {
	Label string
	Model string // decides the colour; "": none
	Value float64
}

// Prediction is what somebody said before the run.
type Prediction struct {
	Lesson int       `json:"lesson"`
	Said   string    `json:"said"`
	At     time.Time `json:"at"`
}

// Outcome is a lesson that has been run.
type Outcome struct {
	Lesson     Lesson
	Prediction Prediction
	Began      time.Time // the run
	Data       Data
	Traces     []*trace.Trace
	Untraced   string   // why there are no traces
	Broken     []string // expectations that do not hold
}

// Run runs a lesson, after its prediction was made.
func Run(ctx context.Context, env *lab.Env, l Lesson, p Prediction) (Outcome, error) {
	o := Outcome{Lesson: l, Prediction: p, Began: time.Now()}
	var err error
	if o.Data, err = l.run(ctx, env); err != nil {
		return o, fmt.Errorf("lesson %d: %w", l.Number, err)
	}
	if o.Data.Values == nil {
		o.Data.Values = map[string]float64{}
	}
	if o.Traces, o.Untraced, err = capture(ctx, env, l.Trace, o.Data.Values); err != nil {
		return o, fmt.Errorf("lesson %d: %w", l.Number, err)
	}
	if len(o.Data.Figure.Bars) == 0 {
		if o.Data.Figure, err = l.Figure.of(o.Data.Values); err != nil {
			return o, fmt.Errorf("lesson %d: %w", l.Number, err)
		}
	}
	for _, e := range l.Expect {
		value, known := o.Data.Values[e.Value]
		if !known {
			return o, fmt.Errorf("lesson %d: its text expects %q, which its run does not tell", l.Number, e.Value)
		}
		if claim := e.claim(); !claim.Holds(value) {
			o.Broken = append(o.Broken, fmt.Sprintf("expected %v, measured %s", claim, claim.Text(value)))
		}
	}
	return o, nil
}

// Keep writes a prediction down, before the run that it is about.
func Keep(dir string, p Prediction) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	line, err := json.Marshal(p)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(dir, "predictions.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep the prediction: %w", err)
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

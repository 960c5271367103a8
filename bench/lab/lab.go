// Package lab makes each I/O model fail on purpose, small and always in the same way, and then
// shows the remedy.
//
// A Row is one failure: a faulty variant, a fixed one, and one Claim. The claim must be broken by
// the first and kept by the second; otherwise the row has shown nothing, and has failed itself.
//
//	        ┌─ Faulty ─▶ value ─▶ claim broken ┐
//	Row ────┤                                  ├─▶ passed
//	        └─ Fixed ──▶ value ─▶ claim kept ──┘
//
// Where a failure concerns the servers of the suite, they are what fails: netserve, as a process,
// with and without the part that is the remedy. Where none of them is faulty any more, a row holds
// the fault itself, in as few system calls as it takes. What would endanger this process (too many
// threads, too few descriptors, memory that the kernel writes to) is done in a child: see Play.
//
// Everything stays on this machine, needs no root, takes less than five seconds and at most a
// hundred connections. Nothing here waits for a time to pass, unless that is the failure itself.
//
// Read next: any row. Each is a file of its own, f01.go to f20.go, and stands by itself.
package lab

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Row is one failure, its remedy, and what tells them apart.
type Row struct {
	F     int    // number
	Name  string // the failure in a few words
	Tried string // the set-up, one phrase
	Idea  string // what the faulty code relies on
	See   string // what somebody outside notices
	Why   string // what really happens
	Fix   string // the remedy, and what it costs
	Safe  string // which models do not have it, or have it cured
	Claim Claim
	// The claim must be broken by Faulty and kept by Fixed.
	Faulty, Fixed Variant
}

// Variant is one way to do what a row is about.
type Variant struct {
	Name string
	Run  func(ctx context.Context, env *Env) (Outcome, error)
}

// Outcome is what a variant showed: the value that the claim is about, and what else is worth
// knowing, by name.
type Outcome struct {
	Value float64 `json:"value"`
	Facts Facts   `json:"facts,omitempty"`
}

// Facts are further values, by name: words joined by "_", the unit last.
type Facts map[string]float64

// Relation is how a value must stand to the bound of a claim.
type Relation string

// The relations.
const (
	Exactly Relation = "="
	AtMost  Relation = "≤"
	AtLeast Relation = "≥"
)

// Claim is the one assertion of a row.
type Claim struct {
	What  string // is measured
	Is    Relation
	Bound float64
	Unit  string // "": a number of What
}

// Holds reports whether the value keeps the claim.
func (c Claim) Holds(value float64) bool {
	switch c.Is {
	case AtMost:
		return value <= c.Bound
	case AtLeast:
		return value >= c.Bound
	}
	return value == c.Bound
}

func (c Claim) String() string { return fmt.Sprintf("%s %s %s", c.What, c.Is, c.Text(c.Bound)) }

// Text writes a value with its unit.
func (c Claim) Text(value float64) string {
	text := Number(value)
	if c.Unit != "" {
		text += " " + c.Unit
	}
	return text
}

// Number writes a value in at most three digits that matter, and whole numbers whole.
func Number(value float64) string {
	if value == float64(int64(value)) {
		return strconv.FormatInt(int64(value), 10)
	}
	if value >= 100 {
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	return strconv.FormatFloat(value, 'g', 3, 64)
}

// Trial is a variant that has been run.
type Trial struct {
	Variant string `json:"variant"`
	Outcome
	Holds bool   `json:"holds"`           // the claim
	Error string `json:"error,omitempty"` // it could not be run to its end
}

// Result is what became of a row.
type Result struct {
	F       int     `json:"f"`
	Name    string  `json:"name"`
	Tried   string  `json:"tried"`
	Claim   string  `json:"claim"`
	Faulty  Trial   `json:"faulty"`
	Fixed   Trial   `json:"fixed"`
	Passed  bool    `json:"passed"`
	Skipped string  `json:"skipped,omitempty"` // why it cannot be run on this machine
	Seconds float64 `json:"seconds"`
}

// patience bounds a variant. None comes near it on a machine that is not overloaded.
const patience = 20 * time.Second

// Run tries both variants of a row, the faulty one first.
func Run(ctx context.Context, env *Env, r Row) Result {
	begin := time.Now()
	result := Result{F: r.F, Name: r.Name, Tried: r.Tried, Claim: r.Claim.String()}
	var errs [2]error
	result.Faulty, errs[0] = try(ctx, env, r.Claim, r.Faulty)
	result.Fixed, errs[1] = try(ctx, env, r.Claim, r.Fixed)
	result.Seconds = time.Since(begin).Seconds()
	for _, err := range errs {
		if why := (*UnavailableError)(nil); errors.As(err, &why) {
			result.Skipped = why.Why
			return result
		}
	}
	result.Passed = errors.Join(errs[:]...) == nil && !result.Faulty.Holds && result.Fixed.Holds
	return result
}

func try(ctx context.Context, env *Env, claim Claim, v Variant) (Trial, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	outcome, err := v.Run(ctx, env)
	trial := Trial{Variant: v.Name, Outcome: outcome}
	if err != nil {
		trial.Error = err.Error()
		return trial, err
	}
	trial.Holds = claim.Holds(outcome.Value)
	return trial, nil
}

// UnavailableError says that this machine cannot run a variant, through no fault of the lab.
type UnavailableError struct{ Why string }

func (e *UnavailableError) Error() string { return "not available here: " + e.Why }

// Rows returns the lab, in the order of the numbers.
func Rows() []Row {
	return []Row{
		f01(), f02(), f03(), f04(), f05(), f06(), f07(), f08(), f09(), f10(),
		f11(), f12(), f13(), f14(), f15(), f16(), f17(), f18(), f19(), f20(),
	}
}

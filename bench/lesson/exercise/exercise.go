// Package exercise holds the exercises of the lessons: for each a starter, a solution, and a check
// that fails on the one and passes on the other, in a moment and always in the same way.
//
//	lNN_starter.go    what a student edits, by a few lines
//	lNN_solution.go   one way to do it
//	lNN_check.go      what both must do
//
// Starter and solution are functions of the same type, so that a check can be given either.
package exercise

import (
	"embed"
	"fmt"
)

// Exercise is one of them.
type Exercise struct {
	Starter, Solution         func() error // nil: it does what it should
	StarterCode, SolutionCode string
}

//go:embed l*_starter.go l*_solution.go
var code embed.FS

// Of returns the exercise of a lesson.
func Of(lesson int) Exercise {
	pair := checks()[lesson]
	read := func(kind string) string {
		text, _ := code.ReadFile(fmt.Sprintf("l%02d_%s.go", lesson, kind)) // a test sees that it is there
		return string(text)
	}
	return Exercise{pair[0], pair[1], read("starter"), read("solution")}
}

// both makes the check of a starter and of a solution.
func both[T any](check func(T) error, starter, solution T) [2]func() error {
	return [2]func() error{func() error { return check(starter) }, func() error { return check(solution) }}
}

func checks() [20][2]func() error {
	return [20][2]func() error{
		both(check00, starter00, solution00),
		both(check01, starter01, solution01),
		both(check02, starter02, solution02),
		both(check03, starter03, solution03),
		both(check04, starter04, solution04),
		both(check05, starter05, solution05),
		both(check06, starter06, solution06),
		both(check07, starter07, solution07),
		both(check08, starter08, solution08),
		both(check09, starter09, solution09),
		both(check10, starter10, solution10),
		both(check11, starter11, solution11),
		both(check12, starter12, solution12),
		both(check13, starter13, solution13),
		both(check14, starter14, solution14),
		both(check15, starter15, solution15),
		both(check16, starter16, solution16),
		both(check17, starter17, solution17),
		both(check18, starter18, solution18),
		both(check19, starter19, solution19),
	}
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"iomodels/bench/lab"
	"iomodels/bench/lesson"
	"iomodels/bench/lesson/exercise"
)

// lessonFlags are the flags of lesson.
type lessonFlags struct {
	all     bool
	list    bool
	check   bool
	predict string
	out     string
}

func (a *app) lessonCommand() *cobra.Command {
	var f lessonFlags
	cmd := &cobra.Command{
		Use:   "lesson [N]",
		Short: "Teach with an experiment: predict, run, compare",
		Long: `Asks what will happen, keeps the prediction, runs the experiment, and writes a page with both, the
trace of the run, an explanation and an exercise. With --all every lesson is run, with the prediction
that many make, and the last line is "N passed, N failed": a lesson fails if what it says does not
hold here. Exit code 1 then.

--check tells whether the exercise is solved, in bench/lesson/exercise.`,
		Example: `  netbench lesson --list
  netbench lesson 7
  netbench lesson 7 --predict 10
  netbench lesson 7 --check
  netbench lesson --all`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.lesson(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "run all lessons, asking nothing")
	flags.BoolVar(&f.list, "list", false, "list the lessons")
	flags.BoolVar(&f.check, "check", false, "check the exercise of the lesson")
	flags.StringVar(&f.predict, "predict", "", "what you `say` will happen, instead of being asked")
	flags.StringVar(&f.out, "out", filepath.Join("results", "lessons"), "write pages into this `folder`")
	return cmd
}

func (a *app) lesson(ctx context.Context, f lessonFlags, args []string) error {
	course, err := lesson.Lessons()
	if err != nil {
		return err
	}
	if f.list || !f.all && len(args) == 0 {
		for _, l := range course {
			core := map[bool]string{true: "●", false: "○"}[l.Core]
			fmt.Fprintf(a.stdout, "%2d %s %s: %s\n", l.Number, core, l.Title, l.Question)
		}
		return nil
	}
	chosen := course
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		at := slices.IndexFunc(course, func(l lesson.Lesson) bool { return l.Number == n })
		if err != nil || at < 0 || f.all {
			return fmt.Errorf("no lesson %q: netbench lesson --list names them; --all takes none", args[0])
		}
		chosen = course[at : at+1]
	}
	if f.check {
		return a.checkExercise(chosen)
	}
	env, err := a.labEnv()
	if err != nil {
		return err
	}
	if err := lesson.WriteCourse(f.out, course); err != nil {
		return err
	}
	return a.teachAll(ctx, f, env, chosen, course)
}

func (a *app) teachAll(ctx context.Context, f lessonFlags, env *lab.Env, chosen, course []lesson.Lesson) error {
	passed, failed, skipped := 0, 0, 0
	for _, l := range chosen {
		err := a.teach(ctx, f, env, l, course)
		word := "pass"
		switch why := (*lab.UnavailableError)(nil); {
		case errors.As(err, &why):
			skipped++
			word = "SKIPPED " + err.Error()
		case err != nil:
			failed++
			word = "FAIL " + err.Error()
		default:
			passed++
		}
		fmt.Fprintf(a.stdout, "%2d %s: %s\n", l.Number, l.Title, word)
	}
	line := fmt.Sprintf("%d passed, %d failed", passed, failed)
	if skipped > 0 {
		line += fmt.Sprintf(", %d skipped", skipped)
	}
	fmt.Fprintln(a.stdout, line)
	if failed > 0 {
		return &exitError{code: exitFailed}
	}
	return nil
}

// teach runs one lesson.
func (a *app) teach(ctx context.Context, f lessonFlags, env *lab.Env, l lesson.Lesson, course []lesson.Lesson) error {
	said := f.predict
	ask := !f.all && said == ""
	if ask {
		said = a.ask(l, os.Stdin)
	}
	if said == "" {
		said = l.Predict.Common
	}
	prediction := lesson.Prediction{Lesson: l.Number, Said: said, At: time.Now()}
	if err := lesson.Keep(f.out, prediction); err != nil {
		return err
	}
	outcome, err := lesson.Run(ctx, env, l, prediction)
	if err != nil {
		return err
	}
	if err := lesson.Write(f.out, outcome, course); err != nil {
		return err
	}
	if !f.all {
		was, _, err := outcome.Answer()
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "You said %s. It was %s.\n%s\n", said, was, filepath.Join(f.out, l.File, "index.html"))
	}
	return nil
}

// ask asks for a prediction, if there is somebody to ask.
func (a *app) ask(l lesson.Lesson, in *os.File) string {
	if _, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err != nil {
		return ""
	}
	fmt.Fprintf(a.stdout, "%s\n%s\n\n%s\n", l.Title, l.Question, l.Predict.Ask)
	for i, c := range l.Predict.Choices {
		fmt.Fprintf(a.stdout, "  %d. %s\n", i+1, c)
	}
	fmt.Fprintf(a.stdout, "You say: ")
	line, err := bufio.NewReader(io.LimitReader(in, 200)).ReadString('\n')
	if err != nil {
		return ""
	}
	line = strings.TrimSpace(line)
	if n, err := strconv.Atoi(line); err == nil && n >= 1 && n <= len(l.Predict.Choices) {
		return l.Predict.Choices[n-1]
	}
	return line
}

// checkExercise tells whether the starter of a lesson passes by now.
func (a *app) checkExercise(chosen []lesson.Lesson) error {
	failed := false
	for _, l := range chosen {
		if err := exercise.Of(l.Number).Starter(); err != nil {
			failed = true
			fmt.Fprintf(a.stdout, "lesson %d: not yet: %v\n", l.Number, err)
			continue
		}
		fmt.Fprintf(a.stdout, "lesson %d: solved\n", l.Number)
	}
	if failed {
		return &exitError{code: exitFailed}
	}
	return nil
}

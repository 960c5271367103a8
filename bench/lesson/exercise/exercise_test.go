package exercise

import (
	"strings"
	"testing"
)

// mostChanged is how many lines of a starter a student has to write, at most.
const mostChanged = 15

func TestStartersFailAndSolutionsPass(t *testing.T) {
	for n := range checks() {
		x := Of(n)
		if err := x.Solution(); err != nil {
			t.Errorf("exercise %d: the solution: %v", n, err)
		}
		if x.Starter() == nil {
			t.Errorf("exercise %d: the starter passes: there is nothing to do", n)
		}
	}
}

func TestExercisesAreSmall(t *testing.T) {
	for n := range checks() {
		x := Of(n)
		if !strings.Contains(x.StarterCode, "starter") || !strings.Contains(x.SolutionCode, "solution") {
			t.Errorf("exercise %d: its code is missing", n)
		}
		rename := strings.NewReplacer("solution", "starter", "queued", "inline", "late11", "eager11")
		old := map[string]bool{}
		for line := range strings.Lines(x.StarterCode) {
			old[strings.TrimSpace(line)] = true
		}
		changed := 0
		for line := range strings.Lines(rename.Replace(x.SolutionCode)) {
			line = strings.TrimSpace(line)
			if !old[line] && line != "}" && !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "import") {
				changed++
			}
		}
		if changed > mostChanged {
			t.Errorf("exercise %d: the solution has %d new lines; want at most %d", n, changed, mostChanged)
		}
	}
}

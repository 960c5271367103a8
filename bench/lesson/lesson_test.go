package lesson

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// mostWords is how long an explanation may be.
const mostWords = 150

func course(t *testing.T) []Lesson {
	t.Helper()
	all, err := Lessons()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCourseIsComplete(t *testing.T) {
	all := course(t)
	if len(all) < 16 {
		t.Errorf("%d lessons; want at least 16", len(all))
	}
	numbers := map[int]bool{}
	for i, l := range all {
		if i > 0 && l.Number <= all[i-1].Number {
			t.Errorf("lesson %d comes after lesson %d", l.Number, all[i-1].Number)
		}
		numbers[l.Number] = true
		for what, text := range map[string]string{
			"title": l.Title, "question": l.Question, "predict.ask": l.Predict.Ask, "predict.common": l.Predict.Common,
			"tried": l.Tried, "exercise": l.Exercise, "seed.file": l.Seed.File, "seed.term": l.Seed.Term, "text": l.Explain,
		} {
			if text == "" {
				t.Errorf("lesson %d has no %s", l.Number, what)
			}
		}
		if len(l.Expect) == 0 || len(l.Trace) == 0 {
			t.Errorf("lesson %d expects nothing, or traces nothing", l.Number)
		}
		for _, e := range l.Expect {
			if e.claim().Is == "" {
				t.Errorf("lesson %d: relation %q", l.Number, e.Is)
			}
		}
		if p := l.Predict; (len(p.Choices) > 0) != (p.Answer != "") || (p.Value == "") == (p.Answer == "") {
			t.Errorf("lesson %d: a prediction has choices and an answer, or a value", l.Number)
		}
	}
	for _, l := range all {
		if l.Next >= 0 && !numbers[l.Next] {
			t.Errorf("lesson %d leads to lesson %d, which is not there", l.Number, l.Next)
		}
	}
}

// TestNumbersAreMeasured: what a text says of an outcome are variables, so that it cannot be stale.
func TestNumbersAreMeasured(t *testing.T) {
	variable, digit := regexp.MustCompile(`\{\{.*?\}\}`), regexp.MustCompile(`\d`)
	for _, l := range course(t) {
		prose := variable.ReplaceAllString(l.Explain, "N")
		if at := digit.FindStringIndex(prose); at != nil {
			t.Errorf("lesson %d: a number typed by hand: %q", l.Number, prose[max(0, at[0]-20):at[1]])
		}
		if n := len(strings.Fields(prose)); n > mostWords {
			t.Errorf("lesson %d: the explanation has %d words, more than %d", l.Number, n, mostWords)
		}
	}
}

func TestGlossary(t *testing.T) {
	terms, err := glossary()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := glossaryTable(terms)
	if err != nil || len(rows) < 20 {
		t.Errorf("%d terms, %v", len(rows), err)
	}
	for _, text := range []string{"", "| a | b |\n", "| English | Chinese | Meaning |\n|---|---|---|\n"} {
		if _, err := glossaryTable(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "no head", "---\nlesson: 1\n", "---\nlesson: [\n---\n", "x\n---\nlesson: 1\n---\n"} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestFillKnowsItsValues(t *testing.T) {
	got, err := fill("took {{.took}} ms", map[string]float64{"took": 1.25})
	if err != nil || got != "took 1.25 ms" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := fill("took {{.other}} ms", map[string]float64{"took": 1}); err == nil {
		t.Error("a value that nobody measured was written")
	}
}

func TestPredictionIsKept(t *testing.T) {
	dir := t.TempDir()
	for _, said := range []string{"10", "4"} {
		if err := Keep(dir, Prediction{Lesson: 7, Said: said, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "predictions.jsonl"))
	if err != nil || strings.Count(string(text), "\n") != 2 || !strings.Contains(string(text), `"said":"4"`) {
		t.Errorf("%q, %v", text, err)
	}
}

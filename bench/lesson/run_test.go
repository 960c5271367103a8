package lesson

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iomodels/bench/lab"
)

func find(t *testing.T, number int) Lesson {
	t.Helper()
	for _, l := range course(t) {
		if l.Number == number {
			return l
		}
	}
	t.Fatalf("there is no lesson %d", number)
	return Lesson{}
}

// environment builds the server that is measured.
func environment(t *testing.T) *lab.Env {
	t.Helper()
	program := filepath.Join(t.TempDir(), "netserve")
	build := exec.Command("go", "build", "-o", program, "iomodels/servers/cmd/netserve")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build netserve: %v\n%s", err, out)
	}
	return &lab.Env{Netserve: program}
}

// TestLesson runs two lessons whole: one of the lab, and one that lives of its trace.
func TestLesson(t *testing.T) {
	env, dir := environment(t), t.TempDir()
	for number, was := range map[int]string{7: "4 bytes", 6: "3 calls"} {
		l := find(t, number)
		l.Trace = l.Trace[:1] // one is enough here
		said := Prediction{Lesson: number, Said: l.Predict.Common, At: time.Now()}
		o, err := Run(context.Background(), env, l, said)
		if err != nil || len(o.Broken) > 0 {
			t.Fatalf("lesson %d: %v, %v", number, err, o.Broken)
		}
		if o.Untraced != "" {
			t.Skipf("no tracing here: %s", o.Untraced)
		}
		if said.At.After(o.Began) {
			t.Errorf("lesson %d was run before its prediction", number)
		}
		if got, right, err := o.Answer(); got != was || right || err != nil {
			t.Errorf("lesson %d: it was %q, right %v, %v; want %q", number, got, right, err, was)
		}
		if err := Write(dir, o, course(t)); err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(filepath.Join(dir, l.File, "index.html"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"You said", "before the run", was, "<svg", "sha256", l.Title, "func starter", "func solution", l.Seed.Term,
		} {
			if !strings.Contains(string(page), want) {
				t.Errorf("the page of lesson %d lacks %q", number, want)
			}
		}
		for _, not := range []string{"http://www", "https://", "<script src", "{{"} {
			if strings.Contains(strings.ReplaceAll(string(page), "http://www.w3.org/", ""), not) {
				t.Errorf("the page of lesson %d holds %q: it must work offline", number, not)
			}
		}
	}
	if err := WriteCourse(dir, course(t)); err != nil {
		t.Error(err)
	}
}

// TestStaleStory: a lesson whose expectation does not hold says so, and gets no page.
func TestStaleStory(t *testing.T) {
	l := Lesson{
		Text: Text{Number: 99, Expect: []Expect{{What: "bytes", Value: "read", Is: "=", Bound: 10, Unit: "B"}}},
		run:  func(context.Context, *lab.Env) (Data, error) { return Data{Values: values{"read": 4}}, nil },
	}
	o, err := Run(context.Background(), nil, l, Prediction{})
	if err != nil {
		t.Fatal(err)
	}
	err = Write(t.TempDir(), o, nil)
	if err == nil || err.Error() != "expected bytes = 10 B, measured 4 B" {
		t.Errorf("%v", err)
	}
	l.Expect[0].Value = "other"
	if _, err := Run(context.Background(), nil, l, Prediction{}); err == nil {
		t.Error("it expects what nobody measured")
	}
	l.run = func(context.Context, *lab.Env) (Data, error) { return Data{}, errors.New("the client was saturated") }
	if _, err := Run(context.Background(), nil, l, Prediction{}); err == nil {
		t.Error("a run that failed was taught")
	}
}

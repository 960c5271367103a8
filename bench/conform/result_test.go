package conform

import (
	"strings"
	"testing"
)

func TestResultOf(t *testing.T) {
	outcome := func(section, level string, passed, allowed bool) Outcome {
		o := Outcome{Passed: passed, Allowed: allowed, Why: "because \x1b[2J"}
		o.Vector.Name, o.Vector.Section, o.Vector.Level = "case of "+section, section, level
		return o
	}
	r := ResultOf("some server", []Outcome{
		outcome("9112 11.2", "MUST", false, false), outcome("9112 6.3", "SHOULD", false, false),
		outcome("9112 6.1", "MUST", true, true), outcome("routes", "OURS", true, false),
	})
	if r.Passed != 2 || r.Failed != 2 || r.Allowed != 1 || r.Must != 1 || len(r.Failures) != 2 {
		t.Errorf("%+v", r)
	}
	lines, err := Merge(nil, []Result{r})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"server":"some server","passed":2,"failed":2,"allowed":1,"must":1,"chapters":[`
	if !strings.HasPrefix(string(lines), want) || strings.ContainsRune(string(lines), 0x1b) {
		t.Errorf("got %s", lines)
	}
	var six Chapter
	for _, c := range r.Chapters {
		if c.Name == "9112 6" {
			six = c
		}
	}
	if six.Passed != 1 || six.Failed != 1 || len(r.Chapters) != 3 {
		t.Errorf("chapters %+v", r.Chapters)
	}
}

func TestMergeReplacesInPlace(t *testing.T) {
	lines, err := Merge(nil, []Result{{Server: "a"}, {Server: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	lines, err = Merge(lines, []Result{{Server: "c"}, {Server: "a", Score: Score{Passed: 7}}})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(lines)), "\n")
	if len(got) != 3 || !strings.Contains(got[0], `"a","passed":7`) || !strings.Contains(got[2], `"c"`) {
		t.Errorf("got %q", got)
	}
	if _, err := Merge([]byte("{}\n{torn"), nil); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a damaged file: %v", err)
	}
}

package lab_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"iomodels/bench/lab"
)

// TestMain lets the test binary play the children of the rows.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "play" {
		os.Exit(lab.Play(os.Args[2], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// environment builds the server that is measured.
func environment(t *testing.T) *lab.Env {
	t.Helper()
	t.Setenv("GORACE", "atexit_sleep_ms=0") // or each child would take a second to end
	program := filepath.Join(t.TempDir(), "netserve")
	build := exec.Command("go", "build", "-o", program, "iomodels/servers/cmd/netserve")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build netserve: %v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &lab.Env{Netserve: program, Self: []string{self, "play"}}
}

// TestRows runs every row, and then judges it with its variants swapped: it must fail.
func TestRows(t *testing.T) {
	env := environment(t)
	for _, row := range lab.Rows() {
		t.Run(fmt.Sprintf("F%d", row.F), func(t *testing.T) {
			t.Parallel() // most of a row is waiting
			result := lab.Run(context.Background(), env, row)
			if result.Skipped != "" {
				t.Skip(result.Skipped)
			}
			t.Log(lab.Describe(row, result))
			if !result.Passed {
				t.Error("FAIL")
			}
			swapped := row
			replay := func(trial lab.Trial) lab.Variant {
				again := func(context.Context, *lab.Env) (lab.Outcome, error) { return trial.Outcome, nil }
				return lab.Variant{Name: trial.Variant, Run: again}
			}
			swapped.Faulty, swapped.Fixed = replay(result.Fixed), replay(result.Faulty)
			if lab.Run(context.Background(), env, swapped).Passed {
				t.Error("it passes with its variants swapped, too: the claim tells nothing")
			}
		})
	}
}

// TestSwapped swaps the variants themselves, of rows that take no time.
func TestSwapped(t *testing.T) {
	for _, f := range []int{3, 4, 5, 11, 13, 15, 16} {
		row := lab.Rows()[f-1]
		row.Faulty, row.Fixed = row.Fixed, row.Faulty
		if result := lab.Run(context.Background(), &lab.Env{}, row); result.Passed || result.Skipped != "" {
			t.Errorf("F%d passes with its variants swapped: %+v", f, result)
		}
	}
}

func TestRowsAreComplete(t *testing.T) {
	rows := lab.Rows()
	if len(rows) != 20 {
		t.Errorf("%d rows; want 20", len(rows))
	}
	for i, row := range rows {
		if row.F != i+1 {
			t.Errorf("row %d has number %d", i+1, row.F)
		}
		for what, text := range map[string]string{
			"Name": row.Name, "Tried": row.Tried, "Idea": row.Idea, "See": row.See, "Why": row.Why, "Fix": row.Fix,
			"Safe": row.Safe, "Claim": row.Claim.What, "Faulty": row.Faulty.Name, "Fixed": row.Fixed.Name,
		} {
			if text == "" {
				t.Errorf("F%d has no %s", row.F, what)
			}
		}
	}
}

func TestVerdicts(t *testing.T) {
	variant := func(value float64, err error) lab.Variant {
		run := func(context.Context, *lab.Env) (lab.Outcome, error) { return lab.Outcome{Value: value}, err }
		return lab.Variant{Run: run}
	}
	gone := &lab.UnavailableError{Why: "no io_uring"}
	for _, c := range []struct {
		name          string
		faulty, fixed lab.Variant
		want          string
	}{
		{"shown", variant(9, nil), variant(1, nil), "1 passed, 0 failed"},
		{"the fault does not show", variant(1, nil), variant(1, nil), "0 passed, 1 failed"},
		{"the remedy does not help", variant(9, nil), variant(9, nil), "0 passed, 1 failed"},
		{"swapped", variant(1, nil), variant(9, nil), "0 passed, 1 failed"},
		{"could not be run", variant(9, context.Canceled), variant(1, nil), "0 passed, 1 failed"},
		{"not on this machine", variant(9, gone), variant(1, gone), "0 passed, 0 failed, 1 skipped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			claim := lab.Claim{What: "x", Is: lab.AtMost, Bound: 5}
			row := lab.Row{F: 1, Name: "x", Claim: claim, Faulty: c.faulty, Fixed: c.fixed}
			result := lab.Run(context.Background(), nil, row)
			if got := lab.Count([]lab.Result{result}); got != c.want {
				t.Errorf("%s; want %s: %+v", got, c.want, result)
			}
			if text := lab.Text([]lab.Result{result}); !strings.HasSuffix(text, c.want+"\n") {
				t.Error(text)
			}
		})
	}
}

func TestClaims(t *testing.T) {
	for _, c := range []struct {
		is    lab.Relation
		value float64
		want  bool
	}{
		{lab.AtMost, 5, true},
		{lab.AtMost, 5.1, false},
		{lab.AtLeast, 5, true},
		{lab.AtLeast, 4.9, false},
		{lab.Exactly, 5, true},
		{lab.Exactly, 6, false},
	} {
		claim := lab.Claim{What: "x", Is: c.is, Bound: 5, Unit: "ms"}
		if got := claim.Holds(c.value); got != c.want {
			t.Errorf("%v holds for %v: %v", claim, c.value, got)
		}
	}
	if got := (lab.Claim{What: "x", Is: lab.AtMost, Bound: 5, Unit: "ms"}).String(); got != "x ≤ 5 ms" {
		t.Error(got)
	}
}

func TestPage(t *testing.T) {
	page, err := os.ReadFile("LAB.md")
	if err != nil {
		t.Fatal(err)
	}
	again, err := lab.Page(string(page), nil, "machine")
	if err != nil {
		t.Fatal(err)
	}
	// What does not depend on the machine must be what the code says.
	words := again[strings.Index(again, "### F1 "):]
	if !bytes.HasSuffix(page, []byte(words)) {
		t.Error("LAB.md is not what the code says: bin/netbench fail --page bench/lab/LAB.md")
	}
	if _, err := lab.Page("no markers", nil, ""); err == nil {
		t.Error("a page without markers was accepted")
	}
}

func TestPlay(t *testing.T) {
	var out, words bytes.Buffer
	if code := lab.Play("no such part", &out, &words); code != 2 || words.Len() == 0 {
		t.Errorf("exit code %d, %q", code, &words)
	}
}

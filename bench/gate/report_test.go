package gate_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"iomodels/bench/gate"
	"iomodels/bench/stats"
)

func timed(state gate.State, ratio float64) gate.Row {
	return gate.Row{
		Model: "reactor", Load: "echo ×1", Metric: gate.Cost, State: state, Detectable: 0.05,
		Ratio: stats.Interval{Value: ratio, Lo: ratio - 0.01, Hi: ratio + 0.01, N: 12, Confidence: 0.95},
	}
}

func counted(state gate.State, base, head float64) gate.Row {
	return gate.Row{Model: "reactor", Metric: gate.Bytes, Base: base, Head: head, Limit: 64, State: state}
}

func TestHeadlines(t *testing.T) {
	for _, tc := range []struct {
		name    string
		report  gate.Report
		want    string
		verdict gate.Verdict
	}{
		{"same code", gate.Report{Base: "a", Head: "b", Same: true}, "a and b have the same code", gate.Pass},
		{
			"one worse",
			gate.Report{Rows: []gate.Row{timed(gate.Worse, 1.2), counted(gate.Same, 172, 172)}},
			"Regression: reactor (echo ×1): server CPU over generator CPU +20.0 % [+19.0, +21.0] · 1 no change shown · " +
				"a rise of the cost by 5 % would have been found", gate.Fail,
		},
		{
			"two worse",
			gate.Report{Rows: []gate.Row{counted(gate.Worse, 172, 700), timed(gate.Worse, 1.2)}},
			"2 regressions, the first: reactor: resident bytes per connection +528, from 172 to 700", gate.Fail,
		},
		{"undecided", gate.Report{Rows: []gate.Row{timed(gate.Unsteady, 1.2)}}, "Undecided · 1 undecided", gate.Inconclusive},
		{"accepted", gate.Report{Rows: []gate.Row{timed(gate.Accepted, 1.2)}}, "No regression shown · 1 worse and", gate.Pass},
		{"every model equal", gate.Report{Skipped: []string{"m: its code is the same"}}, "1 models with the same", gate.Pass},
		{"nothing comparable", gate.Report{Skipped: []string{"m: new in head"}}, "nothing was compared", gate.Inconclusive},
	} {
		tc.report.Conclude()
		if got := tc.report.Headline(); !strings.Contains(got, tc.want) || tc.report.Verdict != tc.verdict {
			t.Errorf("%s: %q, %s", tc.name, got, tc.report.Verdict)
		}
	}
}

// TestComment: the verdict first, changed rows in sight, the rest folded, the marker last.
func TestComment(t *testing.T) {
	r := gate.Report{
		Base: "aaa", Head: "bbb", Seed: 7, Command: []string{"netbench", "gate", "--base", "aaa"},
		Rows:     []gate.Row{timed(gate.Worse, 1.2), counted(gate.Same, 172, 173), counted(gate.Unsteady, 172, 900)},
		Warnings: []string{"1234567: \"bench-accept: <img src=x> @everyone | x\" accepts nothing"},
	}
	r.Rows[2].Why = "one | two"
	r.Conclude()
	got := r.Markdown()
	first, rest, _ := strings.Cut(got, "\n")
	if first != "**"+r.Headline()+"**" || !strings.HasSuffix(got, "\n"+gate.Marker+"\n") ||
		strings.Count(got, gate.Marker) != 1 {
		t.Errorf("comment:\n%s", got)
	}
	seen, folded, _ := strings.Cut(rest, "<details>")
	if strings.Count(seen, "| reactor |") != 2 || !strings.Contains(seen, `one \| two`) || strings.Contains(seen, "same") ||
		strings.Count(folded, "| reactor |") != 3 || !strings.Contains(folded, "--base aaa --seed 7`") {
		t.Errorf("comment:\n%s", got)
	}
	for _, bad := range []string{"<img", "@everyone"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q reaches the comment", bad)
		}
	}
	if strings.Count(got, "<details>") != strings.Count(got, "</details>") {
		t.Errorf("folds do not match:\n%s", got)
	}
	quiet := gate.Report{Rows: []gate.Row{counted(gate.Same, 1, 1)}}
	if seen, _, _ := strings.Cut(quiet.Markdown(), "<details>"); strings.Contains(seen, "|") {
		t.Errorf("a comment without a change shows a table:\n%s", seen)
	}
}

func TestReportSurvivesJSON(t *testing.T) {
	want := gate.Report{Base: "a", Head: "b", Rows: []gate.Row{timed(gate.Worse, 1.2), counted(gate.Same, 1, 1)}}
	want.Rows[0].Logs = []float64{0.1, 0.2}
	want.Conclude()
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got gate.Report
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// commits makes a repository with an empty commit per message, the first tagged base.
func commits(t *testing.T, messages ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("SKIPPED: no git here")
	}
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		all := append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"}, args...)
		if out, err := exec.Command("git", all...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	for i, m := range messages {
		git("commit", "-q", "--allow-empty", "-m", m)
		if i == 0 {
			git("tag", "base")
		}
	}
	return dir
}

func TestAcceptedTradeOffs(t *testing.T) {
	repo := commits(t,
		"Base\n\nbench-accept: reactor cost from before: not in the range",
		"Buy\n\nbench-accept: reactor bytes a buffer each: half the wake-ups\nSigned-off-by: me",
		"Talk about bench-accept: in a sentence",
		"Slip\n\nbench-accept: reactor memory no such metric\nbench-accept: reactor cost\n",
	)
	accepted, wrong, err := gate.Acceptances(t.Context(), repo, "base", "HEAD")
	if err != nil || len(accepted) != 1 || accepted[0].Reason != "a buffer each: half the wake-ups" {
		t.Fatalf("%+v, %v", accepted, err)
	}
	text := strings.Join(wrong, "\n")
	if len(wrong) != 2 || !strings.Contains(text, "metrics are syscalls") || !strings.Contains(text, "and a reason") {
		t.Errorf("wrong: %s", text)
	}
	other := counted(gate.Worse, 1, 2)
	other.Model = "proactor"
	rows := gate.Accept([]gate.Row{counted(gate.Worse, 1, 2), timed(gate.Worse, 1.2), other, counted(gate.Same, 1, 1)}, accepted)
	var states []gate.State
	for _, r := range rows {
		states = append(states, r.State)
	}
	if diff := cmp.Diff([]gate.State{gate.Accepted, gate.Worse, gate.Worse, gate.Same}, states); diff != "" {
		t.Error(diff)
	}
	if gate.Decide(rows[:1]) != gate.Pass || !strings.Contains(rows[0].Why, "half the wake-ups") {
		t.Errorf("%+v", rows[0])
	}
}

func TestProofTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.jsonl")
	logs := []float64{0.01, -0.02, 0.015, -0.005, 0.011, -0.013, 0.007, -0.009, 0.02, -0.001, 0.003, -0.012}
	same := timed(gate.Same, 1)
	same.Logs = logs
	worse := counted(gate.Worse, 1, 2)
	worse.Metric = gate.Allocs
	for _, p := range []gate.Proof{
		{Trial: "same, times", Model: "reactor", Verdict: gate.Pass, Rows: []gate.Row{same}, TookS: 80},
		{Trial: "alloc", Model: "reactor", Verdict: gate.Fail, Rows: []gate.Row{worse}, TookS: 8},
		{Trial: "alloc", Model: "proactor", Verdict: gate.Inconclusive, TookS: 8},
	} {
		if err := gate.AddProof(path, p); err != nil {
			t.Fatal(err)
		}
	}
	proofs, err := gate.Proofs(path)
	if err != nil || len(proofs) != 3 {
		t.Fatalf("%d proofs, %v", len(proofs), err)
	}
	table := gate.ProofTable(proofs)
	for _, want := range []string{
		"| same, counts | the same, linked in another order | – | 0 of 59 |",
		"| reactor | 1 of 20 | 1 | 0 | 0 | – | 80 |",
		"| proactor, reactor | 2 of 10 | 0 | 1 | 1 | 1 of 2 | 8 |",
		"of the 1 stored series of equal builds, 2000 times",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if err := os.WriteFile(path, []byte("{]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Proofs(path); err == nil || !strings.Contains(err.Error(), "gate.jsonl:1") {
		t.Errorf("a torn file of proofs: %v", err)
	}
}

package report

import (
	"regexp"
	"strings"
	"testing"

	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
	"iomodels/bench/synth"
)

func headlines(blocks int, models ...string) *record.Run {
	run := synth.Run(synth.Options{Seed: 9, Blocks: blocks, Conns: []int{10}, Models: models})
	return synth.TakeTurns(run, "goroutine", 0.01)
}

func TestVerdicts(t *testing.T) {
	busy := headlines(14, "goroutine", "reactor")
	for i := range busy.Records {
		if r := &busy.Records[i]; r.Block < 5 {
			for j := range r.Slices {
				r.Slices[j].Machine.StealS = 1
			}
		}
	}
	for _, tc := range []struct {
		name string
		run  *record.Run
		want []string // regular expressions
	}{
		{"tiers", headlines(12, "goroutine", "reactor", "thread"), []string{
			`Tiers, best first: reactor \| `, `Noise floor \(A/A\): a second server of goroutine against the first is [01]\.\d{3} \[`,
			`12 blocks count; 0 were dropped for all, and 0 slices were repeated`, `1 \(baseline\)`, `norm here`,
		}},
		{"a tie", headlines(12, "goroutine", "like-goroutine"), []string{`No difference shown: `}},
		{"too few", headlines(7, "goroutine", "reactor"), []string{`Too few blocks: no verdict, 5 missing of 12\.`}},
		{"too busy", busy, []string{
			`The machine was too busy: no verdict, 5 of 14 blocks were disturbed`,
			`5 were dropped for all, but are in the ratios: there is nothing better \(slice …: `,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all := Verdicts(cells.New(tc.run.Env, tc.run.Records, ""))
			if len(all) != 2 {
				t.Fatalf("%d headlines, want one per protocol", len(all))
			}
			text, page := all[0].Text(), all[0].Markdown()
			for _, want := range tc.want {
				if !regexp.MustCompile(want).MatchString(text) || !regexp.MustCompile(want).MatchString(page) {
					t.Errorf("lacks %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, "%!") || strings.Contains(text, "twin\n") {
				t.Errorf("%s", text)
			}
		})
	}
	if got := (view{set: cells.New(record.Env{}, nil, "")}).verdicts(); !strings.Contains(got, "did not measure headlines") {
		t.Errorf("an empty run says %q", got)
	}
}

func TestARunThatWasDisturbedThroughoutSaysSo(t *testing.T) {
	run := headlines(3, "goroutine", "reactor")
	for i := range run.Records {
		for j := range run.Records[i].Slices {
			run.Records[i].Slices[j].Machine.StealS = 9
		}
	}
	all := Verdicts(cells.New(run.Env, run.Records, ""))
	if len(all) == 0 || !strings.Contains(all[0].Text(), "no verdict, 3 of 3 blocks were disturbed") ||
		!strings.Contains(all[0].Text(), "1 (baseline)") {
		t.Errorf("%+v", all)
	}
}

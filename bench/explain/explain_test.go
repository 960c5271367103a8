package explain_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"iomodels/bench/explain"
	"iomodels/bench/record"
	"iomodels/bench/synth"
)

func invented(blocks int, mishaps bool, models ...string) *record.Run {
	return synth.Run(synth.Options{
		Seed: 5, Blocks: blocks, Mishaps: mishaps, Models: models, Conns: []int{1, 1000, 10000},
	})
}

// plain fails unless there are ten sentences, each of them one, and returns them.
func plain(t *testing.T, run *record.Run) []string {
	t.Helper()
	sentences := explain.Sentences(run, "")
	if len(sentences) != 10 {
		t.Fatalf("%d sentences", len(sentences))
	}
	for i, s := range sentences {
		if !strings.HasSuffix(s, ".") || regexp.MustCompile(`\. [A-Z]|\n|  |%!|NaN|Inf`).MatchString(s) ||
			!regexp.MustCompile(`^[A-Z]`).MatchString(s) {
			t.Errorf("%d is not one plain sentence: %s", i+1, s)
		}
	}
	return sentences
}

func TestSentences(t *testing.T) {
	all := []string{"goroutine", "thread", "reactor", "proactor", "gnet", "nethttp"}
	threads := invented(14, false, "goroutine", "reactor", "proactor")
	for i := range threads.Records {
		threads.Records[i].Machine.ForeignCPU = 0.5
	}
	for _, tc := range []struct {
		name string
		run  *record.Run
		want map[int]string // sentence number -> regular expression
	}{
		{"a full run", invented(14, false, all...), map[int]string{
			1:  `commit 0123abc measured 6 models in \d+ measurements on one machine \(Invented CPU, 2 CPUs`,
			2:  `a cell has 14 blocks, so intervals have a level of at least 98\.\d % and verdicts are possible`,
			3:  `over echo the tiers are, best first, proactor \| reactor \| .*gnet .*; over HTTP/1\.1 the tiers`,
			4:  `over echo at 1k connections the ratios to goroutine go from 0\.\d+ \[.*\] \(thread\) to 1\.\d+ \[.*\] \(proactor\), and \d of 4`,
			5:  `99 % .* over echo at \d+k offered requests per second it is from .* \((proactor|reactor)\) to .* \(thread\)`,
			6:  `every model that was asked \(goroutine, .*\) did, without one error`,
			7:  `idle echo connection .* from \d\d\.\d B \(proactor\) to 17\.\d kB \(thread\)`,
			8:  `Nothing failed .* 0 were skipped`,
			9:  `in the way of 0 of \d+ measurements .* in \d+ of \d+ comparisons`,
			10: `does not say`,
		}},
		{"too few blocks", invented(5, false, all...), map[int]string{
			2: `5 blocks, so intervals can be shown but verdicts cannot: those need 12 blocks, which are 7 more`,
			3: `estimates, best first, are those of proactor, reactor, .* but too few blocks: no verdict, 7 missing of 12`,
			9: `too few blocks to see`,
		}},
		{"one block", invented(1, false, all...), map[int]string{2: `1 block, which gives no interval and no verdict`}},
		{"mishaps", invented(6, true, all...), map[int]string{
			6: `goroutine, .* did without one error, and nethttp had some`,
			8: `Of the \d+ cells that were run, \d+ were? broken by a failure, [1-9]\d* w\w+ unsound .* doubts, and [1-9]\d* w`,
		}},
		{"one model", invented(12, false, "goroutine"), map[int]string{
			3: `says nothing about cost`, 4: `nobody was measured beside goroutine`, 5: `says nothing about response`,
			7: `says nothing about memory`,
		}},
		{"a busy machine", threads, map[int]string{9: `in the way of (\d+) of \d+ measurements`}},
		{"nothing", &record.Run{}, map[int]string{
			1: `no measurement`, 2: `Nothing was measured`, 3: `says nothing`, 4: `says nothing`, 5: `says nothing`,
			6: `says nothing`, 7: `says nothing`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sentences := plain(t, tc.run)
			for n, want := range tc.want {
				if !regexp.MustCompile(want).MatchString(sentences[n-1]) {
					t.Errorf("%d: %s\nwant %s", n, sentences[n-1], want)
				}
			}
			if !slices.Equal(sentences, plain(t, tc.run)) {
				t.Error("the same run was explained in other words")
			}
		})
	}
}

// TestATieIsSaid: identical models are not put in an order.
func TestATieIsSaid(t *testing.T) {
	sentences := plain(t, invented(14, false, "goroutine", "like-goroutine"))
	if want := "no difference is shown between "; !strings.Contains(sentences[2], want) {
		t.Errorf("%s", sentences[2])
	}
}

// TestHeadlinesAreExplained: what was dropped, and how far a server came out from itself.
func TestHeadlinesAreExplained(t *testing.T) {
	run := synth.TakeTurns(invented(13, false, "goroutine", "reactor", "proactor"), "goroutine", 0.01)
	for i := range run.Records {
		if r := &run.Records[i]; r.Block == 2 && len(r.Slices) > 0 {
			r.Slices[0].Machine.StealS = 2
		}
	}
	sentences := plain(t, run)
	for n, want := range map[int]string{
		3: `over echo the tiers are, best first, proactor \| reactor \| goroutine, and within`,
		9: `made 2 of 26 blocks of the headlines not count for any model, a second server of goroutine came out at \d\.\d{3} \[`,
	} {
		if !regexp.MustCompile(want).MatchString(sentences[n-1]) {
			t.Errorf("%d: %s\nwant %s", n, sentences[n-1], want)
		}
	}
}

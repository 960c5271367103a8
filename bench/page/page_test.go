package page_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"iomodels/bench/history"
	"iomodels/bench/page"
	"iomodels/bench/record"
	"iomodels/bench/synth"
)

// reportOf is the page of an invented run.
func reportOf(t *testing.T, run *record.Run) string {
	t.Helper()
	var buf bytes.Buffer
	if err := page.Report(&buf, run, ""); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func historyOf(t *testing.T, file history.File) string {
	t.Helper()
	var buf bytes.Buffer
	if err := page.History(&buf, file); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// campaigns invents a history: one class of machines whose reactor became dearer on the way, and a
// campaign on another machine.
func campaigns(n int) history.File {
	var file history.File
	for i := range n {
		run := synth.Run(synth.Options{
			Seed: uint64(i + 1), Blocks: 6, Models: []string{"goroutine", "reactor"}, Conns: []int{100},
		})
		run.Env.Commit = fmt.Sprintf("%07x", 0xabc000+i*77)
		run.Env.Started = run.Env.Started.Add(time.Duration(i) * 24 * time.Hour)
		for k := range run.Records {
			if r := &run.Records[k]; r.Cell.Model == "reactor" && i >= n/2 {
				r.Server.CPUS *= 1.15
			}
		}
		if i == 1 {
			run.Env.CPU = "Another Invented CPU"
		}
		line := history.FromRun(run, history.Options{Authored: run.Env.Started.Add(-time.Hour)})
		if i == 3 {
			line.Cells = line.Cells[:len(line.Cells)/2] // a campaign that was cut short: a gap
		}
		file.Lines = append(file.Lines, line)
	}
	return file
}

func TestReportHoldsItsParts(t *testing.T) {
	models := []string{"goroutine", "gnet", "netpoll", "nethttp"}
	html := reportOf(t, synth.Run(synth.Options{Seed: 1, Blocks: 6, Models: models, Mishaps: true}))
	for _, part := range []string{
		"<h2>Verdicts</h2>", "Too few blocks: no verdict, 6 missing of 12", "ratio to goroutine", "This run has no A/A twin",
		"Response time by percentile", "Throughput against connections", "Response time against offered load",
		"What a request costs", "What a connection costs", "Drift over the blocks", "Response time over time",
		"What this does not say", "netserve exited with code 2", "Invented CPU", "figures.csv.gz", "Leon Sorokin",
		"the generator was late",
	} {
		if !strings.Contains(html, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
}

func TestTiersComeWithEnoughBlocks(t *testing.T) {
	models := []string{"goroutine", "reactor", "gnet"}
	html := reportOf(t, synth.Run(synth.Options{Seed: 1, Blocks: 16, Models: models, Conns: []int{100}}))
	if !strings.Contains(html, `<th scope="col" class="tier">tier</th>`) || strings.Contains(html, "no verdict") {
		t.Error("sixteen blocks of three models give tiers")
	}
}

// TestTwinsDrawTheNoiseFloor: servers that took turns, and the baseline twice, as a campaign leaves them.
func TestTwinsDrawTheNoiseFloor(t *testing.T) {
	opt := synth.Options{Seed: 1, Blocks: 13, Models: []string{"goroutine", "reactor"}, Conns: []int{100}}
	html := reportOf(t, withTwins(synth.Run(opt)))
	for _, part := range []string{"A/A band", "Noise floor (A/A)", `class="twin"`, `<td class="tier"><b>1</b> <i>a</i></td>`} {
		if !strings.Contains(html, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
}

// withTwins makes the cells that share a CPU headlines.
func withTwins(run *record.Run) *record.Run {
	for _, r := range run.Records {
		if r.Cell.Topology != "shared" {
			continue
		}
		slice := record.Slice{Seconds: 1, ServerS: 1, ClientS: 1}
		run.Records[r.Seq-1].Slices = []record.Slice{slice, slice}
		if r.Cell.Model == "goroutine" {
			r.Cell.Arm, r.Slices = record.Twin, run.Records[r.Seq-1].Slices
			r.Server.CPUS *= 1 + 0.02*float64(r.Block%3-1)
			run.Records = append(run.Records, r)
		}
	}
	return run
}

// TestWhatIsMissingIsSaid: a run of almost nothing still is a page, and says what it lacks.
func TestWhatIsMissingIsSaid(t *testing.T) {
	run := synth.Run(synth.Options{Seed: 1, Blocks: 1, Models: []string{"goroutine"}, Conns: []int{10}})
	for i := range run.Records {
		run.Records[i].Load.Intervals = nil
	}
	html := reportOf(t, run)
	for _, part := range []string{
		"This run compares no two models", "A drift takes two blocks", "The records hold no time series",
		"This run did not take memory",
	} {
		if !strings.Contains(html, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	reportOf(t, &record.Run{Dir: "x", Records: []record.Record{{Skipped: "nothing runs here"}}})
}

// TestZerosAreDrawn: a server that answers nothing, or whose times are too short for the clock, has
// figures of zero, which have no logarithm and no ratio.
func TestZerosAreDrawn(t *testing.T) {
	place := regexp.MustCompile(`[" ][+-]?(?:NaN|Inf)|MNaN `) // not the letters, which packed data may hold
	for name, spoil := range map[string]func(i int, r *record.Record){
		"all": func(_ int, r *record.Record) { zero(r) },
		"some": func(i int, r *record.Record) {
			if i%3 == 0 {
				zero(r)
			}
		},
		"the baseline": func(_ int, r *record.Record) {
			if r.Cell.Model == "goroutine" {
				zero(r)
			}
		},
	} {
		models := []string{"goroutine", "reactor"}
		run := synth.Run(synth.Options{Seed: 1, Blocks: 3, Models: models, Conns: []int{10, 1000}})
		for i := range run.Records {
			spoil(i, &run.Records[i])
		}
		file := history.File{Lines: []history.Line{history.FromRun(run, history.Options{})}}
		for _, html := range []string{reportOf(t, run), historyOf(t, file)} {
			_, body, _ := strings.Cut(html, "<body>")
			body, _, _ = strings.Cut(body, "<script>")
			if at := place.FindStringIndex(body); at != nil {
				t.Errorf("%s: ...%s...", name, body[max(0, at[0]-80):at[1]+20])
			}
		}
	}
}

// zero takes everything from a record but that it was made.
func zero(r *record.Record) {
	r.Load.RatePerS, r.Load.WindowOK, r.Server.CPUS, r.Load.Generator.CPUS = 0, 0, 0, 0
	l := &r.Load.Response
	l.P50, l.P90, l.P99, l.P999 = 0, 0, 0, 0
	for i := range l.Curve {
		l.Curve[i].NS = 0
	}
}

// hostile is what a client might send to break out of text, attribute, script, style or address.
const hostile = `</script><script>alert(1)</script><img src=x onerror=alert(1)>"' onload=alert(1) {{.}} --></style>`

func TestWhateverRecordsHoldIsText(t *testing.T) {
	models := []string{"goroutine", hostile}
	run := synth.Run(synth.Options{Seed: 1, Blocks: 2, Models: models, Conns: []int{10, 1000}, Mishaps: true})
	run.Dir, run.Env.Commit, run.Env.CPU = "runs/"+hostile, hostile, hostile
	run.Env.Command, run.Env.Limits = []string{hostile}, map[string]string{hostile: hostile}
	run.Warnings = []string{hostile}
	for i := range run.Records {
		run.Records[i].Load.Reasons, run.Records[i].Load.Verdict = []string{hostile}, "suspect"
		if i%7 == 0 {
			run.Records[i].Failed = hostile
		}
	}
	file := history.File{Lines: []history.Line{history.FromRun(run, history.Options{Baseline: "goroutine"})}}
	file.Lines[0].Profile, file.Warnings = "x; rm -rf ~", []string{hostile}
	for name, html := range map[string]string{"report": reportOf(t, run), "history": historyOf(t, file)} {
		for _, bad := range []string{"<script>alert", "<img", "<style>{{", "rm -rf ~ "} {
			if strings.Contains(html, bad) {
				t.Errorf("%s: %q stands in the page as it came", name, bad)
			}
		}
		if scripts := strings.Count(html, "</script>"); scripts != 4 {
			t.Errorf("%s: %d scripts end, want 4: the data and three of ours", name, scripts)
		}
		if !json.Valid([]byte(embedded(t, html))) {
			t.Errorf("%s: the data are no JSON", name)
		}
	}
	if strings.Contains(historyOf(t, file), "git checkout") {
		t.Error("a commit that is no plain word must not stand in a command that people paste")
	}
}

// embedded is the data of a page.
func embedded(t *testing.T, html string) string {
	t.Helper()
	_, rest, ok := strings.Cut(html, `<script type="application/json" id="data">`)
	if !ok {
		t.Fatal("the page has no data")
	}
	data, _, _ := strings.Cut(rest, "</script>")
	return data
}

func TestPagesNameNoOtherPlace(t *testing.T) {
	address := regexp.MustCompile(`(?:src|href|action|data|poster|formaction)\s*=\s*"([^"]*)"|url\(([^)]*)\)|@import`)
	for name, html := range pages(t) {
		for _, m := range address.FindAllStringSubmatch(html, -1) {
			to := m[1] + m[2]
			if !strings.HasPrefix(to, "#") && !strings.HasPrefix(to, "data:") && m[0] != `data=""` {
				t.Errorf("%s: %s", name, m[0])
			}
		}
		if !strings.Contains(html, "default-src &#39;none&#39;; script-src &#39;sha256-") {
			t.Errorf("%s: no policy that forbids requests", name)
		}
	}
}

func pages(t *testing.T) map[string]string {
	two := []string{"goroutine", "gnet"}
	return map[string]string{
		"report":  reportOf(t, synth.Run(synth.Options{Seed: 1, Blocks: 3, Models: two, Mishaps: true})),
		"history": historyOf(t, campaigns(6)),
	}
}

func TestTheSameRecordsGiveTheSameBytes(t *testing.T) {
	a, b := pages(t), pages(t)
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s differs from itself", name)
		}
	}
}

// TestPagesStayLight: what a page weighs without data, and with those of a usual run.
func TestPagesStayLight(t *testing.T) {
	sum := 0
	err := fs.WalkDir(os.DirFS("assets"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join("assets", path))
		sum += len(data)
		ours := filepath.Ext(path) == ".js" && !strings.Contains(path, "uPlot")
		if lines := bytes.Count(data, []byte("\n")); ours && lines >= 400 {
			t.Errorf("%s has %d lines", path, lines)
		}
		return err
	})
	if err != nil || sum > 150<<10 {
		t.Errorf("the assets weigh %d bytes, more than 150 KiB (%v)", sum, err)
	}
	if html := reportOf(t, synth.Run(synth.Options{Seed: 1, Blocks: 3, Mishaps: true})); len(html) > 1<<20 {
		t.Errorf("the page of a usual run weighs %d bytes, more than 1 MiB", len(html))
	}
}

func TestHistoryPutsTheWorstOnTop(t *testing.T) {
	html := historyOf(t, campaigns(16))
	first := html[strings.Index(html, "<table class=\"figures overview\">"):]
	first, _, _ = strings.Cut(first[strings.Index(first, "<tbody>"):], "</tr>")
	if !strings.Contains(first, `data-srv="reactor"`) || !strings.Contains(first, ": worse") {
		t.Errorf("the first row is %s", first)
	}
	if n := strings.Count(html, `<section class="class"`); n != 2 {
		t.Errorf("%d classes of machines, want 2", n)
	}
	if !strings.Contains(html, "git checkout 0abc000 &amp;&amp; make build") {
		t.Error("no command that measures a campaign again")
	}
	if err := page.History(&bytes.Buffer{}, history.File{}); err == nil {
		t.Error("a history without campaigns has no page")
	}
}

package report

import (
	"bytes"
	"encoding/csv"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
	"iomodels/bench/synth"
)

var look = flag.String("look", "", "write the report of an invented run into this folder, to be looked at")

// render writes the report of a run into a folder and returns its options.
func render(t *testing.T, dir string, run *record.Run) Options {
	t.Helper()
	opt := Options{
		ChartDir: filepath.Join(dir, "results", "charts"), ReportPath: filepath.Join(dir, "REPORT.md"),
		ReadmePath: filepath.Join(dir, "README.md"),
	}
	if _, err := os.Stat(opt.ReadmePath); err != nil {
		readme := "# Title\n\n<!-- generated:readme begin -->\n<!-- generated:readme end -->\n\nBy hand.\n"
		if err := os.WriteFile(opt.ReadmePath, []byte(readme), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := Render(run, opt); err != nil {
		t.Fatal(err)
	}
	return opt
}

// pageOf composes the report of a run without painting anything.
func pageOf(t *testing.T, run *record.Run) string {
	t.Helper()
	dir := t.TempDir()
	opt := Options{ChartDir: filepath.Join(dir, "results", "charts"), ReportPath: filepath.Join(dir, "REPORT.md")}
	page, err := newView(run, opt).compose(opt, opt.ReportPath, template, sections())
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func small() *record.Run {
	return synth.Run(synth.Options{
		Seed: 1, Blocks: 3, Mishaps: true, Conns: []int{100, 10000},
		Models: []string{"goroutine", "thread", "gnet", "netpoll", "proactor", "nethttp"},
	})
}

// tiny has data for a single picture: painting is what takes the time of a render.
func tiny() *record.Run {
	run := synth.Run(synth.Options{Blocks: 2, Conns: []int{10}, Models: []string{"goroutine", "reactor"}})
	run.Env.Plan, run.Env.Blocks = nil, 0
	run.Records = slices.DeleteFunc(run.Records, func(r record.Record) bool {
		return r.Cell.Proto != "http" || r.Cell.Topology != cells.Shared
	})
	return run
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestRenderTwiceIsTheSame: nothing of the moment, the machine or a map's order gets in.
func TestRenderTwiceIsTheSame(t *testing.T) {
	dir, run := t.TempDir(), tiny()
	if *look != "" {
		dir, run = *look, small()
	}
	opt := render(t, dir, run)
	first := snapshot(t, dir)
	if len(first) < 5 { // report, README, figures, a picture twice
		t.Errorf("only %d files", len(first))
	}
	render(t, dir, run) // over what is there
	for name, data := range snapshot(t, dir) {
		if !bytes.Equal(data, first[name]) {
			t.Errorf("%s changed when rendered over itself", name)
		}
	}
	if elsewhere := pageOf(t, run); elsewhere != read(t, opt.ReportPath) {
		t.Error("the report depends on the folder that it is written into")
	}
}

func snapshot(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEverySectionIsFilled(t *testing.T) {
	page := pageOf(t, small())
	for _, s := range sections() {
		begin := strings.Index(page, "<!-- generated:"+s.name+" begin -->")
		end := strings.Index(page, "<!-- generated:"+s.name+" end -->")
		if begin < 0 || end < begin {
			t.Errorf("section %s is not in the template", s.name)
			continue
		}
		if len(page[begin:end]) < 50 {
			t.Errorf("section %s is empty: %q", s.name, page[begin:end])
		}
	}
	for _, want := range []string{
		"| `gnet` | half-close | drops what it still owes",        // known limit
		"| thread | HTTP/1.1, closed loop, server and generator",  // skipped, with the cell
		"skipped: 10,000 threads need kernel.threads-max",         // and the reason
		"failed: netserve exited with code 2 in mid-cell",         // failed, first line only
		"reset 36, timeout 9",                                     // errors of three blocks, added up
		"system calls were not counted: perf_event_paranoid is 3", // warning, once
		"too few blocks: no verdict, 9 missing of 12",             // no ranking by eye
		"intervals are exact 75 % ones",                           // the level of three blocks
		`srcset="results/charts/cost-ratio-http.svg"`,             // picture
		`src="results/charts/cost-ratio-http.png"`,                // and its fallback
		"1 (baseline)", "| 0123abc |", "| somaxconn | 4096 |", "| gnet | v2.9.7 |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if strings.Contains(page, "goroutine 12") {
		t.Error("a stack trace got into a table")
	}
}

// TestTenThousandRowForEveryModel: who could not be measured has a row too, with the reason.
func TestTenThousandRowForEveryModel(t *testing.T) {
	page := pageOf(t, small())
	begin := strings.Index(page, "<!-- generated:c10k begin -->")
	section := page[begin:strings.Index(page, "<!-- generated:c10k end -->")]
	for _, want := range []string{
		"| goroutine | 10000 | yes |", "| nethttp | 9993 | no |", "| thread | – | – |", "| netpoll | 10000 | yes |",
	} {
		if !strings.Contains(section, want) {
			t.Errorf("the table lacks %q:\n%s", want, section)
		}
	}
}

func TestProseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	opt := Options{ChartDir: filepath.Join(dir, "charts"), ReportPath: filepath.Join(dir, "REPORT.md")}
	page := "# Mine\n\n" + strings.Replace(pageOf(t, small()), "## How to read this page", "## My heading, kept", 1)
	const marker = "<!-- generated:other begin -->"
	page = strings.Replace(page, marker, marker+"\nstale figure 123", 1)
	if err := os.WriteFile(opt.ReportPath, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := newView(small(), opt).compose(opt, opt.ReportPath, template, sections())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got, "# Mine\n") || !strings.Contains(got, "## My heading, kept") {
		t.Error("prose by hand was changed")
	}
	if strings.Contains(got, "stale figure 123") {
		t.Error("what stood between the markers survived")
	}
}

func TestReadmeGetsPictureTableAndLink(t *testing.T) {
	dir := t.TempDir()
	readme := read(t, render(t, dir, tiny()).ReadmePath)
	for _, want := range []string{
		"# Title", "By hand.", "results/charts/cost-ratio-http.svg", "| reactor |", "1 (baseline)", "(REPORT.md)",
	} {
		if !strings.Contains(readme, want) {
			t.Errorf("the README lacks %q:\n%s", want, readme)
		}
	}
	if strings.Contains(readme, "req/s at") {
		t.Error("the README shows the columns for those who read on")
	}
}

func TestDamagedMarkersAreRefused(t *testing.T) {
	const begin, end = "<!-- generated:cost begin -->\n", "<!-- generated:cost end -->\n"
	tests := []struct{ name, page, want string }{
		{"no end", "a\n" + begin + "prose\n", `marker "cost" has no end`},
		{"no begin", end, "line 1: marker \"cost\" ends but did not begin"},
		{"nested", begin + "<!-- generated:other begin -->\n", `line 2: marker "other" begins inside "cost"`},
		{"twice", begin + end + begin + end, "line 3: marker \"cost\" is there twice"},
		{"unknown", "<!-- generated:costs begin -->\n", `unknown marker "costs"; known are`},
		{"misspelt edge", "<!-- generated:cost start -->\n", `says "start": want begin or end`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "REPORT.md")
			if err := os.WriteFile(path, []byte(tt.page), 0o644); err != nil {
				t.Fatal(err)
			}
			run := synth.Run(synth.Options{Blocks: 1, Conns: []int{1}, Models: []string{"goroutine"}})
			err := Render(run, Options{ChartDir: filepath.Join(dir, "charts"), ReportPath: path})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "REPORT.md") {
				t.Errorf("got %v, want %q and the file's name", err, tt.want)
			}
			if got := read(t, path); got != tt.page {
				t.Errorf("the page was changed:\n%s", got)
			}
			if _, err := os.Stat(filepath.Join(dir, "charts")); err == nil {
				t.Error("charts were written before the page was refused")
			}
		})
	}
}

func TestStaleChartsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"throughput-echo.svg", "throughput-echo.png", "mine.svg"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeCharts(dir, nil); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) != 1 || filepath.Base(left[0]) != "mine.svg" { // what is not ours stays
		t.Errorf("left: %v", left)
	}
}

func TestPoorRunsHaveAReport(t *testing.T) {
	one := synth.Run(synth.Options{Blocks: 1, Conns: []int{7}, Models: []string{"stranger"}})
	one.Records = one.Records[:1]
	for name, run := range map[string]*record.Run{
		"nothing at all": {}, "one record": one, "plan only": {Env: one.Env},
	} {
		t.Run(name, func(t *testing.T) {
			page := pageOf(t, run)
			if !strings.Contains(page, "This run did not measure") {
				t.Error("a section without data must say so")
			}
		})
	}
}

// TestFiguresAsCSV: the CSV has a row for every figure there is.
func TestFiguresAsCSV(t *testing.T) {
	run := small()
	var file bytes.Buffer
	if err := Figures(cells.New(run.Env, run.Records, "")).CSV(&file); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string]bool{}
	for _, row := range rows[1:] {
		metrics[row[10]] = true
	}
	for _, m := range cells.Metrics() {
		if !metrics[m.Name] {
			t.Errorf("no row for %s", m.Name)
		}
	}
}

// TestTemplateQuotesNoFigure: prose that quotes a measurement is wrong after the next run.
func TestTemplateQuotesNoFigure(t *testing.T) {
	figure := regexp.MustCompile(`\b\d[\d.,]*\s*(k|M|%|×|x\b|times|req|µs|us\b|ms\b|s\b|B\b|kB|MB|bytes|percent)`)
	for i, line := range strings.Split(string(template), "\n") {
		if found := figure.FindString(line); found != "" {
			t.Errorf("template.md:%d quotes %q", i+1, found)
		}
	}
}

func TestDuelsOfARun(t *testing.T) {
	run := small()
	run.Dir = t.TempDir()
	lines := `{"a":{"name":"reactor"},"b":{"name":"gnet"},"load":{"proto":"echo","conns":1000,"size":64},"rounds":12,` +
		`"norm":{"value":0.91,"lo":0.9,"hi":0.92,"confidence":0.96,"n":12},"must":0.93,"goal":0.9,"judged":"norm"}` + "\n{oops\n" +
		`{"a":{"name":"proactor"},"b":{"name":"proactor:-multishot"},"load":{"proto":"echo","conns":256,"size":64},` +
		`"rounds":12,"norm":{"value":0.8,"lo":0.78,"hi":0.82,"confidence":0.96,"n":12},"judged":"norm"}` + "\n" +
		`{"a":{"name":"reactor"},"b":{"name":"goroutine"},"load":{"proto":"http","conns":64,"requests_per_conn":1},` +
		`"rate":{"value":0.98,"lo":0.97,"hi":1,"confidence":0.96,"n":12},"must":1,"judged":"rate"}` + "\n"
	if err := os.WriteFile(filepath.Join(run.Dir, DuelsFile), []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	page := pageOf(t, run)
	for _, want := range []string{
		"| reactor / gnet | echo, 1k connections, 64 B | 12 | norm | 0.910 [0.900–0.920] |", "| ≤ 0.93 | held | ≤ 0.90 | missed |",
		"| ≥ 1.00 | missed |",
		"| proactor without multishot | echo, 256 connections, 64 B | 12 | 1.250 [1.220–1.282] |",
		"requests per connection: 1", "duels.jsonl:2 cannot be read",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if !strings.Contains(pageOf(t, small()), "No duels are stored with this run.") {
		t.Error("a run without duels must say so")
	}
}

func TestSummaryForTheTerminal(t *testing.T) {
	run := small()
	text := Summary(cells.New(run.Env, run.Records, "")).Text()
	for _, want := range []string{"goroutine", "1 (baseline)", "cost (lower is better)", "nethttp"} {
		if !strings.Contains(text, want) {
			t.Errorf("the summary lacks %q:\n%s", want, text)
		}
	}
}

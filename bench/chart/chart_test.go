package chart

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"

	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
	"iomodels/bench/synth"
)

var (
	look   = flag.String("look", "", "write the pictures of an invented run into this folder, to be looked at")
	update = flag.Bool("update", false, "rewrite the golden files")
)

func invented(opt synth.Options) *cells.Set {
	run := synth.Run(opt)
	return cells.New(run.Env, run.Records, "")
}

func find(t *testing.T, charts []Chart, name string) Chart {
	t.Helper()
	for _, c := range charts {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no chart %s", name)
	return Chart{}
}

// TestAllChartsAreDrawn paints every chart, and keeps the pictures if asked to:
// go test ./bench/chart -run AllCharts -look /tmp/pictures
func TestAllChartsAreDrawn(t *testing.T) {
	dir := *look
	if dir == "" {
		dir = t.TempDir()
	}
	charts := All(invented(synth.Options{Seed: 1, Mishaps: true}))
	charts = append(charts, Only(invented(topics()), Family, FamilyMemory, Blocking, Idlers, HandlerTime)...)
	var names []string
	for i, c := range charts {
		names = append(names, c.Name)
		if i%8 == 0 || *look != "" { // the rest is painted as SVG by other tests: images take long
			if err := c.Write(dir); err != nil {
				t.Error(err)
			}
			for _, ext := range []string{".svg", ".png"} {
				if _, err := os.Stat(filepath.Join(dir, c.Name+ext)); err != nil {
					t.Error(err)
				}
			}
		}
		for what, text := range map[string]string{"title": c.Title, "alt": c.Alt, "caption": c.Caption} {
			if text == "" {
				t.Errorf("%s has no %s", c.Name, what)
			}
		}
		for _, fact := range []string{"Invented CPU", "Commit 0123abc", "blocks", "Load: "} {
			if !strings.Contains(c.Caption, fact) {
				t.Errorf("%s: the caption lacks %q: %s", c.Name, fact, c.Caption)
			}
		}
	}
	for _, kind := range []string{
		"cost-ratio", "throughput", "percentiles", "latency-load", "cpu", "syscalls", "memory", "ramp",
	} {
		for _, proto := range []string{"echo", "http"} {
			if !slices.Contains(names, kind+"-"+proto) {
				t.Errorf("no chart %s-%s among %v", kind, proto, names)
			}
		}
	}
	for _, name := range []string{
		"family-echo", "family-memory-echo", "blocking-http", "idlers-http", "handler-time-http",
	} {
		if !slices.Contains(names, name) {
			t.Errorf("no chart %s among %v", name, names)
		}
	}
}

// topics is a run of the profiles family and handlers.
func topics() synth.Options {
	return synth.Options{Seed: 4, Blocks: 4, Topics: true}
}

// Who scans its connections climbs, and nobody else does: the chart is there to show that.
func TestFamilyShowsWhoScans(t *testing.T) {
	set := invented(topics())
	groups := familyOf(set, "echo")
	for _, g := range cells.AtIdle(groups, 9900) {
		growth := cells.AgainstFewest(groups, g, cells.Norm())
		if scans := g.Cell.Model == "thread"; (growth.Value > 2) != scans {
			t.Errorf("%s: with idle connections a request costs %.2f of what it does without", g.Cell.Model, growth.Value)
		}
	}
	if own := cells.AgainstFewest(groups, cells.AtIdle(groups, 0)[0], cells.Norm()); own.Value != 1 {
		t.Errorf("without idle connections the ratio to itself is %v", own.Value)
	}
}

func TestSameRecordsSameBytes(t *testing.T) {
	opt := synth.Options{Seed: 3, Blocks: 3, Mishaps: true}
	first, second := All(invented(opt)), All(invented(opt))
	for i, c := range first {
		a, err := c.SVG()
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := second[i].SVG(); !bytes.Equal(a, b) {
			t.Errorf("%s.svg differs between two runs of the same records", c.Name)
		}
	}
	a, err := first[0].PNG()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := second[0].PNG(); !bytes.Equal(a, b) {
		t.Errorf("%s.png differs between two runs of the same records", first[0].Name)
	}
	if img, err := png.Decode(bytes.NewReader(a)); err != nil || img.Bounds().Dx() != int(pageWidth*dotsPerInch/72) {
		t.Errorf("PNG: %v, %v wide", err, img.Bounds().Dx())
	}
}

// TestGolden compares two pictures with ones that were looked at. Numbers may differ in the
// last digit: processors round differently.
func TestGolden(t *testing.T) {
	charts := All(invented(synth.Options{
		Seed: 5, Blocks: 3, Conns: []int{1, 1000}, Models: []string{"goroutine", "reactor", "stranger"},
	}))
	for _, name := range []string{"throughput-echo", "cost-ratio-echo"} {
		t.Run(name, func(t *testing.T) {
			got, err := find(t, charts, name).SVG()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".svg")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if where := differ(string(got), string(want)); where != "" {
				if err := os.WriteFile(path+".got", got, 0o644); err != nil {
					t.Error(err)
				}
				t.Errorf("%s; look at %s.got, then run with -update", where, path)
			}
		})
	}
}

var number = regexp.MustCompile(`-?\d+(\.\d+)?(e[+-]?\d+)?`)

// differ compares two texts, numbers with a tolerance; it says where they differ.
func differ(got, want string) string {
	if number.ReplaceAllString(got, "#") != number.ReplaceAllString(want, "#") {
		return "the pictures differ in more than numbers"
	}
	a, b := number.FindAllString(got, -1), number.FindAllString(want, -1)
	for i := range a {
		x, _ := strconv.ParseFloat(a[i], 64)
		y, _ := strconv.ParseFloat(b[i], 64)
		if math.Abs(x-y) > 0.02 {
			return fmt.Sprintf("number %d is %s, want %s", i, a[i], b[i])
		}
	}
	return ""
}

// label is one <text> element of an SVG.
type label struct {
	X     float64 `xml:"x,attr"`
	Y     float64 `xml:"y,attr"`
	Style string  `xml:"style,attr"`
	Body  string  `xml:",chardata"`
}

func texts(t *testing.T, svg []byte) []label {
	t.Helper()
	var out []label
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "text" {
			var e label
			if err := d.DecodeElement(&e, &start); err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
	}
}

// TestTextStaysOnThePageAndApart: no text leaves the page or lies over another, in any chart.
func TestTextStaysOnThePageAndApart(t *testing.T) {
	for _, opt := range []synth.Options{
		{Seed: 1, Mishaps: true},
		{Seed: 2, Blocks: 12},
		topics(),
		{Seed: 3, Blocks: 1, Conns: []int{50}, Models: []string{"goroutine", "a-stranger-with-a-rather-long-name"}},
	} {
		for _, c := range All(invented(opt)) {
			svg, err := c.SVG()
			if err != nil {
				t.Fatal(err)
			}
			var placed []vg.Rectangle
			for _, e := range texts(t, svg) {
				if !strings.Contains(e.Style, "Liberation Sans, Arial, Helvetica, sans-serif") {
					t.Errorf("%s: %q has no fallback font: %s", c.Name, e.Body, e.Style)
				}
				box := e.box(t)
				if box.Min.X < 0 || box.Max.X > pageWidth || box.Min.Y < -c.page.height() || box.Max.Y > 0 {
					t.Errorf("%s: %q leaves the page: %v", c.Name, e.Body, box)
				}
				for i, other := range placed {
					if overlap(box, other) {
						t.Errorf("%s: %q lies over text %d, %v and %v", c.Name, e.Body, i, box, other)
					}
				}
				placed = append(placed, box)
			}
		}
	}
}

// box is about where the letters of a text are: the height of small letters, which is what
// must not touch. SVG counts downward, so Y is negative here.
func (e label) box(t *testing.T) vg.Rectangle {
	t.Helper()
	m := regexp.MustCompile(`font-size:([\d.]+)px`).FindStringSubmatch(e.Style)
	if m == nil {
		t.Fatalf("%q has no size", e.Body)
	}
	size, _ := strconv.ParseFloat(m[1], 64)
	style := sans(vg.Length(size), ink())
	if strings.Contains(e.Style, "font-weight:bold") {
		style = sansBold(vg.Length(size), ink())
	}
	x, y := vg.Length(e.X), vg.Length(e.Y)
	return vg.Rectangle{
		Min: vg.Point{X: x, Y: y - style.Font.Size*0.55},
		Max: vg.Point{X: x + style.Width(e.Body), Y: y},
	}
}

func overlap(a, b vg.Rectangle) bool {
	return a.Min.X < b.Max.X && b.Min.X < a.Max.X && a.Min.Y < b.Max.Y && b.Min.Y < a.Max.Y
}

func TestNothingIsLeftOutInSilence(t *testing.T) {
	charts := All(invented(synth.Options{Seed: 1, Mishaps: true}))
	tests := []struct{ chart, want string }{
		{"throughput-http", "Not drawn: thread (10k connections): skipped: 10,000 threads"},
		{"throughput-http", "Read with care: nethttp (10k connections): failed requests: reset 60, timeout 15"},
		{"throughput-echo", "Fewer blocks: netpoll (10k connections): 4 of 5 blocks (failed: netserve exited"},
		{"latency-load-echo", "Invalid, says the generator of itself: gnet (60k req/s): the generator was late"},
		{"throughput-echo", "Suspect, says the generator of itself: thread (1k connections): a loop used … % of"},
		{"syscalls-echo", "Not drawn: proactor (1k, 10k connections): system calls could not be counted"},
		{"ramp-http", "Not drawn: thread: skipped"},
		{"memory-http", "Not drawn: thread: skipped"},
	}
	for _, tt := range tests {
		notes := strings.Join(find(t, charts, tt.chart).Notes, "\n")
		if !strings.Contains(notes, tt.want) {
			t.Errorf("%s: notes lack %q:\n%s", tt.chart, tt.want, notes)
		}
	}
}

func TestDoubtfulPointsAreHollow(t *testing.T) {
	set := invented(synth.Options{Seed: 1, Mishaps: true})
	sc, _ := set.Headline(cells.Closed, "http", cells.Split)
	m := cells.Throughput()
	hollow := 0
	for _, s := range seriesOf(set, set.In(sc), byConns, ratioOrMedian(m)) {
		for _, pt := range s.points {
			if pt.hollow != (s.model == "nethttp" && pt.x == 10000) {
				t.Errorf("%s at %v: hollow %v", s.model, pt.x, pt.hollow)
			}
			if pt.hollow {
				hollow++
			}
		}
	}
	if hollow != 1 {
		t.Errorf("%d hollow points, want 1", hollow)
	}
}

// TestPoorRuns: runs with next to nothing in them give fewer charts, and never a crash.
func TestPoorRuns(t *testing.T) {
	failing := synth.Run(synth.Options{Blocks: 1, Models: []string{"goroutine"}})
	for i := range failing.Records {
		failing.Records[i] = record.Record{Cell: failing.Records[i].Cell, Failed: "broke"}
	}
	tests := []struct {
		name string
		run  *record.Run
		want int // charts at least
	}{
		{"empty", &record.Run{}, 0},
		{"everything failed", failing, 0},
		{"one model, one block, one place", synth.Run(synth.Options{
			Blocks: 1, Conns: []int{1}, Models: []string{"reactor"},
		}), 6},
		{"strangers only", synth.Run(synth.Options{Blocks: 2, Models: []string{"x", "y", "z"}}), 8},
		{"twelve blocks", synth.Run(synth.Options{Blocks: 12, Conns: []int{10}}), 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			charts := All(cells.New(tt.run.Env, tt.run.Records, ""))
			if len(charts) < tt.want {
				t.Errorf("%d charts, want at least %d", len(charts), tt.want)
			}
			for _, c := range charts {
				if _, err := c.SVG(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestForestShowsLettersWithEnoughBlocks(t *testing.T) {
	few := find(t, All(invented(synth.Options{Blocks: 5})), "cost-ratio-echo")
	if !strings.Contains(few.Caption, "Tiers are not given: too few blocks: no verdict, 7 missing of 12") {
		t.Errorf("caption: %s", few.Caption)
	}
	enough := find(t, All(invented(synth.Options{Blocks: 12})), "cost-ratio-echo")
	if !strings.Contains(enough.Caption, "share a letter") {
		t.Errorf("caption: %s", enough.Caption)
	}
}

package export_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"iomodels/bench/export"
	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
	"iomodels/bench/synth"
)

// written is the run in the format of that name.
func written(t *testing.T, name string, run *record.Run) []byte {
	t.Helper()
	for _, f := range export.Formats() {
		if f.Name == name {
			var out bytes.Buffer
			if err := f.Write(&out, run, ""); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
	}
	t.Fatalf("no format %q", name)
	return nil
}

func mishaps() *record.Run {
	models := []string{"goroutine", "thread", "reactor", "gnet", "nethttp"}
	run := synth.Run(synth.Options{Seed: 1, Blocks: 6, Mishaps: true, Models: models, Conns: []int{1000, 10000}})
	run.Env.CPU = `Odd "CPU" \ <1>` + "\n& more" // what formats must escape
	return run
}

// TestSameRunSameBytes: a diff of two exports shows what changed, and nothing else.
func TestSameRunSameBytes(t *testing.T) {
	one, other := mishaps(), mishaps()
	for _, f := range export.Formats() {
		if a, b := written(t, f.Name, one), written(t, f.Name, other); !bytes.Equal(a, b) {
			t.Errorf("%s differs from itself", f.Name)
		}
	}
}

// TestARunWithoutFiguresIsStillValid in every format.
func TestARunWithoutFiguresIsStillValid(t *testing.T) {
	empty := &record.Run{Env: record.Env{Commit: "abc"}}
	for name, want := range map[string]string{
		"github-bigger": "[]\n", "github-smaller": "[]\n", "bencher": "{}\n",
	} {
		if got := string(written(t, name, empty)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	parseOpenMetrics(t, written(t, "openmetrics", empty))
	parseJUnit(t, written(t, "junit", empty))
}

func TestBenchstatReadsTheReferenceRun(t *testing.T) {
	path := filepath.Join("..", "..", "results", "reference", record.BenchFile)
	benchstat(t, path, "goroutine", "vs base", "req/s", "norm", "B/conn")
}

func TestBenchstatReadsTheExport(t *testing.T) {
	path := filepath.Join(t.TempDir(), record.BenchFile)
	if err := os.WriteFile(path, written(t, "bench", mishaps()), 0o644); err != nil {
		t.Fatal(err)
	}
	benchstat(t, path, "goroutine", "reactor", "req/s", "n=6")
}

// benchstat runs the pinned tool on path, by the model, and looks for words in what it prints.
func benchstat(t *testing.T, path string, words ...string) {
	t.Helper()
	tool := []string{"tool", "-modfile=" + filepath.Join("..", "..", "scripts", "tools", "go.mod"), "benchstat"}
	env := append(os.Environ(), "GOFLAGS=-buildvcs=false")
	const patience = 2 * time.Minute // it may have to be downloaded
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	probe := exec.CommandContext(ctx, "go", append(tool, os.DevNull)...)
	probe.Env = env
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: benchstat is not available here: %v: %s", err, out)
	}
	cmd := exec.Command("go", append(tool, "-col", "/model", path)...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("benchstat: %v\n%s", err, out)
	}
	for _, word := range words {
		if !strings.Contains(string(out), word) {
			t.Errorf("benchstat says nothing of %q", word)
		}
	}
	for _, complaint := range []string{"parsing", "missing", "syntax"} {
		if i := strings.Index(string(out), complaint); i >= 0 {
			t.Errorf("benchstat complains: %s", out[max(0, i-100):min(len(out), i+100)])
		}
	}
}

// TestGitHubEntries checks what extract.ts of github-action-benchmark takes: an array of
// objects with name, unit and value, and optionally range and extra as text.
func TestGitHubEntries(t *testing.T) {
	names := map[string]string{}
	for format, metrics := range map[string]string{
		"github-bigger":  `throughput$`,
		"github-smaller": `(latency-p[0-9-]+-ns|cpu-ns-per-request|cpu-server-over-generator|syscalls-per-request|bytes-per-connection)$`,
	} {
		var entries []map[string]any
		if err := json.Unmarshal(written(t, format, mishaps()), &entries); err != nil || len(entries) == 0 {
			t.Fatalf("%s: %d entries, %v", format, len(entries), err)
		}
		for _, e := range entries {
			name, _ := e["name"].(string)
			if other, twice := names[name]; twice || name == "" {
				t.Errorf("%s: the series %q is also in %s", format, name, other)
			}
			names[name] = format
			if !regexp.MustCompile(metrics).MatchString(name) {
				t.Errorf("%s has no place for %q", format, name)
			}
			if value, ok := e["value"].(float64); !ok || value <= 0 || value > 100 {
				t.Errorf("%s: value %v is no ratio", name, e["value"])
			}
			extra, _ := e["extra"].(string)
			interval, _ := e["range"].(string)
			if e["unit"] != "ratio to goroutine" || !regexp.MustCompile(`^[56] blocks; `).MatchString(extra) ||
				!regexp.MustCompile(`^[0-9.]+–[0-9.]+ \(9[36]\.[0-9] %\)$`).MatchString(interval) {
				t.Errorf("%+v", e)
			}
			for key := range e {
				if !strings.Contains("name unit value range extra", key) {
					t.Errorf("unknown key %q", key)
				}
			}
		}
	}
}

// TestBencher checks against bencher.dev/bmf.json and the limits of names.
func TestBencher(t *testing.T) {
	var benchmarks map[string]map[string]map[string]float64
	decode := json.NewDecoder(bytes.NewReader(written(t, "bencher", mishaps())))
	if err := decode.Decode(&benchmarks); err != nil || len(benchmarks) < 20 {
		t.Fatalf("%d benchmarks, %v", len(benchmarks), err)
	}
	for name, measures := range benchmarks {
		if len(name) > 1024 || len(measures) == 0 {
			t.Errorf("%q has %d measures", name, len(measures))
		}
		for measure, m := range measures {
			if len(measure) > 64 || !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(measure) {
				t.Errorf("measure %q is no slug", measure)
			}
			value, has := m["value"]
			if !has || m["lower_value"] > value || m["upper_value"] < value || len(m) != 3 {
				t.Errorf("%s %s: %v", name, measure, m)
			}
		}
	}
	some := "Serve/model=reactor/proto=echo/workload=closed/topology=split/conns=1000/size=64"
	if m := benchmarks[some]; m["throughput"]["value"] < 1000 || m["latency-p99-ns"]["value"] < 1000 ||
		m["throughput-ratio"]["value"] > 10 {
		t.Errorf("%v", m)
	}
}

// TestUnsoundCellsAreNoFigures: what failed is in no format that cannot say so.
func TestUnsoundCellsAreNoFigures(t *testing.T) {
	run := mishaps()
	set := cells.New(run.Env, run.Records, "")
	unsound := 0
	files := map[string][]byte{}
	for _, format := range []string{"github-bigger", "github-smaller", "bencher"} {
		files[format] = written(t, format, run)
	}
	for _, g := range set.Groups(func(record.Cell) bool { return true }) {
		if g.Health().Sound() {
			continue
		}
		unsound++
		for format, file := range files {
			if bytes.Contains(file, []byte(`"`+g.Cell.BenchName()+`"`)) ||
				bytes.Contains(file, []byte(`"`+g.Cell.BenchName()+` `)) {
				t.Errorf("%s has %s: %s", format, g.Cell.BenchName(), g.Health().Remark())
			}
		}
	}
	if unsound == 0 {
		t.Fatal("the run has no unsound cell: this test shows nothing")
	}
}

func TestCSV(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(written(t, "csv", mishaps()))).ReadAll() // equal lengths, or an error
	if err != nil || len(rows) < 100 || rows[0][0] != "model" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// junitFile is what a reader of junit-10.xsd sees.
type junitFile struct {
	XMLName  xml.Name `xml:"testsuites"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Suites   []struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   *int   `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Time     string `xml:"time,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Time    string `xml:"time,attr"`
			Failure []struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
			Skipped []struct {
				Message string `xml:"message,attr"`
			} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func parseJUnit(t *testing.T, data []byte) junitFile {
	t.Helper()
	var file junitFile
	if err := xml.Unmarshal(data, &file); err != nil || len(file.Suites) != 1 || file.Suites[0].Errors == nil {
		t.Fatalf("%v: %s", err, data[:min(len(data), 500)])
	}
	return file
}

func TestJUnit(t *testing.T) {
	file := parseJUnit(t, written(t, "junit", mishaps()))
	suite := file.Suites[0]
	failures, skipped := 0, 0
	surefire := regexp.MustCompile(`^[0-9]*(\.[0-9]{0,3})?$`)
	for _, c := range suite.Cases {
		failures, skipped = failures+len(c.Failure), skipped+len(c.Skipped)
		if len(c.Failure)+len(c.Skipped) > 1 || c.Name == "" || !surefire.MatchString(c.Time) {
			t.Errorf("%+v", c)
		}
		if len(c.Failure) == 1 && c.Failure[0].Message == "" {
			t.Errorf("%s failed without a reason", c.Name)
		}
	}
	if suite.Tests != len(suite.Cases) || suite.Failures != failures || suite.Skipped != skipped ||
		file.Tests != suite.Tests || file.Failures != failures || !surefire.MatchString(suite.Time) {
		t.Errorf("counted %d cases, %d failures, %d skipped; the file says %+v", len(suite.Cases), failures, skipped, suite.Tests)
	}
	if failures < 3 || skipped < 1 {
		t.Errorf("%d failures, %d skipped: the mishaps of the run are missing", failures, skipped)
	}
}

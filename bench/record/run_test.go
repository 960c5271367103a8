package record_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iomodels/bench/record"
	"iomodels/loadgen"
)

func testEnv() record.Env {
	return record.Env{
		Commit: "abc123", Profile: "quick", CPUs: 2, Started: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
	}
}

func testRecord(model string, block int) record.Record {
	rec := record.Record{
		Cell:  record.Cell{Model: model, Proto: "echo", Workload: "closed", Topology: "split", Conns: 1000, Size: 64},
		Block: block,
		Load:  loadgen.Summary{RatePerS: 50000, Requests: loadgen.Requests{OK: 25000}, Verdict: "valid"},
	}
	rec.Load.Response.Count, rec.Load.Response.P50, rec.Load.Response.P99 = 25000, 900_000, 2_000_000
	rec.Load.Generator.CPUS = 0.5
	rec.Server = record.Usage{
		CPUS: 0.25, CPUUserS: 0.05, CPUSysS: 0.2, RSSBase: 1 << 20, RSSIdle: 2 << 20, Syscalls: 50000,
	}
	return rec
}

// written makes a run of n records and returns its folder, closed.
func written(t *testing.T, n int) string {
	t.Helper()
	w, err := record.Create(t.TempDir(), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.Append(testRecord("reactor", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.Dir
}

func TestWhatWasAppendedIsRead(t *testing.T) {
	run, err := record.Open(written(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Records) != 3 || len(run.Warnings) != 0 {
		t.Fatalf("%d records, warnings %q", len(run.Records), run.Warnings)
	}
	want := testRecord("reactor", 2)
	want.V, want.Seq = record.Version, 3
	if diff := cmp.Diff(want, run.Records[2]); diff != "" {
		t.Error(diff)
	}
	if run.Env.Commit != "abc123" {
		t.Errorf("commit %q", run.Env.Commit)
	}
}

func TestDamagedRecords(t *testing.T) {
	for _, tc := range []struct {
		name    string
		damage  func(l []string) string // of the three lines
		kept    int
		warning string // must be in the first warning
		corrupt int
	}{
		{"torn tail", func(l []string) string { return l[0] + "\n" + l[1] + "\n" + l[2][:40] }, 2, ":3: torn", 0},
		{"line feed lost", func(l []string) string { return strings.Join(l, "\n") }, 3, "", 0},
		{"bad line", func(l []string) string { return l[0] + "\n{]\n" + l[2] + "\n" }, 2, ":2: unreadable", 1},
		{"bad last line", func(l []string) string { return l[0] + "\n" + l[1] + "\nx\n" }, 2, ":3: unreadable", 1},
		{"a record twice", func(l []string) string { return l[0] + "\n" + l[0] + "\n" }, 1, ":2: repeats", 1},
		{"empty file", func([]string) string { return "" }, 0, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := written(t, 3)
			rewrite(t, filepath.Join(dir, record.RecordsFile), func(s string) string {
				return tc.damage(strings.Split(strings.TrimSuffix(s, "\n"), "\n"))
			})
			run, err := record.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(run.Records) != tc.kept || run.Corrupt != tc.corrupt {
				t.Errorf("kept %d, corrupt %d; want %d, %d", len(run.Records), run.Corrupt, tc.kept, tc.corrupt)
			}
			got := strings.Join(run.Warnings, "\n")
			if (tc.warning == "") != (got == "") || !strings.Contains(got, tc.warning) {
				t.Errorf("warnings %q, want one with %q", got, tc.warning)
			}
		})
	}
}

func TestNewerSchemaIsRefusedByVersion(t *testing.T) {
	for _, file := range []string{record.EnvFile, record.RecordsFile} {
		dir := written(t, 1)
		rewrite(t, filepath.Join(dir, file), func(s string) string {
			s = strings.Replace(s, `"v": 1`, `"v": 7`, 1)
			return strings.Replace(s, `"v":1`, `"v":7`, 1)
		})
		_, err := record.Open(dir)
		var newer *record.NewerError
		if !errors.As(err, &newer) || newer.V != 7 || !strings.Contains(err.Error(), "version 7") {
			t.Errorf("%s: got %v, want a refusal of version 7", file, err)
		}
	}
}

func TestFolderWithoutRunIsNamed(t *testing.T) {
	_, err := record.Open(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "holds no run") {
		t.Errorf("got %v", err)
	}
}

func TestResumeAfterTornAppend(t *testing.T) {
	dir := written(t, 2)
	rewrite(t, filepath.Join(dir, record.RecordsFile), func(s string) string { return s + `{"v":1,"seq":3,"ce` })
	w, run, err := record.Resume(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Records) != 2 || len(run.Warnings) != 1 {
		t.Fatalf("%d records, warnings %q", len(run.Records), run.Warnings)
	}
	if err := w.Append(testRecord("reactor", 2)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	run, err = record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Records) != 3 || len(run.Warnings) != 0 || run.Records[2].Seq != 3 {
		t.Errorf("%d records, warnings %q, last seq %d", len(run.Records), run.Warnings, run.Records[2].Seq)
	}
}

func TestSecondRunIsToldWhoHoldsTheLock(t *testing.T) {
	root := t.TempDir()
	w, err := record.Create(root, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	_, err = record.Create(root, testEnv())
	var held *record.HeldError
	if !errors.As(err, &held) || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("got %v, want a refusal that names pid %d", err, os.Getpid())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := record.Create(root, testEnv())
	if err != nil {
		t.Fatalf("lock was not given back: %v", err)
	}
	defer again.Close()
	if again.Dir == w.Dir {
		t.Errorf("two runs of one second share %s", w.Dir)
	}
}

func TestReadOnlyFolderIsFoundAtTheStart(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("running as root: a file in the way stands for the missing permission")
	}
	root := filepath.Join(t.TempDir(), "results")
	if err := os.WriteFile(root, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Create(root, testEnv()); err == nil || !strings.Contains(err.Error(), root) {
		t.Errorf("got %v, want an error that names %s", err, root)
	}
}

func TestDifferencesNameWhatChanged(t *testing.T) {
	then := testEnv()
	if d := then.Differences(then); len(d) != 0 {
		t.Fatalf("the same run differs from itself: %q", d)
	}
	now := then
	now.Commit, now.Kernel = "def456", "6.99"
	now.Plan = []record.Cell{{Model: "reactor"}}
	got := strings.Join(then.Differences(now), "; ")
	for _, want := range []string{"commit was abc123, is def456", "kernel", "plan was 0 cells"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}

func TestCaptureDescribesThisMachine(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env, err := record.Capture(record.Programs{Netserve: self, Netload: self}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if env.Kernel == "" || env.CPUs == 0 || env.MemoryMB == 0 || env.Nofile == 0 || env.Commit == "" {
		t.Errorf("incomplete: %+v", env)
	}
	again, err := record.Capture(record.Programs{Netserve: self, Netload: self}, time.Now())
	if err != nil || env.Identity["arch"] == "" || !cmp.Equal(env.Identity, again.Identity) {
		t.Errorf("identity %v, then %v (%v)", env.Identity, again.Identity, err)
	}
	if host, _ := os.Hostname(); host != "" && strings.Contains(env.Host, host) {
		t.Errorf("host %q gives the name away", env.Host)
	}
}

func TestBenchfmt(t *testing.T) {
	dir := written(t, 2)
	run, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	failed, invalid := testRecord("thread", 0), testRecord("gnet", 0)
	failed.Failed, invalid.Load.Verdict = "killed", "invalid"
	run.Records[1].Load.Response.Count = 2000 // 20 beyond p99: too few to report it
	run.Records = append(run.Records, failed, invalid)
	if err := record.WriteBenchfmt(run); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, record.BenchFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	want := "BenchmarkServe/model=reactor/proto=echo/workload=closed/topology=split/conns=1000/size=64-2 1" +
		" 50000 req/s 900000 p50-ns 2000000 p99-ns 10000 cpu-ns/req 2000 user-ns/req 8000 sys-ns/req" +
		" 0.5 norm 2 syscalls/req 1048.576 B/conn\n"
	short := strings.Replace(want, " 2000000 p99-ns", "", 1)
	if strings.Count(text, want) != 1 || strings.Count(text, short) != 1 || strings.Count(text, "\nBenchmark") != 2 {
		t.Errorf("got\n%s\nwant once each\n%s%s", text, want, short)
	}
	if !strings.Contains(text, "Unit req/s better=higher\n") {
		t.Error("no direction for req/s: tools would call a gain a loss")
	}
	benchstatReads(t, path)
}

// TestEveryFieldOfACellIsInItsName: or two cells would be one benchmark to every other tool.
func TestEveryFieldOfACellIsInItsName(t *testing.T) {
	fields := reflect.TypeFor[record.Cell]()
	plain := record.Cell{}.BenchName()
	for i := range fields.NumField() {
		var c record.Cell
		switch v := reflect.ValueOf(&c).Elem().Field(i); v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Int:
			v.SetInt(7)
		case reflect.Float64:
			v.SetFloat(7.5)
		default:
			t.Fatalf("field %s has kind %v: teach this test", fields.Field(i).Name, v.Kind())
		}
		if c.BenchName() == plain {
			t.Errorf("field %s is not in %q", fields.Field(i).Name, c.BenchName())
		}
	}
}

// benchstatReads runs benchstat as a reader would.
func benchstatReads(t *testing.T, path string) {
	t.Helper()
	out, err := exec.Command("go", "tool", "benchstat", "-col", "/model", path).CombinedOutput()
	if err != nil {
		t.Fatalf("go tool benchstat: %v\n%s", err, out)
	}
	for _, want := range []string{"reactor", "req/s", "50.00k"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("benchstat output lacks %q:\n%s", want, out)
		}
	}
}

func rewrite(t *testing.T, path string, edit func(string) string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(edit(string(data))), 0o644); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iomodels/bench/proc/proctest"
	"iomodels/bench/record"
)

// diskFaults are about what is kept.
func diskFaults() []fault {
	return []fault{
		{
			name: "disk full at the start", full: 3, play: diskFull,
			says: "a tmpfs with no room: said before any load, with the folder and the reason, no half file is left, exit 2",
		},
		{
			name: "disk full in mid-run", full: 3, play: diskFills,
			says: "a tmpfs that fills up: names the file and the reason, exit 2; all that was reported is whole, and " +
				"with room again --resume completes the run",
		},
		{
			name: "read-only results", play: readOnly,
			says: "a results folder on a read-only file system: said before any load, exit 2",
		},
		{
			name: "two at once", full: 5, play: twoAtOnce,
			says: "a second netbench on the same results: refused at once with the pid that holds the lock, exit 2; " +
				"the first is undisturbed",
		},
		{
			name: "records cut off", full: 5, play: recordsCut,
			says: "the last record torn in the middle: said aloud, forgiven, and measured again by --resume",
		},
		{
			name: "garbage in the records", full: 5, play: recordsGarbage,
			says: "a line of noise in mid-file: report names file and line and exits with 1, draws the rest; nothing " +
				"of it reaches the terminal raw",
		},
	}
}

// onTmpfs runs what follows in a mount namespace with a small tmpfs as its results folder. What
// is in it at the end is copied out. The words are arguments, the text is fixed.
func onTmpfs(t *testing.T, p place, options, prepare string) []string {
	t.Helper()
	const mount = `mount -t tmpfs -o "$0" none "$1" || exit 99; shift`
	script := strings.Join([]string{mount, `dir=$1; shift`, prepare, `"$@"; code=$?; cp -r "$dir" "$dir.kept"; exit $code`}, "\n")
	script = strings.Replace(script, "; shift\n", "\n", 1)
	probe := exec.Command("unshare", "-rm", "sh", "-c", `mount -t tmpfs none "$0"`, p.root)
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no tmpfs of our own here: %v %s", err, out)
	}
	return []string{"unshare", "-rm", "sh", "-c", script, options, p.root}
}

func diskFull(t *testing.T, p place) {
	got := p.finish(t, onTmpfs(t, p, "size=64k", ""), small(p.root)...)
	wantOutcome(t, got, exitUsage, "no space left", p.root)
	assertNoPanic(t, got)
	left, _ := filepath.Glob(p.root + ".kept/*/*")
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func diskFills(t *testing.T, p place) {
	const fill = `(until [ -s "$dir"/*Z-*/records.jsonl ]; do sleep 0.01; done; cat /dev/zero >"$dir/filler") 2>/dev/null &`
	got := p.finish(t, onTmpfs(t, p, "size=1m", fill), small(p.root)...)
	wantOutcome(t, got, exitUsage, "no space left", record.RecordsFile)
	assertNoPanic(t, got)
	p.root += ".kept"
	os.Remove(filepath.Join(p.root, "filler"))
	run := p.records(t)
	if len(run.Records) == 0 || run.Corrupt > 0 {
		t.Errorf("%d records, warnings %q", len(run.Records), run.Warnings)
	}
	p.resumed(t)
}

func readOnly(t *testing.T, p place) {
	got := p.finish(t, onTmpfs(t, p, "ro", ""), small(p.root)...)
	wantOutcome(t, got, exitUsage, "read-only", p.root)
}

func twoAtOnce(t *testing.T, p place) {
	first, stderr := p.start(t, nil, small(p.root)...)
	waitForRecords(t, p.root, 1)
	second := netbench(p.bin, small(p.root)...)
	wantOutcome(t, second, exitUsage, "another run is going on", "pid ")
	first.Wait()
	wantOutcome(t, outcome{code: first.ProcessState.ExitCode(), stderr: stderr.String()}, exitOK)
	assertWhole(t, onlyRun(t, p.root))
}

// damage runs the small plan and changes its records, line by line.
func (p place) damage(t *testing.T, change func(lines [][]byte) [][]byte) (dir string) {
	t.Helper()
	wantOutcome(t, p.finish(t, nil, small(p.root)...), exitOK)
	dir = onlyRun(t, p.root)
	path := filepath.Join(dir, record.RecordsFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(data, []byte{'\n'}), []byte{'\n'})
	if err := os.WriteFile(path, bytes.Join(change(lines), nil), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func recordsCut(t *testing.T, p place) {
	dir := p.damage(t, func(lines [][]byte) [][]byte {
		last := len(lines) - 1
		lines[last] = lines[last][:len(lines[last])/2]
		return lines
	})
	wantOutcome(t, p.finish(t, nil, "run", "--resume", dir), exitOK, "torn last line")
	assertWhole(t, dir)
}

func recordsGarbage(t *testing.T, p place) {
	dir := p.damage(t, func(lines [][]byte) [][]byte {
		lines[4] = []byte("\x1b[2J\x00{\"v\":1,\xff<script>\n")
		return lines
	})
	pages := t.TempDir()
	got := p.finish(t, nil, "report", dir, "--report", filepath.Join(pages, "REPORT.md"), "--charts", filepath.Join(pages, "charts"))
	wantOutcome(t, got, exitFailed, record.RecordsFile+":5: unreadable")
	page, err := os.ReadFile(filepath.Join(pages, "REPORT.md"))
	if err != nil || bytes.Contains(page, []byte("\x1b")) || bytes.Contains(page, []byte("<script")) {
		t.Errorf("the page repeats what is in the records, or is not there (%v)", err)
	}
	if strings.ContainsAny(got.stderr, "\x1b\x00") {
		t.Errorf("raw bytes on the terminal: %q", got.stderr)
	}
}

// machineFaults are about the machine.
func machineFaults() []fault {
	return []fault{
		{
			name: "clock stepped back", full: 3, play: clockStepped,
			says: "the wall clock jumps back ten years between start and resume (played by dating the run ten years " +
				"ahead): the rest is measured, records stay in order, no duration is negative",
		},
		{
			name: "io_uring forbidden", play: ringForbidden,
			says: "a model that the kernel refuses (a double that reports it so): skipped by name and with the " +
				"reason before anything is measured, exit 0",
		},
		{
			name: "nofile 256", play: fewFiles,
			says: "ulimit -n 256: cells that need more are skipped with what they need and what there is; the others " +
				"are measured, exit 0",
		},
		{
			name: "one processor", full: 3, play: oneProcessor,
			says: "GOMAXPROCS=1, and one CPU to run on: the run completes, and says that server and generator share it",
		},
	}
}

func clockStepped(t *testing.T, p place) {
	if got := netbench(p.bin, small(p.root)...); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	dir := onlyRun(t, p.root)
	cutRecords(t, dir, 5)
	edit(t, filepath.Join(dir, record.EnvFile), func(env map[string]any) {
		env["started"] = time.Now().AddDate(10, 0, 0).UTC().Format(time.RFC3339Nano)
	})
	wantOutcome(t, p.finish(t, nil, "run", "--resume", dir), exitOK)
	assertWhole(t, dir)
	for i, rec := range p.records(t).Records {
		if rec.Seq != i+1 || rec.TookS < 0 || rec.Load.ElapsedS < 0 {
			t.Errorf("record %d: seq %d, took %v s, load %v s", i+1, rec.Seq, rec.TookS, rec.Load.ElapsedS)
		}
	}
}

func ringForbidden(t *testing.T, p place) {
	got := p.finish(t, nil, "run", "--profile", "smoke", "--models", proctest.Alpha+","+proctest.Refused,
		"--workloads", "closed", "--out", p.root)
	wantOutcome(t, got, exitOK, proctest.Refused, "the kernel said no")
	for _, rec := range p.records(t).Records {
		if (rec.Skipped != "") != (rec.Cell.Model == proctest.Refused) {
			t.Errorf("%s: skipped %q", rec.Cell.Model, rec.Skipped)
		}
	}
}

func fewFiles(t *testing.T, p place) {
	const limited = `ulimit -n 256 && exec "$0" "$@"`
	got := p.finish(t, []string{"sh", "-c", limited}, "run", "--profile", "quick", "--models", proctest.Alpha,
		"--workloads", "closed", "--out", p.root)
	wantOutcome(t, got, exitOK, "open files")
	assertNoPanic(t, got)
	skipped, measured := 0, 0
	for _, rec := range p.records(t).Records {
		switch {
		case strings.Contains(rec.Skipped, "open files"):
			skipped++
		case rec.OK():
			measured++
		}
	}
	if skipped == 0 || measured == 0 {
		t.Errorf("%d cells skipped, %d measured", skipped, measured)
	}
}

func oneProcessor(t *testing.T, p place) {
	t.Setenv("GOMAXPROCS", "1")
	got := p.finish(t, []string{"taskset", "-c", firstCPU(t)}, small(p.root)...)
	wantOutcome(t, got, exitOK, "only one CPU")
	if n := len(p.records(t).Records); n != smallVisits {
		t.Errorf("%d records, want %d", n, smallVisits)
	}
}

// firstCPU is one that this process may use.
func firstCPU(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("taskset"); err != nil {
		t.Skip("SKIPPED: taskset is not installed")
	}
	out, err := exec.Command("sh", "-c", `grep Cpus_allowed_list /proc/self/status`).Output()
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Fields(string(out))[1]
	return list[:len(list)-len(strings.TrimLeft(list, "0123456789"))]
}

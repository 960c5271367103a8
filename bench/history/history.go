// Package history keeps the figures of every recorded campaign in one file of JSON lines, and
// reads them back as series over commits.
//
// # The file
//
// One line per campaign, only ever appended to: version control merges it, a person can read
// it, and no program of ours rewrites it. A line that cannot be read, or that a later version
// of the suite wrote, is named by its number and skipped; the rest counts.
//
// # What may be compared
//
// Every line carries a class: a digest of what makes two machines of one kind (processor,
// memory, kernel, mitigations, Go, load generator, ...). An absolute figure has a meaning only
// beside others of its class, so nothing here puts absolutes of two classes side by side: it
// is an error that says in what the machines differ. A ratio to the baseline saw both servers
// on one machine in the same minutes; ratios of two classes may be looked at, apart.
//
// # What it is not
//
// A gate. A shift in a series is advice to a person: machines change in ways that no
// fingerprint knows. Regressions are decided by measuring both versions side by side.
package history

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
	"iomodels/bench/stats/disturb"
)

// Version is the schema of Line; lines of a newer one are skipped, aloud.
const Version = 1

// Line is a campaign.
type Line struct {
	V        int               `json:"v"`
	Measured time.Time         `json:"ts"`
	Commit   string            `json:"commit"`
	Authored time.Time         `json:"commit_ts,omitzero"` // of the commit; zero: not known
	Dirty    bool              `json:"dirty,omitempty"`
	Class    string            `json:"class"`
	Machine  map[string]string `json:"fp"`        // what the class is a digest of
	Epoch    string            `json:"ref_epoch"` // of the reference: see Options
	Baseline string            `json:"baseline"`
	Profile  string            `json:"profile"`
	Seed     uint64            `json:"seed"`
	Command  []string          `json:"command,omitempty"`
	Blocks   Blocks            `json:"blocks"`
	Env      Calm              `json:"env"`
	Cells    []Cell            `json:"cells"`
}

// Blocks counts the repetitions behind a line.
type Blocks struct {
	Least     int `json:"least"`
	Most      int `json:"most"`
	Disturbed int `json:"disturbed"` // measurements that something else got in the way of
	Out       int `json:"out"`       // cells that were skipped or failed
}

// Calm is how quiet the machine was: medians over the measurements.
type Calm struct {
	Steal   float64 `json:"steal"`   // share of the window that the hypervisor took
	Foreign float64 `json:"foreign"` // processors busy for others
}

// Cell is one figure. Ratio, Lo and Hi are those to the baseline; 0: it has none.
type Cell struct {
	Place  string   `json:"w"` // workload, connections, ...: all of the cell but its model
	Model  string   `json:"srv"`
	Metric string   `json:"m"`
	Unit   string   `json:"unit"`
	Better string   `json:"better"`
	Ratio  float64  `json:"ratio,omitempty"`
	Lo     float64  `json:"lo,omitempty"`
	Hi     float64  `json:"hi,omitempty"`
	N      int      `json:"n"` // blocks
	Abs    float64  `json:"abs"`
	AbsLo  float64  `json:"abs_lo"`
	AbsHi  float64  `json:"abs_hi"`
	R1     float64  `json:"r1"` // lag-1 autocorrelation over the blocks
	Flags  []string `json:"flags,omitempty"`
}

// The flags of a cell.
const (
	FlagUnsound   = "unsound"   // failed requests, missing connections or an invalid generator
	FlagSuspect   = "suspect"   // the generator had a doubt about itself
	FlagRemembers = "remembers" // blocks resemble their predecessor: the interval is too narrow
)

// Options complete a line with what the run does not say.
type Options struct {
	Baseline string    // "": the usual one
	Authored time.Time // time of the commit; zero: not known
	// Epoch names the state of the reference. Raise it in the commit that changes the reference
	// server: ratios to another reference are another series. "": "1".
	Epoch string
}

// FromRun makes the line of a run.
func FromRun(run *record.Run, opt Options) Line {
	set := cells.New(run.Env, run.Records, opt.Baseline)
	epoch := cmp.Or(opt.Epoch, "1")
	line := Line{
		V: Version, Measured: run.Env.Started.UTC(), Commit: run.Env.Commit, Authored: opt.Authored,
		Dirty: run.Env.Dirty, Epoch: epoch, Baseline: set.Baseline, Profile: run.Env.Profile,
		Seed: run.Env.Seed, Command: run.Env.Command, Machine: Fingerprint(run.Env),
	}
	line.Class = classOf(line.Machine, epoch, set.Baseline)
	line.Blocks, line.Env = conditions(set, run.Records)
	for _, f := range set.Figures(metrics(), true) {
		line.Cells = append(line.Cells, cellOf(f))
	}
	return line
}

// metrics lists what is kept. What the graphs of a year need, not all there is.
func metrics() []cells.Metric {
	return []cells.Metric{
		cells.Throughput(), cells.Response(0.50), cells.Response(0.99), cells.ServerCPU(), cells.Norm(),
		cells.Syscalls(), cells.UserMemory(),
	}
}

// Fingerprint is what makes two machines of one kind, by name. Readings that wander by
// themselves are not in it, or one machine would split into many.
func Fingerprint(env record.Env) map[string]string {
	fp := maps.Clone(env.Identity)
	if fp == nil {
		fp = map[string]string{} // a run from before it was read
	}
	fp["cpu"], fp["cpus"] = env.CPU, strconv.Itoa(env.CPUs)
	fp["memory_gib"] = strconv.Itoa(int(math.Round(float64(env.MemoryMB) / 1024)))
	release := strings.SplitN(env.Kernel, ".", 3)
	fp["kernel"] = strings.Join(release[:min(2, len(release))], ".")
	fp["go"], fp["netload"] = env.Go, env.Binaries["netload"]
	fp["clocksource"], fp["smt"] = env.Limits["clocksource"], env.Limits["smt"]
	return fp
}

func classOf(fp map[string]string, epoch, baseline string) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(fp)) {
		fmt.Fprintf(sum, "%q=%q\n", name, fp[name])
	}
	fmt.Fprintf(sum, "epoch %q baseline %q\n", epoch, baseline)
	return hex.EncodeToString(sum.Sum(nil)[:4])
}

func conditions(set *cells.Set, records []record.Record) (Blocks, Calm) {
	every := set.Groups(func(record.Cell) bool { return true })
	var b Blocks
	b.Least, b.Most = cells.Blocks(every)
	for _, g := range every {
		if len(g.OK) == 0 {
			b.Out++
		}
	}
	var steal, foreign []float64
	for _, r := range records {
		if !r.OK() || r.Load.ElapsedS <= 0 {
			continue
		}
		steal = append(steal, r.Machine.StealS/r.Load.ElapsedS)
		foreign = append(foreign, r.Machine.ForeignCPU)
		if len(disturb.Limits{}.Slice(disturb.Slice{Seconds: r.Load.ElapsedS, Machine: r.Machine})) > 0 {
			b.Disturbed++
		}
	}
	return b, Calm{
		Steal:   short(stats.Median(steal, stats.Level).Value),
		Foreign: short(stats.Median(foreign, stats.Level).Value),
	}
}

func cellOf(f cells.Figure) Cell {
	c := Cell{
		Place: placeOf(f.Group.Cell), Model: f.Group.Cell.Model, Metric: f.Metric.Name,
		Unit: unitName(f.Metric), Better: "higher", N: f.Median.N, R1: short(f.R1),
		Abs: short(f.Median.Value), AbsLo: short(f.Median.Lo), AbsHi: short(f.Median.Hi),
	}
	if f.Metric.Lower {
		c.Better = "lower"
	}
	if f.Ratio.OK() {
		c.N = f.Ratio.N
		c.Ratio, c.Lo, c.Hi = short(f.Ratio.Value), short(f.Ratio.Lo), short(f.Ratio.Hi)
	}
	switch h := f.Group.Health(); {
	case !h.Sound():
		c.Flags = append(c.Flags, FlagUnsound)
	case h.Verdict == "suspect":
		c.Flags = append(c.Flags, FlagSuspect)
	}
	if f.Remembers {
		c.Flags = append(c.Flags, FlagRemembers)
	}
	return c
}

// placeOf spells a cell without its model: "proto=echo workload=closed ...".
func placeOf(c record.Cell) string {
	var parts []string
	for _, p := range c.Parts() {
		if p[0] != "model" {
			parts = append(parts, p[0]+"="+p[1])
		}
	}
	return strings.Join(parts, " ")
}

// unitName is the base unit of a metric.
func unitName(m cells.Metric) string {
	switch m.Unit {
	case cells.Rate:
		return "1/s"
	case cells.Seconds:
		return "s"
	case cells.Bytes:
		return "B"
	}
	return "1"
}

// short keeps five significant digits, more than any figure has.
func short(v float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 5, 64), 64)
	if err != nil {
		return v
	}
	return out
}

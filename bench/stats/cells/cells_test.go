package cells_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"iomodels/bench/record"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
	"iomodels/bench/synth"
	"iomodels/loadgen"
)

// measured is a record with a rate.
func measured(seq int, model string, block int, rate float64) record.Record {
	return record.Record{
		Seq: seq, Block: block, Cell: cell(model),
		Load: loadgen.Summary{
			RatePerS: rate, ElapsedS: 2, Verdict: "valid",
			Requests:    loadgen.Requests{OK: uint64(2 * rate)},
			Connections: loadgen.Connections{Target: 10, Peak: 10},
		},
	}
}

func cell(model string) record.Cell {
	return record.Cell{Model: model, Proto: "echo", Workload: cells.Closed, Topology: cells.Split, Conns: 10, Size: 64}
}

func TestNewGroupsByCellAndBlock(t *testing.T) {
	env := record.Env{
		Models: []record.ModelInfo{{Name: "goroutine"}, {Name: "absent"}},
		Plan:   []record.Cell{cell("goroutine"), cell("never")}, Repeats: []int{3, 2},
	}
	failed := measured(5, "goroutine", 2, 0)
	failed.Failed = "died\nwith a long story"
	set := cells.New(env, []record.Record{
		measured(4, "goroutine", 1, 130), // a repetition of block 1, measured later
		measured(1, "goroutine", 1, 999),
		measured(2, "goroutine", 0, 110),
		measured(3, "stranger", 0, 50),
		failed,
	}, "")

	if want := []string{"goroutine", "never", "stranger"}; !slices.Equal(set.Models, want) {
		t.Errorf("models %v, want %v", set.Models, want)
	}
	g := set.Group(cell("goroutine"))
	if got := g.Values(cells.Throughput()); !slices.Equal(got, []float64{110, 130}) {
		t.Errorf("values %v, want the latest of each block in block order", got)
	}
	if g.Planned != 3 || len(g.Out) != 1 {
		t.Errorf("planned %d, out %d", g.Planned, len(g.Out))
	}
	if want := "2 of 3 blocks (failed: died)"; g.Gap(cells.Throughput()) != want {
		t.Errorf("gap %q, want %q", g.Gap(cells.Throughput()), want)
	}
	if got := set.Group(cell("never")).Absence(); !strings.Contains(got, "not reached") {
		t.Errorf("a planned cell without a record: %q", got)
	}
}

func TestRatioIsPairedByBlock(t *testing.T) {
	var records []record.Record
	for block, machine := range []float64{1, 2, 0.5, 1.5, 1, 3} { // the machine's speed of each block
		records = append(records,
			measured(2*block+1, "goroutine", block, 100*machine),
			measured(2*block+2, "reactor", block, 125*machine))
	}
	set := cells.New(record.Env{}, records, "")
	iv := set.Ratio(set.Group(cell("reactor")), cells.Throughput())
	if math.Abs(iv.Value-1.25) > 1e-9 || iv.Hi-iv.Lo > 1e-9 {
		t.Errorf("ratio %+v, want exactly 1.25: the machine cancels inside a block", iv)
	}
	if iv := set.Ratio(set.Group(cell("goroutine")), cells.Throughput()); iv.OK() {
		t.Errorf("the baseline has no ratio to itself, got %+v", iv)
	}
}

func TestMetricsByHand(t *testing.T) {
	r := record.Record{
		Cell: record.Cell{Conns: 100, Idle: 900},
		Load: loadgen.Summary{
			ElapsedS: 1, RatePerS: 1000, Requests: loadgen.Requests{OK: 1000},
			Response:  loadgen.Latency{Count: 5000, P50: 1e6, P90: 2e6, P99: 3e6, P999: 9e6},
			Generator: loadgen.Generator{CPUS: 0.5},
		},
		Server: record.Usage{
			CPUS: 0.25, CPUUserS: 0.1, CPUSysS: 0.15, Voluntary: 30, Involuntary: 20, Threads: 4,
			RSSBase: 1 << 20, RSSIdle: 1<<20 + 4096000, KernelIdle: 9000000, Syscalls: 2100,
		},
	}
	want := map[string]float64{
		"req/s": 1000, "p50": 1e-3, "p90": 2e-3, "p99": 3e-3, "CPU/req": 250e-6, "user/req": 100e-6, "sys/req": 150e-6,
		"syscalls/req": 2.1, "switches/req": 0.05, "norm": 0.5, "generator CPU/req": 500e-6, "total CPU/req": 750e-6,
		"B/conn": 4096, "kernel B/conn": 9000, "threads": 4,
	}
	for _, m := range cells.Metrics() {
		got, ok := m.Of(r)
		v, expected := want[m.Name]
		if ok != expected {
			t.Errorf("%s: present %v, want %v", m.Name, ok, expected)
		} else if math.Abs(got-v) > 1e-9*v && expected {
			t.Errorf("%s = %v, want %v", m.Name, got, v)
		}
		if m.Definition == "" {
			t.Errorf("%s has no definition", m.Name)
		}
	}
}

// TestPercentilesNeedATail: 5,000 samples leave 50 beyond p99 and 5 beyond p99.9.
func TestPercentilesNeedATail(t *testing.T) {
	r := record.Record{Load: loadgen.Summary{Response: loadgen.Latency{Count: 5000, P99: 1, P999: 2}}}
	if _, ok := cells.Response(0.99).Of(r); !ok {
		t.Error("p99 of 5,000 samples is supported")
	}
	if _, ok := cells.Response(0.999).Of(r); ok {
		t.Error("p99.9 of 5,000 samples is decided by five of them")
	}
	r.Server.Syscalls = -1
	if _, ok := cells.Syscalls().Of(r); ok {
		t.Error("what could not be counted must not read as a figure")
	}
}

func TestUnits(t *testing.T) {
	tests := []struct {
		got, want string
	}{
		{cells.Rate.Format(185234), "185k"},
		{cells.Rate.Format(999.96), "1.00k"},
		{cells.Rate.Format(0), "0"},
		{cells.Count.Format(10004), "10004"},
		{cells.Count.Format(7), "7"},
		{cells.Seconds.Format(5.2341e-6), "5.23 µs"},
		{cells.Seconds.Format(0.0123), "12.3 ms"},
		{cells.Bytes.Format(142), "142 B"},
		{cells.Bytes.Format(3700), "3.70 kB"},
		{cells.Ratio.Format(1.433), "1.43"},
		{cells.Ratio.Format(0.0712), "0.071"},
		{cells.Ratio.Format(-0.0004), "0.000"},
		{cells.Seconds.Tick(2e-5), "20 µs"},
		{cells.Seconds.Tick(0), "0"},
		{cells.Rate.Tick(5000), "5k"},
		{cells.Rate.Interval(stats.Interval{}), "–"},
		{cells.Rate.Interval(stats.Interval{Value: 185e3, Lo: 181e3, Hi: 190e3, N: 5}), "185k [181–190]"},
		{cells.Rate.Interval(stats.Interval{Value: 185e3, Lo: 185e3, Hi: 185e3, N: 1}), "185k"},
		{cells.Seconds.Interval(stats.Interval{Value: 9e-4, Lo: 8e-4, Hi: 2.3e-2, N: 5}), "900 µs [800–23000]"},
		{cells.PercentileName(0.5), "p50"},
		{cells.PercentileName(0.999), "p99.9"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

// TestCurveIsTheMedianOfTheBlocks: with blocks at 1, 2 and 90 ms, pooling would draw the tail
// of the bad block, and averaging a value that no block had.
func TestCurveIsTheMedianOfTheBlocks(t *testing.T) {
	g := &cells.Group{}
	for block, ns := range []int64{1e6, 2e6, 90e6} {
		r := measured(block, "m", block, 100)
		r.Load.Response = loadgen.Latency{Count: 30000, Curve: []loadgen.Quantile{
			{Q: 0, NS: ns}, {Q: 0.9, NS: ns}, {Q: 0.99, NS: 3 * ns}, {Q: 0.9999, NS: 9 * ns},
		}}
		g.OK = append(g.OK, r)
	}
	curve := g.Curve()
	if first := curve[0]; first.Q > 0.12 || first.At.Value != 2e-3 || first.At.Lo != 1e-3 || first.At.Hi != 90e-3 {
		t.Errorf("first point %+v, want the median block and the range", first)
	}
	last := curve[len(curve)-1]
	if end := 1 - float64(cells.MinTail)/30000; math.Abs(cells.Nines(last.Q)-cells.Nines(end)) > 0.06 {
		t.Errorf("the curve ends at %v, want about %v", last.Q, end)
	}
	for _, pt := range curve {
		if math.Abs(cells.Nines(pt.Q)-2) < 1e-9 && math.Abs(pt.At.Value-6e-3) > 1e-9 {
			t.Errorf("p99 is %v, want 6 ms", pt.At.Value)
		}
	}
}

func TestCurveWithoutSamples(t *testing.T) {
	if c := (&cells.Group{OK: []record.Record{{}}}).Curve(); c != nil {
		t.Errorf("no samples, no curve: got %v", c)
	}
}

func TestRampCounts(t *testing.T) {
	g := &cells.Group{}
	for block, jitter := range []float64{0, 0.01, -0.01} {
		r := measured(block, "m", block, 100)
		for i := 1; i <= 4; i++ {
			opened, open := uint64(50), 50*i
			if i > 2 {
				opened, open = 0, 100
			}
			r.Load.Intervals = append(r.Load.Intervals,
				loadgen.Interval{AtS: 0.1*float64(i) + jitter, Opened: opened, Open: open})
		}
		g.OK = append(g.OK, r)
	}
	pts := g.Ramp()
	if len(pts) < 4 || pts[0].Open.Value != 0 || pts[1].Opened.Value != 50 || pts[2].Open.Value != 100 {
		t.Fatalf("ramp %+v", pts)
	}
	if last := pts[len(pts)-1]; last.Opened.Value != 100 || last.Open.Value != 100 {
		t.Errorf("at the end %+v, want 100 opened and open", last)
	}
}

func TestHealthAddsUpWhatWentWrong(t *testing.T) {
	g := &cells.Group{OK: []record.Record{measured(1, "m", 0, 10), measured(2, "m", 1, 10)}}
	if h := g.Health(); !h.Sound() || h.Remark() != "" {
		t.Errorf("nothing went wrong: %+v", h)
	}
	g.OK[0].Load.Requests.Errors = map[string]uint64{"reset": 2}
	g.OK[1].Load.Requests.Errors = map[string]uint64{"reset": 1}
	g.OK[1].Load.Requests.Timeouts = 7
	g.OK[1].Load.Verdict, g.OK[1].Load.Reasons = "invalid", []string{"late by 12 ms"}
	g.OK[1].Load.Connections.Peak = 9
	h := g.Health()
	if h.Sound() || h.Failures() != 10 || h.Verdict != "invalid" || h.Peak != 9 {
		t.Errorf("health %+v", h)
	}
	for _, part := range []string{"timeout 7, reset 3", "9 of 10 connections", "verdict: late by 12 ms"} {
		if !strings.Contains(h.Remark(), part) {
			t.Errorf("remark %q lacks %q", h.Remark(), part)
		}
	}
}

// TestWhatAModelDoesNotSpeakIsNoGap: fasthttp has no echo; that is no hole in the run.
func TestWhatAModelDoesNotSpeakIsNoGap(t *testing.T) {
	run := synth.Run(synth.Options{Blocks: 2})
	set := cells.New(run.Env, run.Records, "")
	for _, g := range set.Groups(func(c record.Cell) bool { return c.Model == "fasthttp" && c.Proto == "echo" }) {
		t.Errorf("a group for %+v", g.Cell)
	}
	for _, g := range set.Groups(func(c record.Cell) bool { return c.Model == "fasthttp" }) {
		if len(g.OK) != 2 {
			t.Errorf("%+v: %d blocks", g.Cell, len(g.OK))
		}
	}
}

// TestSuspectIsSound: a suspect generator spoils times, not cost; its reason is said once for
// blocks that differ by numbers only.
func TestSuspectIsSound(t *testing.T) {
	g := &cells.Group{OK: []record.Record{measured(1, "m", 0, 10), measured(2, "m", 1, 10)}}
	for i := range g.OK {
		g.OK[i].Load.Verdict = "suspect"
		g.OK[i].Load.Reasons = []string{[]string{"a loop waited 12.5 %", "a loop waited 7 %"}[i]}
	}
	h := g.Health()
	if !h.Sound() || h.Remark() != "" || !slices.Equal(h.Suspect, []string{"a loop waited … %"}) {
		t.Errorf("health %+v", h)
	}
	g.OK[0].Load.Verdict = ""
	if h := g.Health(); h.Sound() || !strings.Contains(h.Remark(), "it gave none") {
		t.Errorf("a block without a verdict passed: %+v", h)
	}
}

func TestHeadlineIsTheLargestScenario(t *testing.T) {
	run := synth.Run(synth.Options{Blocks: 1})
	odd := run.Records[0]
	odd.Cell = cell("goroutine")
	odd.Cell.Path, odd.Cell.Pipeline, odd.Seq = "/burn/50", 16, 1e6
	set := cells.New(run.Env, append(run.Records, odd), "")
	sc, ok := set.Headline(cells.Closed, "echo", cells.Split)
	if !ok || sc.Path != "" || sc.Size != 64 {
		t.Errorf("headline %+v", sc)
	}
	all := set.Scenarios(cells.Closed, "echo", cells.Split)
	if len(all) != 2 || !strings.Contains(all[1].String(), "pipeline 16") {
		t.Errorf("scenarios %v", all)
	}
	if got := cells.ConnsOf(set.In(sc)); !slices.Equal(got, []int{1, 100, 1000, 10000}) {
		t.Errorf("connections %v", got)
	}
	if n := cells.TypicalConns(set.In(sc)); n != 1000 {
		t.Errorf("typical %d", n)
	}
}

func TestBlocksNoteStatesTheLevel(t *testing.T) {
	group := func(n int) *cells.Group {
		g := &cells.Group{}
		for i := range n {
			g.OK = append(g.OK, measured(i, "m", i, 1))
		}
		return g
	}
	for want, groups := range map[string][]*cells.Group{
		"no block":                             {group(0)},
		"1 block, which gives no":              {group(1)},
		"5 blocks; intervals are exact 93.8 %": {group(5), group(5)},
		"3 to 5 blocks; intervals are exact ones of the median, 75 % to 93.8 %": {group(3), group(5)},
		"1 to 5 blocks": {group(1), group(5)},
	} {
		if got := cells.BlocksNote(groups); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q...", got, want)
		}
	}
}

func TestSustained(t *testing.T) {
	g := &cells.Group{OK: []record.Record{measured(1, "m", 0, 995), measured(2, "m", 1, 1000)}}
	for i := range g.OK {
		g.OK[i].Load.Requests.Scheduled = 2000 // in two seconds
	}
	if !g.Sustained() {
		t.Error("99.5 % of what became due is sustained")
	}
	g.OK[1].Load.Requests.OK = 1960
	if g.Sustained() {
		t.Error("98 % in one block is not")
	}
	g.OK[1].Load.WindowOK = 1999 // what counts is what was answered within the window
	if !g.Sustained() {
		t.Error("replies in the window were not counted")
	}
}

func TestRankLeavesOutWhoHasNoFigure(t *testing.T) {
	set := cells.New(synth.Run(synth.Options{Blocks: 12, Conns: []int{100}}).Env,
		synth.Run(synth.Options{Blocks: 12, Conns: []int{100}}).Records, "")
	sc, _ := set.Headline(cells.Closed, "http", cells.Shared)
	ranking, part := cells.Rank(set.In(sc), cells.Norm())
	if !ranking.Enough() || len(part) != 10 {
		t.Fatalf("blocks %d of %d, %d groups", ranking.Blocks, ranking.Need, len(part))
	}
	if best := part[ranking.Order[0]].Cell.Model; best != "proactor" {
		t.Errorf("best %s: the invented cheapest is proactor", best)
	}
	ranking, part = cells.Rank([]*cells.Group{{Cell: cell("empty")}}, cells.Norm())
	if len(part) != 0 || ranking.Enough() && ranking.Letters != nil {
		t.Errorf("an empty group was ranked: %+v", ranking)
	}
}

// An offloaded model is one of its own, beside the one it is made of, and is compared with the
// plain baseline.
func TestOffloadedModelsStandApart(t *testing.T) {
	run := synth.Run(synth.Options{Seed: 1, Blocks: 4, Topics: true})
	set := cells.New(run.Env, run.Records, "")
	at := slices.Index(set.Models, "reactor")
	if at < 0 || set.Models[at+1] != "reactor +offload" {
		t.Fatalf("models %v; want the offloaded one behind its own", set.Models)
	}
	groups := set.Workload(cells.Blocking)
	apart := cells.OfModel(groups, "reactor +offload")
	if len(apart) != 1 || apart[0].Planned != 4 || len(apart[0].OK) != 4 || apart[0].Cell.Offload != 16 {
		t.Fatalf("offloaded groups %+v", apart)
	}
	if inline := cells.OfModel(groups, "reactor"); len(inline) != 1 || len(inline[0].OK) != 4 {
		t.Errorf("inline groups %+v", inline)
	}
	if iv := set.Ratio(apart[0], cells.ServerCPU()); iv.N != 4 {
		t.Errorf("ratio to the baseline %+v", iv)
	}
	if n := len(apart[0].Values(cells.QuickResponse(0.5))); n != 4 {
		t.Errorf("%d blocks know how long quick requests took", n)
	}
	if name := cells.ModelOf("reactor +offload"); name != "reactor" {
		t.Errorf("it is %q", name)
	}
}

func TestPathsStandInTheOrderOfTheirTimes(t *testing.T) {
	run := synth.Run(synth.Options{Seed: 1, Blocks: 1, Topics: true, Models: []string{"goroutine"}})
	set := cells.New(run.Env, run.Records, "")
	got := cells.PathsOf(set.Workload(cells.Handler))
	if want := []string{"/burn/0", "/burn/100", "/burn/10000"}; !slices.Equal(got, want) {
		t.Errorf("paths %v, want %v", got, want)
	}
	for path, want := range map[string]time.Duration{"/delay/5": 5 * time.Millisecond, "/burn/100": 100 * time.Microsecond} {
		if d, ok := cells.HandlerTime(path); !ok || d != want {
			t.Errorf("%s takes %v", path, d)
		}
	}
	if _, ok := cells.HandlerTime("/"); ok {
		t.Error("/ has a handler time")
	}
}

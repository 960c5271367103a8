package advise

import (
	"strings"
	"testing"

	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
	"iomodels/loadgen"
)

// fixture is a run in which every model of costs served the two loads in five blocks.
func fixture(costs map[string]float64) *record.Run {
	run := &record.Run{Dir: "results/fixture"}
	for _, name := range []string{"goroutine", "reactor", "gnet"} {
		run.Env.Models = append(run.Env.Models, record.ModelInfo{Name: name, Protocols: []string{"echo", "http"}})
	}
	run.Env.Models[2].KnownLimits = []record.KnownLimit{{Case: "back-pressure", Reason: "it queues"}}
	busy := record.Cell{Proto: "http", Workload: cells.Closed, Topology: cells.Split, Conns: 256}
	calm := record.Cell{Proto: "http", Workload: cells.Open, Topology: cells.Split, Conns: 64, Rate: 2000}
	stall := record.Cell{Proto: "http", Workload: cells.Stall, Topology: cells.Split, Conns: 1, Beside: "/delay/200"}
	for model, cost := range costs {
		for block := range 5 {
			jitter := 1 + 0.01*float64(block)
			for _, cell := range []record.Cell{busy, calm, stall} {
				cell.Model = model
				run.Records = append(run.Records, served(cell, block, len(run.Records)+1, cost*jitter))
			}
		}
	}
	return run
}

// served is a record: of cost times the generator's CPU, and as many milliseconds at p99.
func served(cell record.Cell, block, seq int, cost float64) record.Record {
	r := record.Record{Seq: seq, Cell: cell, Block: block}
	r.Load = loadgen.Summary{Verdict: "valid", WindowOK: 10000, ElapsedS: 1, RatePerS: 10000}
	r.Load.Generator.CPUS = 1
	r.Load.Response = loadgen.Latency{Count: 10000, P50: int64(cost * 1e5), P99: int64(cost * 1e6)}
	if cell.Workload == cells.Stall && cell.Model == "reactor" {
		r.Load.Response.P50 = 190e6
	}
	r.Server = record.Usage{CPUS: cost}
	return r
}

func ask(t *testing.T, q Question, run *record.Run) Advice {
	t.Helper()
	a, err := Ask(q, []*record.Run{run})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func busyLoad() Question { return Question{Proto: "http", Conns: 300, Rate: 0} }

func TestTheRecordsDecide(t *testing.T) {
	costs := map[string]float64{"goroutine": 1, "reactor": 0.7}
	if got := ask(t, busyLoad(), fixture(costs)).Rows[0].Model; got != "reactor" {
		t.Errorf("best is %s, want the cheapest", got)
	}
	costs["goroutine"], costs["reactor"] = costs["reactor"], costs["goroutine"]
	if got := ask(t, busyLoad(), fixture(costs)).Rows[0].Model; got != "goroutine" {
		t.Errorf("best is %s after its figures changed, want goroutine", got)
	}
}

func TestOverlappingIntervalsTie(t *testing.T) {
	a := ask(t, busyLoad(), fixture(map[string]float64{"goroutine": 1, "reactor": 1.02, "gnet": 2}))
	if !a.Rows[1].Tie || a.Rows[2].Tie {
		t.Errorf("ties are %v and %v, want only the second", a.Rows[1].Tie, a.Rows[2].Tie)
	}
	if got := a.Short(); got != "tie of `goroutine`, `reactor`" {
		t.Errorf("in short %q", got)
	}
}

func TestWhatIsAbsentIsNotMeasured(t *testing.T) {
	a := ask(t, busyLoad(), fixture(map[string]float64{"goroutine": 1}))
	if len(a.Unknown) != 2 || !strings.Contains(a.Table().Text(), "not measured") {
		t.Errorf("unknown %v in\n%s", a.Unknown, a.Table().Text())
	}
	if far := ask(t, Question{Proto: "http", Conns: 50000}, fixture(map[string]float64{"goroutine": 1})); !far.Far {
		t.Errorf("50,000 connections are answered from %s", far.At.Name())
	}
	if none := ask(t, Question{Proto: "echo", Conns: 10}, fixture(nil)); none.At != nil {
		t.Errorf("echo is answered from %s", none.At.Name())
	}
}

func TestVetoesStandAboveFigures(t *testing.T) {
	run := fixture(map[string]float64{"goroutine": 3, "reactor": 1, "gnet": 2})
	for _, test := range []struct {
		name   string
		change func(*Question)
		vetoed []string
	}{
		{"nothing special", func(*Question) {}, nil},
		{"handlers block", func(q *Question) { q.HandlerBlocks = true }, []string{"reactor"}},
		{"net.Conn", func(q *Question) { q.NetConn = true }, []string{"reactor", "gnet"}},
		{"slow peers", func(q *Question) { q.SlowPeers = true }, []string{"gnet"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := busyLoad()
			test.change(&q)
			var vetoed []string
			for _, r := range ask(t, q, run).Rows {
				if len(r.Vetoes) > 0 {
					vetoed = append(vetoed, r.Model)
				} else if vetoed != nil {
					t.Errorf("%s is fit, and stands below a vetoed model", r.Model)
				}
			}
			if strings.Join(vetoed, " ") != strings.Join(test.vetoed, " ") {
				t.Errorf("vetoed %v, want %v", vetoed, test.vetoed)
			}
		})
	}
}

func TestTheBoundHolds(t *testing.T) {
	a := ask(t, Question{Proto: "http", Conns: 64, Rate: 2000, P99: 1.5e-3},
		fixture(map[string]float64{"goroutine": 1, "reactor": 2}))
	if a.Quadrant.Name != cells.FewFew || a.Rows[0].Model != "goroutine" || !a.Rows[1].TooSlow {
		t.Errorf("quadrant %s, rows %+v", a.Quadrant.Name, a.Rows)
	}
}

func TestSourcesAreCited(t *testing.T) {
	run := fixture(map[string]float64{"goroutine": 1})
	text := ask(t, busyLoad(), run).Table().Text()
	if !strings.Contains(text, "fixture#1,4,7,10,13") {
		t.Errorf("no source in\n%s", text)
	}
}

func TestNoLoadIsRefused(t *testing.T) {
	for _, q := range []Question{
		{Proto: "gopher", Conns: 1},
		{Proto: "http"},
		{Proto: "http", Conns: 1, Active: 2},
		{Proto: "http", Conns: 1, Rate: -1},
	} {
		if _, err := Ask(q, nil); err == nil {
			t.Errorf("%+v is answered", q)
		}
	}
}

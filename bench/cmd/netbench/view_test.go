package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"iomodels/bench"
	"iomodels/bench/experiment"
	"iomodels/bench/record"
	"iomodels/loadgen"
)

func progress(at int, made bool) experiment.Progress {
	cell := record.Cell{Model: "reactor", Proto: "http", Workload: bench.Closed, Topology: bench.Split, Conns: 1000}
	p := experiment.Progress{
		Visit: bench.Visit{Step: bench.Step{Cell: cell, Blocks: 5}, Block: 2},
		At:    at, Of: 36, Made: made, Left: 250 * time.Second,
	}
	if made {
		p.Record = record.Record{Cell: cell, Load: loadgen.Summary{RatePerS: 58123, Verdict: "valid"}}
	}
	return p
}

const shown = "[ 7/36] reactor http c=1000  block 3/5  58.1k req/s  ETA 4m10s"

func TestPlainLinesComeAtMostEveryTenSeconds(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1000, 0)
	v := newView(&out, false)
	v.now = func() time.Time { return now }
	v.show(progress(7, false))
	v.show(progress(7, true))
	now = now.Add(plainEvery / 2)
	v.show(progress(8, true))
	if got := out.String(); got != shown+"\n" {
		t.Errorf("got %q", got)
	}
	now = now.Add(plainEvery)
	v.show(progress(9, true))
	v.show(progress(36, true)) // the last always shows
	if got := strings.Count(out.String(), "\n"); got != 3 {
		t.Errorf("%d lines:\n%s", got, out.String())
	}
}

func TestATerminalGetsOneLineThatIsRewritten(t *testing.T) {
	var out bytes.Buffer
	v := newView(&out, false)
	v.terminal = true
	v.show(progress(7, true))
	failed := progress(8, true)
	failed.Record.Failed = "it died"
	v.show(failed)
	v.end()
	got := out.String()
	if !strings.HasPrefix(got, "\r"+shown) || strings.Contains(got, "\x1b") {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(got, "reactor http c=1000 block 3: it died\n") || !strings.HasSuffix(got, "\n") {
		t.Errorf("got %q", got)
	}
}

func TestFailuresAreSaidEvenWhenQuiet(t *testing.T) {
	var out bytes.Buffer
	v := newView(&out, true)
	v.show(progress(7, true))
	failed := progress(8, true)
	failed.Record.Failed = "it died"
	v.show(failed)
	if got := out.String(); got != "reactor http c=1000 block 3: it died\n" {
		t.Errorf("got %q", got)
	}
}

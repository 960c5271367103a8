package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"iomodels/bench/report/table"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// DuelsFile holds the duels that belong to a run, one JSON line each, in the run's folder.
const DuelsFile = "duels.jsonl"

// duelLine is what the report shows of a finished duel (package duel writes it). Reports read
// what programs wrote; they do not import what drives them.
type duelLine struct {
	A    struct{ Name string } `json:"a"`
	B    struct{ Name string } `json:"b"`
	Load struct {
		Proto, Path           string
		Conns, Size, Pipeline int
		Rate                  float64
		RequestsPerConn       int `json:"requests_per_conn"`
	} `json:"load"`
	Rounds int            `json:"rounds"`
	Norm   stats.Interval `json:"norm"`
	Plain  stats.Interval `json:"plain"`
	Total  stats.Interval `json:"total"`
	Rate   stats.Interval `json:"rate"`
	Must   float64        `json:"must"`
	Judged string         `json:"judged"`
}

// duels tabulates the duels stored with the run: two servers on one CPU in alternating
// slices, which resolves differences that a whole campaign cannot.
func (v view) duels() string {
	path := filepath.Join(v.run.Dir, DuelsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "No duels are stored with this run.\n"
	}
	if err != nil {
		return fmt.Sprintf("The duels of this run cannot be read: %v.\n", errors.Unwrap(err)) // without the path
	}
	t := table.New("<A against B", "<load", "rounds", "norm A / B", "total CPU A / B", "server CPU A / B",
		"req/s A / B", "<must hold")
	var bad []string
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var d duelLine
		if err := json.Unmarshal(line, &d); err != nil {
			bad = append(bad, fmt.Sprintf("%s:%d cannot be read: %v.", DuelsFile, i+1, err))
			continue
		}
		ratio := cells.Ratio.Interval
		t.Add(d.A.Name+" / "+d.B.Name, d.load(), fmt.Sprint(d.Rounds), ratio(d.Norm), ratio(d.Total),
			ratio(d.Plain), ratio(d.Rate), d.held())
	}
	note := "Below one, A is cheaper (for requests per second: slower). The line of a model against itself is " +
		"the noise floor of all others. " + cells.Norm().Definition
	return join(t.Markdown(), note, join(bad...))
}

// load says what both sides were asked to do.
func (d duelLine) load() string {
	l := d.Load
	text := fmt.Sprintf("%s, %s connections", cells.ProtoName(l.Proto), cells.Count.Tick(float64(l.Conns)))
	for _, part := range []struct {
		show bool
		text string
	}{
		{l.Path != "", "GET " + l.Path},
		{l.Proto == "echo" && l.Size > 0, cells.Bytes.Tick(float64(l.Size))},
		{l.Pipeline > 1, fmt.Sprintf("pipeline %d", l.Pipeline)},
		{l.Rate > 0, cells.Rate.Tick(l.Rate) + " req/s offered"},
		{l.RequestsPerConn > 0, fmt.Sprintf("requests per connection: %d", l.RequestsPerConn)},
	} {
		if part.show {
			text += ", " + part.text
		}
	}
	return text
}

// held says what the pair promises and whether it kept it.
func (d duelLine) held() string {
	if d.Must == 0 {
		return ""
	}
	what, sign, kept := "norm", "≤", d.Norm.Value <= d.Must
	switch d.Judged {
	case "plain":
		what, kept = "server CPU", d.Plain.Value <= d.Must
	case "rate": // a rate is promised from below
		what, sign, kept = "req/s", "≥", d.Rate.Value >= d.Must
	}
	return fmt.Sprintf("%s %s %s: %s", what, sign, cells.Ratio.Format(d.Must),
		map[bool]string{true: "held", false: "missed"}[kept])
}

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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
	Goal   float64        `json:"goal"`
	Judged string         `json:"judged"`
	Commit string         `json:"commit"`
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
	claims := table.New("<A against B", "<load", "rounds", "<judged by", "ratio A / B", "total CPU A / B",
		"norm A / B", "server CPU A / B", "req/s A / B", "must", "<held", "goal", "<reached")
	features := table.New("<without", "<load", "rounds", "norm", "server CPU", "total CPU", "req/s")
	var bad, commits []string
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var d duelLine
		if err := json.Unmarshal(line, &d); err != nil {
			bad = append(bad, fmt.Sprintf("%s:%d cannot be read: %v.", DuelsFile, i+1, err))
			continue
		}
		if d.Commit != "" {
			commits = addOnce(commits, d.Commit)
		}
		rounds := fmt.Sprint(d.Rounds)
		if feature, ok := strings.CutPrefix(d.B.Name, d.A.Name+":-"); ok {
			features.Add(d.A.Name+" without "+feature, d.load(), rounds, ratio(inverse(d.Norm)), ratio(inverse(d.Plain)),
				ratio(inverse(d.Total)), ratio(inverse(d.Rate)))
			continue
		}
		judged := d.judged()
		claims.Add(d.A.Name+" / "+d.B.Name, d.load(), rounds, judged.name, ratio(judged.iv), ratio(d.Total), ratio(d.Norm),
			ratio(d.Plain), ratio(d.Rate), judged.limit(d.Must), judged.word(d.Must, "held", "missed"),
			judged.limit(d.Goal), judged.word(d.Goal, "reached", "missed"))
	}
	return join(duelTables(claims, features, commits), join(bad...))
}

// duelTables writes the tables with the words below them.
func duelTables(claims, features *table.Table, commits []string) string {
	var parts []string
	if !claims.Empty() {
		parts = append(parts, claims.Trim().Markdown(), "Below one, A is cheaper (for requests per second: slower). "+
			"Held and reached are said of the estimate; its interval stands beside it. The line of a model against "+
			"itself is the noise floor of all others. "+cells.Norm().Definition)
	}
	if !features.Empty() {
		parts = append(parts, "### What each io_uring feature is worth\n\n"+features.Markdown(), "Each ratio is the model "+
			"without one feature over the model with all of them, in the same slices: 1.10 means that the feature "+
			"saves a tenth. Features need each other, so the ratios do not multiply.")
	}
	if len(commits) > 0 {
		parts = append(parts, "Measured at commit "+strings.Join(commits, ", ")+".")
	}
	return join(parts...)
}

// ratio writes a ratio to the thousandth: duels resolve less than the hundredth of other tables.
func ratio(iv stats.Interval) string {
	if !iv.OK() {
		return none
	}
	return fmt.Sprintf("%.3f [%.3f–%.3f]", iv.Value, iv.Lo, iv.Hi)
}

// inverse is B / A for A / B.
func inverse(iv stats.Interval) stats.Interval {
	if iv.Value <= 0 || iv.Lo <= 0 {
		return stats.Interval{}
	}
	iv.Value, iv.Lo, iv.Hi = 1/iv.Value, 1/iv.Hi, 1/iv.Lo
	return iv
}

// load says what both sides were asked to do.
func (d duelLine) load() string {
	l := d.Load
	text := cells.ProtoName(l.Proto) + ", " + cells.Connections(l.Conns)
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

// judged is the ratio that the limits of a duel are about.
type judged struct {
	name, sign string
	iv         stats.Interval
	holds      func(limit float64) bool
}

func (d duelLine) judged() judged {
	j := judged{name: "norm", sign: "≤", iv: d.Norm}
	switch d.Judged {
	case "plain":
		j.name, j.iv = "server CPU", d.Plain
	case "rate": // a rate is promised from below
		j.name, j.sign, j.iv = "req/s", "≥", d.Rate
	}
	j.holds = func(limit float64) bool {
		if j.sign == "≥" {
			return j.iv.Value >= limit
		}
		return j.iv.Value <= limit
	}
	return j
}

// limit writes a limit; a pair without one promises nothing.
func (j judged) limit(limit float64) string {
	if limit == 0 {
		return ""
	}
	return j.sign + " " + cells.Ratio.Format(limit)
}

func (j judged) word(limit float64, kept, missed string) string {
	switch {
	case limit == 0:
		return ""
	case j.holds(limit):
		return kept
	}
	return missed
}

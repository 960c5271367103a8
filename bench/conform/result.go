package conform

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Result is what is kept of a server: its score by chapter of the RFCs, and each failed case.
type Result struct {
	Server string `json:"server"`
	Score
	Chapters []Chapter `json:"chapters"`
	Failures []Failure `json:"failures"`
}

// Chapter is the score of the cases of one chapter, "9112 6".
type Chapter struct {
	Name   string `json:"name"`
	Passed int    `json:"passed"`
	Failed int    `json:"failed"`
}

// Failure is one failed case.
type Failure struct {
	Name    string `json:"name"`
	Section string `json:"section"`
	Level   string `json:"level"`
	Why     string `json:"why"`
}

// ResultOf adds up the outcomes of a server.
func ResultOf(server string, outcomes []Outcome) Result {
	r := Result{Server: server, Score: Sum(outcomes), Failures: []Failure{}}
	at := map[string]int{}
	for _, o := range bySection(outcomes) {
		name := chapter(o.Vector.Section)
		i, seen := at[name]
		if !seen {
			i = len(r.Chapters)
			at[name] = i
			r.Chapters = append(r.Chapters, Chapter{Name: name})
		}
		if o.Passed {
			r.Chapters[i].Passed++
			continue
		}
		r.Chapters[i].Failed++
		r.Failures = append(r.Failures, Failure{o.Vector.Name, o.Vector.Section, o.Vector.Level, o.Why})
	}
	return r
}

// chapter is "9112 6" of section "9112 6.3".
func chapter(section string) string {
	rfc, number, _ := strings.Cut(section, " ")
	number, _, _ = strings.Cut(number, ".")
	return strings.TrimSpace(rfc + " " + number)
}

// bySection sorts a copy.
func bySection(outcomes []Outcome) []Outcome {
	sorted := slices.Clone(outcomes)
	slices.SortStableFunc(sorted, func(x, y Outcome) int { return compareSections(x.Vector.Section, y.Vector.Section) })
	return sorted
}

// Merge puts results into a file of such, a JSON line each: a server that it holds is replaced in
// its place. It returns the new content of the file.
func Merge(file []byte, fresh []Result) ([]byte, error) {
	var all []Result
	lines := bufio.NewScanner(bytes.NewReader(file))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var r Result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, r)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	for _, r := range fresh {
		same := func(old Result) bool { return old.Server == r.Server }
		if i := slices.IndexFunc(all, same); i >= 0 {
			all[i] = r
		} else {
			all = append(all, r)
		}
	}
	var out bytes.Buffer
	for _, r := range all {
		line, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		out.Write(append(line, '\n'))
	}
	return out.Bytes(), nil
}

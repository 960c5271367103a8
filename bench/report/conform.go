package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"iomodels/bench/report/table"
)

// ConformFile holds the conformance results that belong to a run, one JSON line for each server,
// in the run's folder.
const ConformFile = "conform.jsonl"

// conformLine is a server's result (package conform writes it).
type conformLine struct {
	Server   string `json:"server"`
	Passed   int    `json:"passed"`
	Failed   int    `json:"failed"`
	Allowed  int    `json:"allowed"`
	Must     int    `json:"must"`
	Chapters []struct {
		Name           string
		Passed, Failed int
	} `json:"chapters"`
}

// conformance tabulates how each server kept the rules of HTTP/1.1.
func (v view) conformance() string {
	data, err := os.ReadFile(filepath.Join(v.run.Dir, ConformFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "No conformance results are stored with this run.\n"
	}
	if err != nil {
		return fmt.Sprintf("The conformance results of this run cannot be read: %v.\n", errors.Unwrap(err))
	}
	var all []conformLine
	var bad []string
	for i, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var c conformLine
		if err := json.Unmarshal(line, &c); err != nil {
			bad = append(bad, fmt.Sprintf("%s:%d cannot be read: %v.", ConformFile, i+1, err))
			continue
		}
		all = append(all, c)
	}
	return join(conformScores(all), conformChapters(all), join(bad...))
}

func conformScores(all []conformLine) string {
	t := table.New("<server", "passed", "by another allowed answer", "failed", "of these a MUST")
	for _, c := range all {
		t.Add(html.EscapeString(c.Server), fmt.Sprint(c.Passed), fmt.Sprint(c.Allowed), fmt.Sprint(c.Failed), fmt.Sprint(c.Must))
	}
	return t.Markdown()
}

// conformChapters has a row for each chapter, and a column for each server that failed a case;
// those that passed all share one.
func conformChapters(all []conformLine) string {
	failing := slices.DeleteFunc(slices.Clone(all), func(c conformLine) bool { return c.Failed == 0 })
	columns := []string{"<chapter"}
	clean := slices.IndexFunc(all, func(c conformLine) bool { return c.Failed == 0 })
	if clean >= 0 {
		columns = append(columns, fmt.Sprintf("each of the %d others", len(all)-len(failing)))
		failing = slices.Insert(failing, 0, all[clean])
	}
	for _, c := range failing {
		if c.Failed > 0 {
			columns = append(columns, html.EscapeString(c.Server))
		}
	}
	t := table.New(columns...)
	for _, chapter := range chaptersOf(failing) {
		row := []string{chapterTitle(chapter)}
		for _, c := range failing {
			row = append(row, c.chapter(chapter))
		}
		t.Add(row...)
	}
	return "Passed / failed by chapter:\n\n" + t.Markdown()
}

func chaptersOf(all []conformLine) (names []string) {
	for _, c := range all {
		for _, ch := range c.Chapters {
			if !slices.Contains(names, ch.Name) {
				names = append(names, ch.Name)
			}
		}
	}
	return names
}

func (c conformLine) chapter(name string) string {
	for _, ch := range c.Chapters {
		if ch.Name == name {
			return fmt.Sprintf("%d / %d", ch.Passed, ch.Failed)
		}
	}
	return none
}

// chapterTitle says what a chapter of the RFCs is about.
func chapterTitle(name string) string {
	titles := strings.NewReplacer(
		"9112 2", "RFC 9112 2, messages", "9112 3", "RFC 9112 3, request line", "9112 5", "RFC 9112 5, fields",
		"9112 6", "RFC 9112 6, message body", "9112 7", "RFC 9112 7, chunks", "9112 9", "RFC 9112 9, connections",
		"9112 11", "RFC 9112 11, security", "9110 2", "RFC 9110 2, versions", "9110 4", "RFC 9110 4, identifiers",
		"9110 5", "RFC 9110 5, fields", "9110 6", "RFC 9110 6, trailers", "9110 7", "RFC 9110 7, routing",
		"9110 8", "RFC 9110 8, representation", "9110 9", "RFC 9110 9, methods", "9110 10", "RFC 9110 10, Expect",
		"9110 15", "RFC 9110 15, status codes", "9113 3", "RFC 9113 3, preface of HTTP/2",
		"routes", "what netserve itself promises",
	)
	return titles.Replace(name)
}

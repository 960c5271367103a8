package table

import (
	"errors"
	"strings"
	"testing"
)

func sample() *Table {
	t := New("<model", "req/s", "note")
	t.Add("reactor", "185k [181–190]", "a|b")
	t.Add("nethttp", "62k")
	return t
}

func TestMarkdown(t *testing.T) {
	want := `| model | req/s | note |
|---|---:|---:|
| reactor | 185k [181–190] | a\|b |
| nethttp | 62k |  |
`
	if got := sample().Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestTextAlignsRunes: a dash of three bytes is one column wide.
func TestTextAlignsRunes(t *testing.T) {
	want := "model             req/s  note\n" +
		"reactor  185k [181–190]   a|b\n" +
		"nethttp             62k\n"
	if got := sample().Text(); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestCSV(t *testing.T) {
	var b strings.Builder
	tab := New("<a", "b")
	tab.Add("x,y", `say "1"`)
	if err := tab.CSV(&b); err != nil {
		t.Fatal(err)
	}
	if want := "a,b\n\"x,y\",\"say \"\"1\"\"\"\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	if err := tab.CSV(full{}); err == nil {
		t.Error("a full disk went unnoticed")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestTrimDropsSilentColumns(t *testing.T) {
	tab := New("<model", "tier", "req/s")
	tab.Add("a", "–", "1")
	tab.Add("b", "", "2")
	if got := tab.Trim("–").Markdown(); strings.Contains(got, "tier") || !strings.Contains(got, "| b | 2 |") {
		t.Errorf("got\n%s", got)
	}
}

func TestAddRefusesTooManyCells(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a cell without a column must not vanish")
		}
	}()
	New("a").Add("1", "2")
}

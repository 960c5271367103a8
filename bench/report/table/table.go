// Package table holds the one table model of the suite. A table is built once and written as
// Markdown for reports, as aligned text for terminals, or as CSV for other programs, so the
// three cannot disagree.
package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Column is the head of a column.
type Column struct {
	Name string
	Left bool // text; figures stand right, so that their digits align
}

// Table is rows of cells under columns. The zero value is an empty table.
type Table struct {
	Columns []Column
	Rows    [][]string
}

// New makes a table of the columns. A name that begins with "<" makes a left-aligned column.
func New(columns ...string) *Table {
	t := &Table{}
	for _, name := range columns {
		plain, left := strings.CutPrefix(name, "<")
		t.Columns = append(t.Columns, Column{plain, left})
	}
	return t
}

// Add appends a row; missing cells are empty. More cells than columns is a bug in the caller.
func (t *Table) Add(cells ...string) {
	if len(cells) > len(t.Columns) {
		panic(fmt.Sprintf("table: %d cells for %d columns", len(cells), len(t.Columns)))
	}
	row := make([]string, len(t.Columns))
	copy(row, cells)
	t.Rows = append(t.Rows, row)
}

// Empty reports whether the table has no row.
func (t *Table) Empty() bool { return len(t.Rows) == 0 }

// Trim returns the table without the columns in which no row says anything, so that a run
// without tiers has no column of dashes. blank lists the cells that say nothing.
func (t *Table) Trim(blank ...string) *Table {
	silent := func(cell string) bool {
		for _, b := range append(blank, "") {
			if cell == b {
				return true
			}
		}
		return false
	}
	out := &Table{Rows: make([][]string, len(t.Rows))}
	for i, column := range t.Columns {
		speaks := false
		for _, row := range t.Rows {
			speaks = speaks || !silent(row[i])
		}
		if !speaks {
			continue
		}
		out.Columns = append(out.Columns, column)
		for j, row := range t.Rows {
			out.Rows[j] = append(out.Rows[j], row[i])
		}
	}
	return out
}

// Markdown writes the table for a page. Cells may hold Markdown; a bar or a line feed in one
// would end it, and is replaced.
func (t *Table) Markdown() string {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			fmt.Fprintf(&b, " %s |", strings.NewReplacer("|", `\|`, "\n", " ").Replace(c))
		}
		b.WriteString("\n")
	}
	line(t.names())
	b.WriteString("|")
	for _, c := range t.Columns {
		b.WriteString(map[bool]string{true: "---|", false: "---:|"}[c.Left])
	}
	b.WriteString("\n")
	for _, row := range t.Rows {
		line(row)
	}
	return b.String()
}

// Text writes the table for a terminal: aligned, two spaces between columns, no line wraps.
func (t *Table) Text() string {
	width := make([]int, len(t.Columns))
	for _, row := range append([][]string{t.names()}, t.Rows...) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.names()}, t.Rows...) {
		var line strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if t.Columns[i].Left {
				c += pad
			} else {
				c = pad + c
			}
			if i > 0 {
				line.WriteString("  ")
			}
			line.WriteString(c)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// CSV writes the table for other programs (RFC 4180).
func (t *Table) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.WriteAll(append([][]string{t.names()}, t.Rows...)); err != nil {
		return fmt.Errorf("write table as CSV: %w", err)
	}
	return nil
}

func (t *Table) names() []string {
	var out []string
	for _, c := range t.Columns {
		out = append(out, c.Name)
	}
	return out
}

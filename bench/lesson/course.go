package lesson

import (
	"embed"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed glossary.md
var words embed.FS

// glossary returns the terms and their translations, as Markdown.
func glossary() (string, error) {
	text, err := words.ReadFile("glossary.md")
	return string(text), err
}

// WriteCourse writes what belongs to no single lesson: the list of lessons and the glossary.
func WriteCourse(dir string, course []Lesson) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	list := struct {
		Style   template.CSS
		Lessons []Lesson
	}{style(), course}
	if err := render(filepath.Join(dir, "course.html"), "course", list); err != nil {
		return err
	}
	terms, err := glossary()
	if err != nil {
		return err
	}
	rows, err := glossaryTable(terms)
	if err != nil {
		return err
	}
	return render(filepath.Join(dir, "glossary.html"), "glossary", struct {
		Style template.CSS
		Rows  [][3]string
	}{style(), rows})
}

// glossaryTable reads the rows of the one table of the glossary: English, Chinese, meaning.
func glossaryTable(text string) (rows [][3]string, err error) {
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") {
			continue
		}
		if len(cells) != 3 {
			return nil, fmt.Errorf("glossary: %q has %d cells, want 3", line, len(cells))
		}
		rows = append(rows, [3]string{
			strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]),
		})
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("glossary: it has no terms")
	}
	return rows[1:], nil
}

// facts says where and when a lesson was run.
func facts(o Outcome) string {
	kernel := "?"
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		kernel = unix.ByteSliceToString(name.Release[:])
	}
	return fmt.Sprintf("Lesson %d, run on %s: Linux %s, %s, %d processors.", o.Lesson.Number,
		o.Began.UTC().Format(time.DateTime), kernel, runtime.Version(), runtime.NumCPU())
}

// Package page writes runs and histories as HTML pages: each a single file that needs nothing
// else. It opens from a disk, a mail or an artifact store, and asks nobody for anything.
//
// # What every page keeps to
//
//   - No request, ever. The policy in its head forbids all of them, and lets only those scripts
//     run whose digests it names.
//   - It works without scripts: verdicts, tables and drawings are HTML and SVG. Scripts add what a
//     sheet of paper cannot do: a cursor that reads all models at once, hiding a model, another
//     scale, picking a series. They compute no figure; every number on the page was written here.
//   - One model has one colour, dash and glyph, the same as in the charts (chart.StyleOf); in the
//     dark a lighter shade of the same hue.
//   - What comes from records is text and is escaped as such, whatever it holds.
//   - The same records give the same bytes.
//
// # How it is made
//
//	records ─▶ cells.Set ─▶ boards, lineCharts, heats (figures as text)
//	                            ├─▶ html/template: tables and SVG
//	                            └─▶ JSON in the page ─▶ plot.js draws the same with uPlot
//
// Lines are drawn twice: as SVG for paper and for readers without scripts, and on a canvas where
// a cursor moves over them. Both are made from one lineChart.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed assets
var assets embed.FS

// frame is what all pages have in common.
type frame struct {
	Title   string
	Policy  string
	Style   template.CSS
	Scripts []template.JS // uPlot, then ours
	Licence string        // of uPlot: it travels with the code
	Models  []model
	Glyphs  []symbol
	Data    any // what the scripts read, as JSON
}

// newFrame loads the assets; script names the one that belongs to this page alone.
func newFrame(title, script string, models []string, data any) (frame, error) {
	f := frame{Title: title, Data: data, Glyphs: symbols()}
	for i, name := range models {
		f.Models = append(f.Models, newModel(i, name))
	}
	style, err := joined("assets/uplot/uPlot.min.css", "assets/style.css")
	if err != nil {
		return f, err
	}
	f.Style = template.CSS(style + modelRules(f.Models))
	var digests []string
	for _, name := range []string{"uplot/uPlot.iife.min.js", "plot.js", script} {
		text, err := joined("assets/" + name)
		if err != nil {
			return f, err
		}
		sum := sha256.Sum256([]byte(text))
		digests = append(digests, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		f.Scripts = append(f.Scripts, template.JS(text))
	}
	f.Policy = "default-src 'none'; script-src " + strings.Join(digests, " ") +
		"; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
	f.Licence, err = joined("assets/uplot/LICENSE")
	return f, err
}

// joined reads assets, one after the other. Line ends are made plain, or the digest of a script
// would not be that of what a browser sees.
func joined(names ...string) (string, error) {
	var all strings.Builder
	for _, name := range names {
		text, err := assets.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("read asset: %w", err)
		}
		all.WriteString(strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
	return all.String(), nil
}

// write fills the template of a page.
func write(w io.Writer, name string, content any) error {
	t := template.New(name).Funcs(template.FuncMap{
		"add":    func(a, b int) int { return a + b },
		"join":   strings.Join,
		"anchor": anchor,
	})
	t, err := t.ParseFS(assets, "assets/parts.html", "assets/"+name)
	if err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	if err := t.Execute(w, content); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// anchor makes the name of a link target from a title.
func anchor(title string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, title), "-")
}

// dataURL embeds a file as the target of a link.
func dataURL(kind string, content []byte) template.URL {
	return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(content))
}

package page

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"iomodels/bench/trace"
)

// heart is a piece of source between the markers.
type heart struct {
	N     int
	File  string
	First int // number of its first line
	Lines []line
}

type line struct {
	N    int
	Text string
}

// code is the sources behind a trace, and the hearts of them that the trace has touched.
type code struct {
	root   string
	files  map[string][]heart
	hearts []heart // in the order in which they were touched
	err    error   // the first that came up
}

func newCode(root string) *code { return &code{root: root, files: map[string][]heart{}} }

// light returns "heart:line" for every line of a stack that lies in a heart, innermost first.
func (c *code) light(stack []trace.Frame) string {
	var lit []string
	for _, f := range stack {
		for _, h := range c.of(f.File) {
			if n := h.find(f); n > 0 {
				lit = append(lit, fmt.Sprintf("%d:%d", c.touch(h), n))
			}
		}
	}
	return strings.Join(lit, " ")
}

// touch returns the number of a heart on the page.
func (c *code) touch(h heart) int {
	for _, known := range c.hearts {
		if known.File == h.File && known.First == h.First {
			return known.N
		}
	}
	h.N = len(c.hearts)
	c.hearts = append(c.hearts, h)
	return h.N
}

// of reads the hearts of a file; there are none in those of other modules.
func (c *code) of(file string) []heart {
	hearts, known := c.files[file]
	if known || !strings.HasPrefix(file, "servers/") {
		return hearts
	}
	text, err := os.ReadFile(filepath.Join(c.root, file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && c.err == nil {
		c.err = fmt.Errorf("read a heart: %w", err)
	}
	hearts = heartsIn(file, string(text))
	c.files[file] = hearts
	return hearts
}

// heartsIn finds what stands between the markers.
func heartsIn(file, text string) []heart {
	var all []heart
	var open *heart
	for i, l := range strings.Split(text, "\n") {
		switch marker := strings.TrimSpace(l); {
		case marker == "// HEART":
			open = &heart{File: file, First: i + 2}
		case marker == "// HEART END" && open != nil:
			open.trim()
			all = append(all, *open)
			open = nil
		case open != nil:
			open.Lines = append(open.Lines, line{i + 1, strings.ReplaceAll(l, "\t", "    ")})
		}
	}
	return all
}

// trim drops empty lines at both ends.
func (h *heart) trim() {
	for len(h.Lines) > 0 && h.Lines[0].Text == "" {
		h.Lines = h.Lines[1:]
	}
	for n := len(h.Lines); n > 0 && h.Lines[n-1].Text == ""; n-- {
		h.Lines = h.Lines[:n-1]
	}
}

// find returns the number that a frame's line has now; 0 if it is not here. The nearest line with
// the same text is taken for it: sources move on after a capture.
func (h heart) find(f trace.Frame) int {
	best, far := 0, 1<<30
	for _, l := range h.Lines {
		apart := max(l.N-f.Line, f.Line-l.N)
		if same := strings.TrimSpace(l.Text) == f.Text; same && f.Text != "" && apart < far {
			best, far = l.N, apart
		}
	}
	return best
}

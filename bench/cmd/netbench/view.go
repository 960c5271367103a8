package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/bench"
	"iomodels/bench/experiment"
	"iomodels/bench/stats/cells"
)

// plainEvery is how often a log, as against a terminal, gets a line.
const plainEvery = 10 * time.Second

// view shows the progress of a run: on a terminal one line that is rewritten, elsewhere plain
// lines now and then. It uses no escape codes, so NO_COLOR changes nothing.
type view struct {
	w        io.Writer
	quiet    bool
	terminal bool
	width    int // of the line that stands on the terminal
	last     time.Time
	figure   string // of the visit made last
	now      func() time.Time
}

func newView(w io.Writer, quiet bool) *view {
	return &view{w: w, quiet: quiet, terminal: isTerminal(w), now: time.Now}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// show is told of every visit, before and after. Failures get a line of their own at once.
func (v *view) show(p experiment.Progress) {
	if p.Made {
		v.figure = figure(p)
		if bad := p.Record.Failed + p.Record.Skipped; bad != "" {
			v.line(fmt.Sprintf("%s block %d: %s", bench.CellName(p.Visit.Step.Cell), p.Visit.Block+1, bad))
		}
	}
	if v.quiet {
		return
	}
	text := fmt.Sprintf("[%*d/%d] %s  block %d/%d", len(fmt.Sprint(p.Of)), p.At, p.Of,
		bench.CellName(p.Visit.Step.Cell), p.Visit.Block+1, p.Visit.Step.Blocks)
	if v.figure != "" {
		text += "  " + v.figure
	}
	if p.Retried > 0 {
		text += fmt.Sprintf("  repeated %d", p.Retried)
	}
	text += "  ETA " + p.Left.Round(time.Second).String()
	switch {
	case v.terminal:
		fmt.Fprintf(v.w, "\r%s%s", text, strings.Repeat(" ", max(v.width-len(text), 0)))
		v.width = len(text)
	case p.Made && (p.At == p.Of || v.now().Sub(v.last) >= plainEvery):
		v.last = v.now()
		fmt.Fprintln(v.w, text)
	}
}

func figure(p experiment.Progress) string {
	if !p.Record.OK() {
		return ""
	}
	text := cells.Rate.Format(p.Record.Load.RatePerS) + " req/s"
	if verdict := p.Record.Load.Verdict; verdict != "valid" {
		text += " (" + verdict + ")"
	}
	return text
}

// line prints a line of its own, above the one that is rewritten.
func (v *view) line(text string) {
	if v.terminal && v.width > 0 {
		fmt.Fprintf(v.w, "\r%s\r", strings.Repeat(" ", v.width))
		v.width = 0
	}
	fmt.Fprintln(v.w, text)
}

// end leaves the cursor on a line of its own.
func (v *view) end() {
	if v.terminal && v.width > 0 {
		fmt.Fprintln(v.w)
	}
}

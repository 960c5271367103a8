package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"iomodels/loadgen"
)

// watcher talks on stderr while the run goes on.
type watcher struct {
	phases   bool
	live     bool
	terminal bool
	shown    time.Time
	last     float64 // end of the tick that was shown last
	replies  uint64  // since then
	drawn    bool
}

// watcher returns a watcher: the live line is for people, so it needs a terminal or --progress.
func (o *options) watcher() *watcher {
	terminal := isTerminal(os.Stderr)
	return &watcher{phases: o.phases, live: o.progress || terminal, terminal: terminal}
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// phase prints one line, with one unbuffered write: who reads it acts on the moment it comes.
func (w *watcher) phase(e loadgen.PhaseEvent) {
	if !w.phases {
		return
	}
	line, err := json.Marshal(e)
	if err != nil {
		return
	}
	w.finish()
	os.Stderr.Write(append(line, '\n'))
}

// refresh is how often the live line changes: people read no faster, and drawing costs.
const refresh = 500 * time.Millisecond

func (w *watcher) tick(i loadgen.Interval) {
	w.replies += i.OK
	if !w.live || time.Since(w.shown) < refresh {
		return
	}
	rate := float64(w.replies) / max(i.AtS-w.last, 1e-3)
	w.shown, w.last, w.replies = time.Now(), i.AtS, 0
	before, after := "", "\n"
	if w.terminal { // one line, drawn over itself
		before, after, w.drawn = "\r\x1b[K", "", true
	}
	fmt.Fprintf(os.Stderr, "%s%6.1fs %-7s %9s replies/s  p99 %8s  %6d open  %d errors  lag %s%s",
		before, i.AtS, i.Phase, thousands(rate), short(i.P99), i.Open, i.Errors, short(i.MaxLag), after)
}

// probe says how a rate that a search tried came off: a search takes minutes.
func (w *watcher) probe(p loadgen.Probe) {
	w.finish()
	w.last, w.replies = 0, 0 // the next one begins
	fmt.Fprintf(os.Stderr, "%s/s: %s, %s\n", thousands(p.Offered), short(p.Percentile), keeping(p))
}

// finish leaves the live line.
func (w *watcher) finish() {
	if w.drawn {
		fmt.Fprintln(os.Stderr)
		w.drawn = false
	}
}

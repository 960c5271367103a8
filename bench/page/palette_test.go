package page

import (
	"image/color"
	"strings"
	"testing"

	"iomodels/bench/chart"
)

// TestColoursCanBeReadOnBothPapers: a line needs a contrast of three to be seen; the charts' hues are
// chosen for white, so the dark is what can go wrong.
func TestColoursCanBeReadOnBothPapers(t *testing.T) {
	dark := map[color.NRGBA]string{}
	for _, name := range []string{
		"goroutine", "thread", "reactor", "prefork", "reactor-et", "reactor-pool", "reactor-leader", "poll", "spin",
		"proactor", "proactor-emulated", "gnet", "netpoll", "fasthttp", "nethttp",
	} {
		c := inTheDark(chart.StyleOf(name).Color)
		if got := contrast(c, darkPaper()); got < 4.5 {
			t.Errorf("%s in the dark: contrast %.1f", name, got)
		}
		if other := dark[c]; other != "" {
			t.Errorf("%s and %s are one colour in the dark", name, other)
		}
		dark[c] = name
	}
}

func TestBandsWalkBack(t *testing.T) {
	if got := band("L1 2L3 4", "1 9|3 8|"); got != "M1 2L3 4L3 8L1 9Z" {
		t.Error(got)
	}
}

// TestSparkOfNothing: a series that is zero throughout is a level line, and no division by zero.
func TestSparkOfNothing(t *testing.T) {
	s := series{Ratio: newTriple(2), Abs: newTriple(2), Segments: []segment{{}}}
	s.Abs.set(0, 0, 0, 0)
	if got := newSpark(s); strings.Contains(got.Line+got.Edge, "NaN") || got.Line == "" {
		t.Errorf("%+v", got)
	}
}

func TestPieces(t *testing.T) {
	l := newLine(0, 5).Y
	l[1], l[2], l[4] = 1, 2, 3
	if got := pieces(l); len(got) != 2 || got[0] != [2]int{1, 3} || got[1] != [2]int{4, 5} {
		t.Error(got)
	}
}

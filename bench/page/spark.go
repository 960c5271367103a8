package page

import (
	"fmt"
	"math"
	"strings"
)

// spark is a series small enough to stand in a line of a table.
type spark struct {
	Line, Edge string // the figures, and the band of their intervals
	Dots       []dot  // where advisory changes begin
}

type dot struct{ X, Y string }

// The size of a spark, in pixels.
const (
	sparkWidth  = 150
	sparkHeight = 26
)

// newSpark draws the ratios of a series, or the absolutes where it has none. A gap stays a gap.
func newSpark(s series) spark {
	of := s.Ratio
	if s.allAbsent() {
		of = s.Abs
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, y := range of.Y {
		if !math.IsNaN(y) {
			lo, hi = min(lo, y, of.Lo[i]), max(hi, y, of.Hi[i])
		}
	}
	if lo > hi {
		return spark{}
	}
	middle, half := (lo+hi)/2, max((hi-lo)/2, 0.05*math.Abs(hi), math.SmallestNonzeroFloat32)
	x := func(i int) float64 { return 2 + float64(i)*(sparkWidth-4)/float64(max(len(of.Y)-1, 1)) }
	y := func(v float64) float64 { return sparkHeight / 2 * (1 - (v-middle)/half*0.92) }
	var out spark
	var trail strings.Builder
	for _, piece := range pieces(of.Y) {
		upper, lower := "", ""
		for i := piece[0]; i < piece[1]; i++ {
			fmt.Fprintf(&trail, "%c%s %s", "ML"[min(i-piece[0], 1)], px(x(i)), px(y(of.Y[i])))
			upper += fmt.Sprintf("L%s %s", px(x(i)), px(y(of.Hi[i])))
			lower += fmt.Sprintf("%s %s|", px(x(i)), px(y(of.Lo[i])))
		}
		if piece[1]-piece[0] == 1 {
			trail.WriteString("h1")
		}
		out.Edge += band(upper, lower)
	}
	out.Line = trail.String()
	for _, seg := range s.Segments[1:] {
		if !math.IsNaN(of.Y[seg.From]) {
			out.Dots = append(out.Dots, dot{px(x(seg.From)), px(y(of.Y[seg.From]))})
		}
	}
	return out
}

func (s series) allAbsent() bool {
	for _, v := range s.Ratio.Y {
		if !math.IsNaN(v) {
			return false
		}
	}
	return true
}

// pieces lists the stretches without a gap, each from its first to behind its last.
func pieces(figures nums) [][2]int {
	var out [][2]int
	from := -1
	for i, v := range figures {
		gap := math.IsNaN(v)
		if !gap && from < 0 {
			from = i
		}
		if gap && from >= 0 {
			out, from = append(out, [2]int{from, i}), -1
		}
	}
	if from >= 0 {
		out = append(out, [2]int{from, len(figures)})
	}
	return out
}

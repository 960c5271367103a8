package chart

import (
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The sizes of text, in points.
const (
	titleSize   = 15
	labelSize   = 11
	tickSize    = 10
	captionSize = 9.5
)

// bold is the weight of gonum's font packages; regular is 0, and there are no others.
const bold = 3

// sans is the text style of the charts. The font is given to every text by itself, because
// the library's default is a variable that belongs to the whole process.
func sans(size vg.Length, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size),
		Handler: plot.DefaultTextHandler,
	}
}

func sansBold(size vg.Length, c color.Color) text.Style {
	s := sans(size, c)
	s.Font.Weight = bold
	return s
}

// wrap breaks a paragraph into lines that fit the width. A word longer than that stands alone.
func wrap(s text.Style, paragraph string, width vg.Length) []string {
	var lines []string
	space, used := s.Width(" "), vg.Length(0)
	for _, word := range strings.Fields(paragraph) {
		long := s.Width(word)
		if len(lines) == 0 || used+space+long > width {
			lines, used = append(lines, word), long
			continue
		}
		lines[len(lines)-1] += " " + word
		used += space + long
	}
	return lines
}

// leading is the distance of two baselines.
func leading(s text.Style) vg.Length { return 1.3 * s.Font.Size }

// writeLines writes lines downward from the top left corner at, and returns the room they took.
func writeLines(c draw.Canvas, s text.Style, at vg.Point, lines []string) vg.Length {
	for i, line := range lines {
		baseline := at.Y - vg.Length(i)*leading(s) - s.Font.Size
		c.FillText(s, vg.Point{X: at.X, Y: baseline}, line)
	}
	return vg.Length(len(lines)) * leading(s)
}

// writeBeside writes one line to the right of a point, its small letters centred on it.
func writeBeside(c draw.Canvas, s text.Style, at vg.Point, line string) {
	c.FillText(s, at.Sub(vg.Point{Y: 0.36 * s.Font.Size}), line)
}

// newPlot returns an empty plot in the style of the house. The title of the vertical axis does
// not belong to it: panels write that level, above the axis, where it can be read.
func newPlot(xLabel string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil // the chart paints the whole page
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		restyle(&axis.Label.TextStyle, labelSize)
		restyle(&axis.Tick.Label, tickSize)
		axis.Label.Padding = 4
		axis.LineStyle = draw.LineStyle{Color: soft(), Width: 0.6}
		axis.Tick.LineStyle = axis.LineStyle
		axis.Tick.Length = 3
		axis.Padding = 0
	}
	p.X.Label.Text = xLabel
	return p
}

// restyle changes font and ink but keeps the alignment, which the axes rely on.
func restyle(s *text.Style, size vg.Length) {
	base := sans(size, ink())
	s.Font, s.Color = base.Font, base.Color
}

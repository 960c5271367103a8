package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The drawing area of a lineChart on paper, in pixels.
const (
	paperWidth  = 760
	paperHeight = 330
	plotLeft    = 64
	plotRight   = paperWidth - 14
	plotTop     = 12
	plotBottom  = paperHeight - 44
)

// drawing is a lineChart as the template writes it into SVG.
type drawing struct {
	Width, Height            int
	Left, Right, Top, Bottom int
	XTitle, YTitle, Title    string
	XTicks, YTicks           []mark
	Lines                    []path
	One                      string // y of the reference line
}

// mark is a labelled place along an axis.
type mark struct{ At, Text string }

// path is one model's line.
type path struct {
	Model              model
	Line, Band, Whisks string
	Points             []point
}

// point is a glyph.
type point struct {
	X, Y   string
	Hollow bool
}

// SVG lays the chart out for paper.
func (c *lineChart) SVG(models []model) drawing {
	values := c.Linear
	if c.AsLog {
		values = *c.Log
	}
	x := func(v float64) float64 { return plotLeft + (v-c.X.Lo)/(c.X.Hi-c.X.Lo)*(plotRight-plotLeft) }
	share := func(v float64) float64 { return (v - values.Lo) / (values.Hi - values.Lo) }
	if c.AsLog {
		share = func(v float64) float64 {
			return math.Log(max(v, values.Lo)/values.Lo) / math.Log(values.Hi/values.Lo)
		}
	}
	y := func(v float64) float64 { return plotBottom - share(v)*(plotBottom-plotTop) }
	d := drawing{
		Width: paperWidth, Height: paperHeight, Left: plotLeft, Right: plotRight, Top: plotTop, Bottom: plotBottom,
		XTitle: c.XTitle, YTitle: c.YTitle, Title: c.Title,
	}
	for _, t := range c.X.Ticks {
		d.XTicks = append(d.XTicks, mark{px(x(t.At)), t.Text})
	}
	for _, t := range values.Ticks {
		d.YTicks = append(d.YTicks, mark{px(y(t.At)), t.Text})
	}
	if c.One {
		d.One = px(y(1))
	}
	for i, l := range c.Lines {
		shift := (float64(i) - float64(len(c.Lines)-1)/2) * c.Spread
		d.Lines = append(d.Lines, c.trace(l, models[l.Model], func(v float64) float64 { return x(v) + shift }, y))
	}
	return d
}

// trace writes a line as paths.
func (c *lineChart) trace(l line, m model, x, y func(float64) float64) path {
	p := path{Model: m}
	var trail, upper, lower, whisks strings.Builder
	pen := byte('M')
	for i, v := range l.Y {
		if math.IsNaN(v) {
			continue
		}
		at := px(x(c.At[i]))
		fmt.Fprintf(&trail, "%c%s %s", pen, at, px(y(v)))
		pen = 'L'
		if c.Band {
			fmt.Fprintf(&upper, "L%s %s", at, px(y(l.Hi[i])))
			fmt.Fprintf(&lower, "%s %s|", at, px(y(l.Lo[i])))
			continue
		}
		if l.Hi[i] > l.Lo[i] {
			fmt.Fprintf(&whisks, "M%s %sV%s", at, px(y(l.Lo[i])), px(y(l.Hi[i])))
		}
		p.Points = append(p.Points, point{at, px(y(v)), l.Hollow != nil && l.Hollow[i]})
	}
	p.Line, p.Whisks = trail.String(), whisks.String()
	if c.Band && upper.Len() > 0 {
		p.Band = band(upper.String(), lower.String())
	}
	return p
}

// band closes the upper edge with the lower one, walked backwards.
func band(upper, lower string) string {
	corners := strings.Split(strings.TrimSuffix(lower, "|"), "|")
	var b strings.Builder
	b.WriteString("M" + strings.TrimPrefix(upper, "L"))
	for i := len(corners) - 1; i >= 0; i-- {
		b.WriteString("L" + corners[i])
	}
	return b.String() + "Z"
}

// px writes a length, to a tenth of a pixel.
func px(v float64) string {
	text := strconv.FormatFloat(v, 'f', 1, 64)
	text = strings.TrimSuffix(text, ".0")
	if text == "-0" {
		return "0"
	}
	return text
}

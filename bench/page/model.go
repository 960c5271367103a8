package page

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"iomodels/bench/chart"
)

// model is a model as the page shows it.
type model struct {
	ID    int    `json:"-"`
	Name  string `json:"name"`
	Dash  []int  `json:"dash,omitempty"` // pixels on, pixels off
	Shape string `json:"shape"`          // path of its glyph, for the canvas
	Light string `json:"-"`
	Dark  string `json:"-"`
	Glyph int    `json:"-"`
}

func newModel(id int, name string) model {
	style := chart.StyleOf(name)
	m := model{
		ID: id, Name: name, Glyph: int(style.Glyph), Shape: outline(style.Glyph),
		Light: style.Hex(), Dark: hex(inTheDark(style.Color)),
	}
	for _, d := range style.Dash {
		m.Dash = append(m.Dash, int(math.Round(float64(d))))
	}
	return m
}

// DashArray is the dash as SVG wants it.
func (m model) DashArray() string { return strings.Trim(fmt.Sprint(m.Dash), "[]") }

// modelRules gives each model its colour, as a variable that everything inside an element of its
// class inherits.
func modelRules(models []model) string {
	var light, dark strings.Builder
	for _, m := range models {
		fmt.Fprintf(&light, ".m%d{--c:%s}", m.ID, m.Light)
		fmt.Fprintf(&dark, ".m%d{--c:%s}", m.ID, m.Dark)
	}
	return fmt.Sprintf("%s\n@media screen and (prefers-color-scheme:dark){%s}\n", light.String(), dark.String())
}

// darkPaper is the page's background in the dark, the same as in style.css.
func darkPaper() color.NRGBA { return color.NRGBA{0x12, 0x16, 0x1B, 255} }

// inTheDark is the shade of a colour that can be read on dark paper. Hues become lighter until
// they have contrast enough; greys are turned over, so that the darkest, which is the baseline and
// stands out most on white, stands out most on black.
func inTheDark(c color.NRGBA) color.NRGBA {
	if least, most := min(c.R, c.G, c.B), max(c.R, c.G, c.B); most-least < 12 {
		turned := 255 - c.R + 18
		return color.NRGBA{turned, turned, turned, 255}
	}
	const enough = 5.2
	for white := 0.0; white < 1; white += 0.04 {
		lighter := tint(c, white)
		if contrast(lighter, darkPaper()) >= enough {
			return lighter
		}
	}
	return tint(c, 1)
}

func tint(c color.NRGBA, white float64) color.NRGBA { return chart.Style{Color: c}.Tint(white) }

// contrast is the ratio of luminances that accessibility rules speak of: 1 to 21.
func contrast(a, b color.NRGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

func hex(c color.NRGBA) string { return chart.Style{Color: c}.Hex() }

// symbol is a glyph that drawings refer to by its number.
type symbol struct {
	ID   int
	Path string
}

func symbols() []symbol {
	var out []symbol
	for g := chart.Circle; g <= chart.Star; g++ {
		out = append(out, symbol{int(g), outline(g)})
	}
	return out
}

// glyphRadius is the size of points, in pixels.
const glyphRadius = 4

// outline is the path of a glyph around the origin.
func outline(g chart.Glyph) string {
	var b strings.Builder
	for i, p := range g.Corners(glyphRadius) {
		b.WriteByte("ML"[min(i, 1)])
		fmt.Fprintf(&b, "%s %s", px(p[0]), px(-p[1]))
	}
	b.WriteByte('Z')
	return b.String()
}

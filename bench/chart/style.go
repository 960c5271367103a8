package chart

import (
	"fmt"
	"hash/fnv"
	"image/color"

	"gonum.org/v1/plot/vg"

	"iomodels/bench/stats/cells"
)

// Style is how one model looks, in every chart, page and terminal. Colour alone would fail
// one reader in twelve, so a dash and a glyph say the same again.
type Style struct {
	Color color.NRGBA
	Dash  []vg.Length // points on, points off; nil: solid
	Glyph Glyph
}

// Hex writes the colour as web pages want it.
func (s Style) Hex() string { return fmt.Sprintf("#%02X%02X%02X", s.Color.R, s.Color.G, s.Color.B) }

// Tint returns the colour mixed with white: 0 leaves it, 1 is white.
func (s Style) Tint(white float64) color.NRGBA {
	mix := func(c uint8) uint8 { return uint8(float64(c) + white*(255-float64(c)) + 0.5) }
	return color.NRGBA{mix(s.Color.R), mix(s.Color.G), mix(s.Color.B), 255}
}

// StyleOf returns the style of a model. Models that share an idea share a hue: grey waits in
// the call, blue is a reactor on epoll, orange a proactor; the rest are libraries, and loops that
// wait in another way. Hues are those that
// stay apart for colour-blind readers. A model without a line here gets one that follows from
// its name alone, so it never changes because another model joined.
func StyleOf(model string) Style {
	solid, dashed, dotted := []vg.Length(nil), []vg.Length{6, 3}, []vg.Length{1.5, 2.5}
	mixed := []vg.Length{7, 2.5, 1.5, 2.5}
	if inline := cells.ModelOf(model); inline != model { // the same hue: it is the same model
		style := StyleOf(inline)
		style.Dash, style.Glyph = dotted, Plus
		return style
	}
	switch model {
	case "goroutine":
		return Style{rgb(0x2B2B2B), solid, Circle}
	case "thread":
		return Style{rgb(0x8A8A8A), dashed, Square}
	case "reactor":
		return Style{rgb(0x0072B2), solid, Triangle}
	case "prefork":
		return Style{rgb(0x5F6B7A), mixed, Plus}
	case "reactor-et":
		return Style{rgb(0x56B4E9), dashed, TriangleDown}
	case "reactor-pool":
		return Style{rgb(0x332288), mixed, Square}
	case "reactor-leader":
		return Style{rgb(0x44AA99), dotted, Circle}
	case "poll":
		return Style{rgb(0x882255), dashed, Star}
	case "spin":
		return Style{rgb(0x999933), dotted, Hexagon}
	case "proactor":
		return Style{rgb(0xD55E00), solid, Diamond}
	case "proactor-emulated":
		return Style{rgb(0xE69F00), dashed, Pentagon}
	case "gnet":
		return Style{rgb(0x009E73), solid, Hexagon}
	case "netpoll":
		return Style{rgb(0xCC79A7), mixed, Cross}
	case "fasthttp":
		return Style{rgb(0x6A3D9A), mixed, Plus}
	case "nethttp":
		return Style{rgb(0x8C5A2B), dotted, Star}
	}
	return fallback(model)
}

// fallback derives a style from a name.
func fallback(model string) Style {
	h := fnv.New32a()
	h.Write([]byte(model)) // a hash.Hash never returns an error
	n := h.Sum32()
	hues := []int{0x117733, 0x882255, 0x44AA99, 0x332288, 0x999933, 0xAA4499, 0x661100, 0x4477AA}
	dashes := [][]vg.Length{nil, {6, 3}, {1.5, 2.5}, {7, 2.5, 1.5, 2.5}}
	glyphs := []Glyph{Circle, Square, Triangle, TriangleDown, Diamond, Pentagon, Hexagon, Cross, Plus, Star}
	return Style{
		Color: rgb(hues[n%uint32(len(hues))]),
		Dash:  dashes[n/8%uint32(len(dashes))],
		Glyph: glyphs[n/64%uint32(len(glyphs))],
	}
}

func rgb(hex int) color.NRGBA {
	return color.NRGBA{uint8(hex >> 16), uint8(hex >> 8), uint8(hex), 255}
}

// The inks of everything that is not a model.
func ink() color.NRGBA    { return rgb(0x1F2328) } // text
func soft() color.NRGBA   { return rgb(0x59636E) } // captions, axis lines
func grid() color.NRGBA   { return rgb(0xE3E6E9) }
func leader() color.NRGBA { return rgb(0xB6BDC4) }

package chart

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Glyph is the shape of a model's points. Every shape is a closed outline, so a point that
// needs a caution can be drawn hollow whatever the model.
type Glyph uint8

// The glyphs.
const (
	Circle Glyph = iota
	Square
	Triangle
	TriangleDown
	Diamond
	Pentagon
	Hexagon
	Cross
	Plus
	Star
)

// outline returns the corners of the glyph around the origin, for a circle of the radius.
func (g Glyph) outline(r vg.Length) []vg.Point {
	switch g {
	case Square:
		return polygon(4, 45, 1.2*r)
	case Triangle:
		return polygon(3, 90, 1.3*r)
	case TriangleDown:
		return polygon(3, 270, 1.3*r)
	case Diamond:
		return polygon(4, 90, 1.3*r)
	case Pentagon:
		return polygon(5, 90, 1.15*r)
	case Hexagon:
		return polygon(6, 0, 1.1*r)
	case Cross:
		return beams(4, 45, 1.35*r, 0.42)
	case Plus:
		return beams(4, 90, 1.35*r, 0.42)
	case Star:
		return starOf(5, 90, 1.45*r, 0.45)
	}
	return polygon(24, 0, r)
}

// polygon is a regular one with its first corner at the angle, in degrees.
func polygon(corners int, angle float64, r vg.Length) []vg.Point {
	return starOf(corners, angle, r, 0)
}

// starOf alternates between r and inner*r; an inner of 0 leaves the inner corners out.
func starOf(points int, angle float64, r vg.Length, inner float64) []vg.Point {
	var out []vg.Point
	for i := range points {
		a := angle + float64(i)*360/float64(points)
		out = append(out, polar(a, r))
		if inner > 0 {
			out = append(out, polar(a+180/float64(points), r*vg.Length(inner)))
		}
	}
	return out
}

// beams is a cross of n arms; width is that of an arm, as a share of its length.
func beams(n int, angle float64, r vg.Length, width float64) []vg.Point {
	var out []vg.Point
	half := math.Atan(width/2) * 180 / math.Pi
	notch := r * vg.Length(width/2*math.Sqrt2)
	for i := range n {
		a := angle + float64(i)*360/float64(n)
		out = append(out, polar(a-half, r), polar(a+half, r), polar(a+180/float64(n), notch))
	}
	return out
}

func polar(degrees float64, r vg.Length) vg.Point {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	return vg.Point{X: r * vg.Length(cos), Y: r * vg.Length(sin)}
}

// glyphRadius is the size of a point in a chart.
const glyphRadius vg.Length = 3

// mark draws a point of the style and the radius; hollow says "read the notes first".
func (s Style) mark(c draw.Canvas, at vg.Point, r vg.Length, hollow bool) {
	var path vg.Path
	for i, corner := range s.Glyph.outline(r) {
		if i == 0 {
			path.Move(at.Add(corner))
			continue
		}
		path.Line(at.Add(corner))
	}
	path.Close()
	c.SetColor(s.Color)
	if hollow {
		c.SetColor(color.White)
	}
	c.Fill(path)
	edge := draw.LineStyle{Color: color.White, Width: 0.5} // keeps crossing lines apart
	if hollow {
		edge = draw.LineStyle{Color: s.Color, Width: 1.1}
	}
	c.SetLineStyle(edge)
	c.Stroke(path)
}

// line is the line style of a model.
func (s Style) line(width vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: s.Color, Width: width, Dashes: s.Dash}
}

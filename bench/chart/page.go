package chart

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The outer margins of every chart (the library has none) and its width.
const (
	pageWidth    vg.Length = 760
	marginLeft   vg.Length = 14
	marginRight  vg.Length = 14
	marginTop    vg.Length = 10
	marginBottom vg.Length = 12
	panelGap     vg.Length = 14
)

// panel is one plot of a chart with what stands around it.
type panel struct {
	title  string
	yTitle string // of the vertical axis, level and above it
	plot   *plot.Plot
	height vg.Length // of the whole panel, title and axes included
	names  []series  // named at the ends of their lines, to the right
	right  vg.Length // room kept free at the right
	model  string    // small multiples: the model's mark stands before the title
}

// page is the layout of a chart: rows of panels under a title, a caption and notes below.
type page struct {
	title  string
	rows   [][]panel
	keys   []key    // what the colours mean, above the first row, where names alone do not say it
	footer []string // caption and notes, in lines that fit
}

// key explains a fill or a line in words.
type key struct {
	text string
	draw func(c draw.Canvas, box vg.Rectangle)
}

// textWidth is the room for captions.
const textWidth = pageWidth - marginLeft - marginRight

// height adds up the parts.
func (pg page) height() vg.Length {
	h := marginTop + marginBottom + leading(sansBold(titleSize, ink())) + 6
	if len(pg.keys) > 0 {
		h += keyHeight
	}
	for _, row := range pg.rows {
		h += row[0].height + panelGap
	}
	return h + vg.Length(len(pg.footer))*leading(sans(captionSize, soft()))
}

// footer breaks the caption and the notes into lines.
func footer(caption string, notes []string) []string {
	style := sans(captionSize, soft())
	lines := wrap(style, caption, textWidth)
	for _, note := range notes {
		for i, line := range wrap(style, note, textWidth-10) {
			lead := "•  "
			if i > 0 {
				lead = "    "
			}
			lines = append(lines, lead+line)
		}
	}
	return lines
}

const keyHeight vg.Length = 20

// draw paints the page.
func (pg page) draw(c draw.Canvas) {
	c.SetColor(rgb(0xFFFFFF)) // a README may be read in dark mode
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, marginLeft, -marginRight, marginBottom, -marginTop)
	at := vg.Point{X: c.Min.X, Y: c.Max.Y}
	at.Y -= writeLines(c, sansBold(titleSize, ink()), at, []string{pg.title}) + 6
	if len(pg.keys) > 0 {
		pg.drawKeys(c, at)
		at.Y -= keyHeight
	}
	for _, row := range pg.rows {
		width := (c.Max.X - c.Min.X - panelGap*vg.Length(len(row)-1)) / vg.Length(len(row))
		for i, pn := range row {
			left := c.Min.X + vg.Length(i)*(width+panelGap)
			area := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: left, Y: at.Y - pn.height},
				Max: vg.Point{X: left + width, Y: at.Y},
			}}
			pn.draw(area)
		}
		at.Y -= row[0].height + panelGap
	}
	writeLines(c, sans(captionSize, soft()), at, pg.footer)
}

func (pg page) drawKeys(c draw.Canvas, at vg.Point) {
	style := sans(tickSize, ink())
	for _, k := range pg.keys {
		box := vg.Rectangle{
			Min: vg.Point{X: at.X, Y: at.Y - 11},
			Max: vg.Point{X: at.X + sampleWidth, Y: at.Y - 1},
		}
		k.draw(c, box)
		writeBeside(c, style, vg.Point{X: box.Max.X + nameGap, Y: (box.Min.Y + box.Max.Y) / 2}, k.text)
		at.X = box.Max.X + nameGap + style.Width(k.text) + 18
	}
}

// draw paints one panel: title, plot, names.
func (pn panel) draw(area draw.Canvas) {
	if pn.title != "" {
		at := vg.Point{X: area.Min.X, Y: area.Max.Y}
		if pn.model != "" {
			sample(area, StyleOf(pn.model), vg.Point{X: at.X, Y: at.Y - labelSize*0.7})
			at.X += sampleWidth + nameGap
		}
		area.Max.Y -= writeLines(area, sansBold(labelSize, ink()), at, []string{pn.title}) + 4
	}
	if pn.yTitle != "" {
		at := vg.Point{X: area.Min.X, Y: area.Max.Y}
		area.Max.Y -= writeLines(area, sans(tickSize, soft()), at, []string{pn.yTitle}) + 5
	}
	area.Max.X -= pn.right
	if pn.names != nil {
		area.Max.X -= nameColumn(pn.names)
	}
	pn.plot.Draw(area)
	if pn.names != nil {
		nameLines(pn.plot.DataCanvas(area), pn.plot, pn.names)
	}
}

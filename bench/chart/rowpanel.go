package chart

import (
	"cmp"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"iomodels/bench/stats"
)

// The height of a row, and of what stands around the rows of a panel.
const (
	rowPitch    vg.Length = 21
	rowSurround vg.Length = 58 // panel title, axis, its title
)

// barPanel lays bars out in a panel of the width. The axis starts at zero, and ends where the
// figures at the ends of the bars still find room.
func barPanel(title, xTitle string, rows []row, width vg.Length) panel {
	p, room := rowPlot(xTitle, rows, width)
	top := 0.0
	for _, r := range rows {
		text := sans(captionSize, ink()).Width(r.text) + figureGap + 4
		top = max(top, r.end()*float64(room/max(room-text, room/4)))
	}
	p.X.Min, p.X.Max = 0, top
	p.Add(gridLines{vertical: true}, rowChart{rows: rows})
	return panel{title: title, plot: p, height: rowSurround + rowPitch*vg.Length(len(rows))}
}

// end is how far a row reaches to the right.
func (r row) end() float64 { return max(r.total.Hi, r.total.Value, 0) }

// ratioPanelOf lays dots out on a log axis around 1, with their figures in a column of their
// own at the right: nothing is written across the line of the baseline.
// In the range of band, if it is one, nothing is told from noise.
func ratioPanelOf(xTitle string, rows []row, band stats.Interval, width vg.Length) panel {
	var column vg.Length
	lo, hi := 1.0, 1.0
	for _, r := range rows {
		column = max(column, sans(captionSize, ink()).Width(r.text)+2*figureGap)
		lo, hi = min(lo, r.total.Lo, r.total.Value), max(hi, r.total.Hi, r.total.Value)
	}
	p, _ := rowPlot(xTitle, rows, width-column)
	ratioAxis(&p.X, min(lo, cmp.Or(band.Lo, 1)), max(hi, band.Hi))
	p.Add(noiseBand{band}, gridLines{vertical: true}, reference{at: 1, vertical: true}, rowChart{rows: rows, dots: true})
	return panel{plot: p, height: rowSurround + rowPitch*vg.Length(len(rows)), right: column}
}

// rowPlot is a plot with one named row per unit of the vertical axis; it returns also how
// wide its data area will be.
func rowPlot(xTitle string, rows []row, width vg.Length) (*plot.Plot, vg.Length) {
	p := newPlot(xTitle)
	var names plot.ConstantTicks
	var widest vg.Length
	for i, r := range rows {
		names = append(names, plot.Tick{Value: -float64(i), Label: r.name})
		widest = max(widest, p.Y.Tick.Label.Width(r.name))
	}
	p.Y.Min, p.Y.Max = 0.4-float64(len(rows)), 0.6
	p.Y.Tick.Marker, p.Y.Tick.Length = names, 0
	p.Y.LineStyle = draw.LineStyle{}
	return p, width - widest - 10
}

// level gives panels of one row the height of the tallest, with rows of one pitch: a panel
// with fewer models ends with room to spare.
func level(panels []panel) {
	tallest := panels[0].height
	for _, pn := range panels {
		tallest = max(tallest, pn.height)
	}
	for i := range panels {
		panels[i].plot.Y.Min -= float64((tallest - panels[i].height) / rowPitch)
		panels[i].height = tallest
	}
}

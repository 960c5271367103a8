package chart

import (
	"iomodels/bench/stats"
)

// Bar is a value that belongs to no run of the matrix, with the words that stand beside it.
type Bar struct {
	Name  string
	Model string // decides the colour; "": grey
	Value float64
	Text  string
}

// Bars draws values in the order in which they are given, longest to the right. name is that of
// the file, axis says what is measured, in which unit, and which way is better.
func Bars(name, title, axis, caption string, bars []Bar) Chart {
	var rows []row
	alt := "Bar chart: " + title + "."
	for _, b := range bars {
		rows = append(rows, row{
			name: b.Name, model: b.Model, parts: []float64{b.Value}, total: stats.Interval{Value: b.Value, N: 1}, text: b.Text,
		})
		alt += " " + b.Name + ": " + b.Text + "."
	}
	return Chart{
		Name: name, Title: title, Alt: alt, Caption: caption,
		page: page{rows: [][]panel{{barPanel("", axis, rows, textWidth)}}},
	}.finish()
}

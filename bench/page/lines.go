package page

import (
	"encoding/json"
	"math"
	"strconv"

	"iomodels/bench/chart"
	"iomodels/bench/report/table"
	"iomodels/bench/stats"
	"iomodels/bench/stats/cells"
)

// lineChart is a drawing of lines over a common axis, one per model: figures, and how they are
// written. Scripts read it as JSON, svg draws it for paper.
type lineChart struct {
	ID     string       `json:"id"`
	Title  string       `json:"-"`
	Lede   string       `json:"-"` // what to look for, in a sentence
	Notes  []string     `json:"-"`
	XTitle string       `json:"xTitle"`
	YTitle string       `json:"yTitle"`
	X      scale        `json:"x"`
	Linear scale        `json:"linear"` // of the values
	Log    *scale       `json:"log,omitempty"`
	AsLog  bool         `json:"asLog"` // what is shown first
	At     nums         `json:"at"`    // the places of the points on the x axis
	AtText []string     `json:"atText"`
	Lines  []line       `json:"lines"`
	One    bool         `json:"one,omitempty"`  // a reference line at 1
	Band   bool         `json:"band,omitempty"` // intervals as a band, and no points
	Spread float64      `json:"spread"`         // how far models stand beside each other at a point, in pixels
	Table  *table.Table `json:"-"`
}

// line is one model's.
type line struct {
	Model  int      `json:"m"`
	Y      nums     `json:"y"` // one per place, NaN where there is none
	Lo     nums     `json:"lo"`
	Hi     nums     `json:"hi"`
	Texts  []string `json:"t"`
	Hollow []bool   `json:"hollow,omitempty"` // read with care
}

// scale is an axis: its ends and its labels.
type scale struct {
	Lo    float64      `json:"lo"`
	Hi    float64      `json:"hi"`
	Ticks []chart.Tick `json:"ticks"`
}

// nums are figures as JSON, short, and null where there is none.
type nums []float64

// MarshalJSON implements json.Marshaler.
func (n nums) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for i, v := range n {
		if i > 0 {
			out = append(out, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out = append(out, "null"...)
			continue
		}
		out = strconv.AppendFloat(out, v, 'g', 5, 64)
	}
	return append(out, ']'), nil
}

var _ json.Marshaler = nums(nil)

// newLine makes a line without points yet.
func newLine(id, places int) line {
	l := line{Model: id, Y: make(nums, places), Lo: make(nums, places), Hi: make(nums, places)}
	for i := range places {
		l.Y[i], l.Lo[i], l.Hi[i] = math.NaN(), math.NaN(), math.NaN()
	}
	l.Texts = make([]string, places)
	return l
}

// set puts a figure at a place.
func (l *line) set(i int, iv stats.Interval, unit cells.Unit, hollow bool) {
	if !finite(iv) {
		return // the ratio to a zero
	}
	l.Y[i], l.Lo[i], l.Hi[i] = iv.Value, iv.Lo, iv.Hi
	l.Texts[i] = unit.Interval(iv)
	if hollow {
		if l.Hollow == nil {
			l.Hollow = make([]bool, len(l.Y))
		}
		l.Hollow[i] = true
	}
}

// finite reports whether an interval can be drawn.
func finite(iv stats.Interval) bool {
	return !math.IsNaN(iv.Value+iv.Lo+iv.Hi) && !math.IsInf(iv.Value, 0) && !math.IsInf(iv.Lo, 0) && !math.IsInf(iv.Hi, 0)
}

// empty reports whether there is nothing to draw.
func (c *lineChart) empty() bool { return len(c.Lines) == 0 }

// values gives the chart its axis of values, linear from zero and logarithmic; ratio makes it one
// around 1.
func (c *lineChart) values(unit cells.Unit, ratio, asLog bool) {
	lo, hi := c.bounds()
	c.AsLog, c.One = asLog, ratio
	if ratio && lo > 0 {
		lo, hi = min(lo, 0.9), max(hi, 1.1)
		margin := math.Pow(hi/lo, 0.04)
		lo, hi = lo/margin, hi*margin
		c.Linear = scale{lo, hi, chart.LinearTicks(unit, 6, lo, hi)}
		c.Log = &scale{lo, hi, chart.RatioTicks(lo, hi)}
		return
	}
	c.Linear = scale{0, hi * 1.05, chart.LinearTicks(unit, 6, 0, hi*1.05)}
	if lo > 0 {
		lo, hi = chart.LogRange(lo, hi)
		c.Log = &scale{lo, hi, chart.LogTicks(unit, lo, hi)}
	} else {
		c.AsLog = false
	}
}

// bounds are the smallest and largest figures, intervals included.
func (c *lineChart) bounds() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, l := range c.Lines {
		for i, y := range l.Y {
			if math.IsNaN(y) || math.IsInf(l.Lo[i], 0) || math.IsInf(l.Hi[i], 0) {
				continue
			}
			lo, hi = min(lo, y, l.Lo[i]), max(hi, y, l.Hi[i])
		}
	}
	if hi <= 0 { // nothing, or nothing but zeros
		return 0, 1
	}
	return lo, hi
}

// logPlaces puts measured places on a logarithmic x axis, each with a label.
func (c *lineChart) logPlaces(at []float64, unit cells.Unit, noun string) {
	lo, hi := math.Log10(at[0]), math.Log10(at[len(at)-1])
	room := max(0.05*(hi-lo), 0.06)
	c.X = scale{Lo: lo - room, Hi: hi + room}
	for _, v := range at {
		c.At = append(c.At, math.Log10(v))
		c.AtText = append(c.AtText, unit.Tick(v)+" "+noun)
		c.X.Ticks = append(c.X.Ticks, chart.Tick{At: math.Log10(v), Text: unit.Tick(v)})
	}
}

// tabulate writes the figures at some places as a table, models below each other.
func (c *lineChart) tabulate(models []string, places []int, heads []string) {
	columns := []string{"<model"}
	c.Table = table.New(append(columns, heads...)...)
	for _, l := range c.Lines {
		row := []string{models[l.Model]}
		for _, i := range places {
			text := l.Texts[i]
			if text == "" {
				text = "–"
			}
			row = append(row, text)
		}
		c.Table.Add(row...)
	}
}

// everyPlace tabulates all of them.
func (c *lineChart) everyPlace(models []string) {
	var places []int
	for i := range c.At {
		places = append(places, i)
	}
	c.tabulate(models, places, c.AtText)
}

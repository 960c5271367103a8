// Package chart draws the pictures of a run with gonum/plot, each as SVG for people with a
// browser and as PNG for the rest.
//
// # What every chart keeps to
//
//   - One model has one colour, one dash and one glyph, in every picture: see StyleOf.
//   - Names stand at the ends of the lines. There is no legend to look up, and nothing lies
//     over the data.
//   - Every figure carries its interval over blocks. The caption says how many blocks, on
//     which machine, under which load, at which commit, and what level the intervals have.
//   - Axis titles name the unit and say which way is better.
//   - What was skipped, failed or is in doubt is listed below the picture, or drawn hollow.
//   - The same records give the same bytes, so that a changed chart is a changed result.
//
// Percentile curves are merged over blocks by the median at each percentile (cells.Curve);
// nothing here averages percentiles.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"image/png"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"iomodels/bench/record"
	"iomodels/bench/stats/cells"
)

// Chart is one picture, laid out and ready to be painted.
type Chart struct {
	Kind    string   // CostRatio, Throughput ...
	Name    string   // file name without its extension, stable between runs
	Title   string   // what is shown
	Alt     string   // the picture in words, for those who cannot see it
	Caption string   // conditions: machine, blocks, load, commit
	Notes   []string // what is missing or doubtful, and why
	page    page
}

// kind is a chart that exists once per protocol; its name is NAME-PROTOCOL.
type kind struct {
	name string
	draw func(set *cells.Set, proto string) (Chart, bool) // false: the run holds no data for it
}

// The names of the kinds.
const (
	CostRatio   = "cost-ratio"
	SpeedRatio  = "speed-ratio"
	Throughput  = "throughput"
	Percentiles = "percentiles"
	LatencyLoad = "latency-load"
	CPU         = "cpu"
	Syscalls    = "syscalls"
	Memory      = "memory"
	Ramp        = "ramp"

	Family       = "family"
	FamilyMemory = "family-memory"
	Blocking     = "blocking"
	Idlers       = "idlers"
	HandlerTime  = "handler-time"
)

// kinds lists all charts in the order of the report.
func kinds() []kind {
	return []kind{
		{CostRatio, forest},
		{SpeedRatio, speedForest},
		{Throughput, throughput},
		{Percentiles, percentiles},
		{LatencyLoad, offeredLoad},
		{CPU, cpu},
		{Syscalls, syscalls},
		{Memory, memory},
		{Ramp, ramp},
		{Family, family},
		{FamilyMemory, familyMemory},
		{Blocking, blocking},
		{Idlers, idlers},
		{HandlerTime, handlerTime},
	}
}

// All draws every chart for which the run holds data, in the order of the report.
func All(set *cells.Set) []Chart { return Only(set) }

// Only draws the charts of the named kinds; of every kind, if none is named.
func Only(set *cells.Set, names ...string) []Chart {
	var out []Chart
	for _, k := range kinds() {
		if len(names) > 0 && !slices.Contains(names, k.name) {
			continue
		}
		for _, proto := range set.Protos() {
			if c, ok := k.draw(set, proto); ok {
				c.Kind, c.Name = k.name, k.name+"-"+proto
				out = append(out, c.finish())
			}
		}
	}
	return out
}

// Names lists the names that charts of the two protocols can have.
func Names() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.name+"-echo", k.name+"-http")
	}
	return out
}

// finish hands title, caption and notes to the page.
func (c Chart) finish() Chart {
	c.page.title, c.page.footer = c.Title, footer(c.Caption, c.Notes)
	return c
}

// Write paints the chart into dir as NAME.svg and NAME.png.
func (c Chart) Write(dir string) error {
	svg, err := c.SVG()
	if err != nil {
		return err
	}
	image, err := c.PNG()
	if err != nil {
		return err
	}
	if err := record.WriteWhole(filepath.Join(dir, c.Name+".svg"), svg); err != nil {
		return fmt.Errorf("chart %s: %w", c.Name, err)
	}
	if err := record.WriteWhole(filepath.Join(dir, c.Name+".png"), image); err != nil {
		return fmt.Errorf("chart %s: %w", c.Name, err)
	}
	return nil
}

// SVG paints the chart as a scalable picture of some ten kilobytes.
func (c Chart) SVG() ([]byte, error) {
	canvas := vgsvg.New(pageWidth, c.page.height())
	c.page.draw(draw.New(canvas))
	var buf bytes.Buffer
	if _, err := canvas.WriteTo(&buf); err != nil {
		return nil, fmt.Errorf("chart %s: write SVG: %w", c.Name, err)
	}
	return c.forBrowsers(buf.Bytes()), nil
}

// forBrowsers names fonts that exist where the drawing library's does not (same widths, so
// nothing shifts), and gives the picture a name and a text for screen readers.
func (c Chart) forBrowsers(svg []byte) []byte {
	svg = bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans;font-variant:normal;"),
		[]byte("font-family:Liberation Sans, Arial, Helvetica, sans-serif;"))
	open := []byte(`xmlns:xlink="http://www.w3.org/1999/xlink">`)
	named := fmt.Sprintf("%s\n<title>%s</title>\n<desc>%s</desc>",
		`xmlns:xlink="http://www.w3.org/1999/xlink" role="img">`,
		html.EscapeString(c.Title), html.EscapeString(c.Alt))
	return bytes.Replace(svg, open, []byte(named), 1)
}

// dotsPerInch makes a PNG sharp on dense screens without making it heavy.
const dotsPerInch = 144

// PNG paints the chart as an image.
func (c Chart) PNG() ([]byte, error) {
	canvas := vgimg.NewWith(
		vgimg.UseWH(pageWidth, c.page.height()), vgimg.UseDPI(dotsPerInch),
		vgimg.UseBackgroundColor(rgb(0xFFFFFF)),
	)
	c.page.draw(draw.New(canvas))
	var buf bytes.Buffer
	if err := png.Encode(&buf, paletted(canvas.Image())); err != nil {
		return nil, fmt.Errorf("chart %s: write PNG: %w", c.Name, err)
	}
	return buf.Bytes(), nil
}

// Size is the size of the chart in points.
func (c Chart) Size() (width, height vg.Length) { return pageWidth, c.page.height() }

package lanes

import (
	"fmt"
	"slices"
	"strings"

	"iomodels/bench/chart"
	"iomodels/bench/trace"
)

// Source is a trace and the digest of its file.
type Source struct {
	Trace  *trace.Trace
	Digest Digest
}

// remark is under every picture.
const remark = "Traced: the order of events is true. Their distances are not: every call was stopped twice."

// Picture draws one model: a quiet request, and beside it what a burst changes.
func Picture(src Source) string {
	s := SceneOf(src.Trace, trace.MarkSend)
	g := newGrid(s, margin, 74, true)
	width := max(g.total+2*margin, 720)
	var c canvas
	head(&c, s, margin, 32)
	drawScene(&c, s, g, true)
	y := g.bottom(s) + 26
	y = drawCounts(&c, src.Trace, margin, y)
	y = legend(&c, []*Scene{s}, margin, y+8, width-2*margin)
	y = foot(&c, margin, y+6, src.Trace.Header, src.Digest)
	return svg(width, y+8, s.Title(), s.Describe(), []Digest{src.Digest}, false, c.String())
}

// Inline draws a scene for a page that has the style sheet already, without head and foot.
func Inline(s *Scene, d Digest) string {
	g := newGrid(s, 2, 2, true)
	var c canvas
	drawScene(&c, s, g, true)
	return svg(g.total+4, g.bottom(s)+4, s.Title(), s.Describe(), []Digest{d}, true, c.String())
}

// Narrow draws a scene with one lane for all of the server, for a page with little room.
func Narrow(s *Scene, d Digest) string {
	folded := s.folded()
	g := newGrid(folded, 2, 2, false)
	var c canvas
	drawScene(&c, folded, g, false)
	return svg(g.total+4, g.bottom(folded)+4, s.Title(), "", []Digest{d}, true, c.String())
}

// SideBySide draws the quiet request of several models beside each other, each with a lane for the
// client, one for the kernel, and one for all of the server.
func SideBySide(sources []Source) string {
	var c canvas
	var scenes []*Scene
	var digests []Digest
	x, low := margin, 0.0
	for _, src := range sources {
		s := SceneOf(src.Trace, trace.MarkSend).folded()
		g := newGrid(s, x, 84, false)
		name := src.Trace.Header.Model
		swatch(&c, name, x, 60)
		c.text("lane", x+20, 71, 0, name)
		calls := fmt.Sprintf("%d system calls", Total(CallsOf(src.Trace, trace.MarkSend)))
		c.text("about", x+30+7.4*float64(len(name)), 71, 0, calls)
		drawScene(&c, s, g, false)
		x, low = x+g.total+16, max(low, g.bottom(s))
		scenes, digests = append(scenes, s), append(digests, src.Digest)
	}
	width := x - 16 + margin
	c.text("title", margin, 32, 0, "One request, "+fmt.Sprint(len(sources))+" ways to wait for it")
	y := legend(&c, scenes, margin, low+18, width-2*margin)
	c.text("small soft", margin, y+14, 0, remark)
	for i, d := range digests {
		c.text("small soft", margin, y+14+16*float64(i+1), 0, d.File+"  sha256 "+d.SHA256)
	}
	var names []string
	for _, s := range scenes {
		names = append(names, s.Describe())
	}
	height := y + 24 + 16*float64(len(digests))
	return svg(width, height, "One request, side by side", strings.Join(names, " "), digests, false, c.String())
}

// Title names a scene.
func (s *Scene) Title() string {
	return fmt.Sprintf("%s, %s: %s", s.Header.Model, s.Header.Proto, windowName(s.Mark, s.Header.Burst))
}

func windowName(mark string, burst int) string {
	switch mark {
	case trace.MarkConnect:
		return "a connection is opened, and a first request sent"
	case trace.MarkBurst:
		return fmt.Sprintf("%d requests at once", burst)
	}
	return "one request in silence"
}

// Describe tells a scene in words, for those who cannot see it.
func (s *Scene) Describe() string {
	var told []string
	for _, i := range s.Items {
		if i.Verb.Name != "" {
			told = append(told, s.Lanes[i.Lane].Name+" "+i.Label)
		}
	}
	return s.Title() + ". In order: " + strings.Join(told, "; ") + "."
}

// head writes what the picture shows.
func head(c *canvas, s *Scene, x, y float64) {
	swatch(c, s.Header.Model, x, y-14)
	c.text("title", x+24, y, 0, s.Header.Model)
	what := s.Header.Proto + ": " + windowName(s.Mark, s.Header.Burst)
	c.text("soft", x+38+11.4*float64(len(s.Header.Model)), y, 0, what)
	for _, l := range []trace.Layer{trace.Syscall, trace.Go, trace.Probe, trace.Kernel} {
		if why := s.Header.Missing[l]; why != "" && (l != trace.Kernel || s.hasRing) {
			c.text("small", x, y+20, 0, "The layer "+string(l)+" is not here: "+why)
			return
		}
	}
	const how = "Time runs downwards, one row for each event; at the left the microseconds since the request."
	c.text("small soft", x, y+20, 0, how)
}

// swatch shows the colour that the model has in all charts.
func swatch(c *canvas, model string, x, y float64) {
	colour := chart.StyleOf(model).Hex()
	c.put(`<rect class="swatch" x="%s" y="%s" width="14" height="14" rx="3" fill="%s"/>`, px(x), px(y), colour)
}

// legend explains the letters that are used.
func legend(c *canvas, scenes []*Scene, x, y, width float64) float64 {
	used := map[string]bool{}
	bars := false
	for _, s := range scenes {
		for _, i := range s.Items {
			used[i.Verb.Name] = true
		}
		bars = bars || len(s.Bars) > 0
	}
	at := x
	for _, v := range Verbs() {
		if !used[v.Name] {
			continue
		}
		w := 34 + 6.2*float64(len(v.Means))
		if at+w > x+width {
			at, y = x, y+22
		}
		c.put(`<g class="%s">`, v.Name)
		c.badge(v.Letter, at, y, 16, 16)
		c.put(`</g>`)
		c.text("small", at+21, y+12, 0, v.Means)
		at += w
	}
	if bars {
		y += 22
		c.put(`<rect class="bar" x="%s" y="%s" width="7" height="16" rx="2"/>`, px(x+4), px(y))
		c.text("small", x+21, y+12, 0, "from submit to complete: this memory is not the program's")
		c.put(`<rect class="bar pool" x="%s" y="%s" width="7" height="16" rx="2"/>`, px(x+370), px(y))
		c.text("small", x+387, y+12, 0, "the same, without memory: a buffer is chosen when bytes come")
	}
	return y + 20
}

func foot(c *canvas, x, y float64, h trace.Header, d Digest) float64 {
	c.text("small soft", x, y+12, 0, remark)
	day, _, _ := strings.Cut(h.Time, "T")
	c.text("small soft", x, y+28, 0, fmt.Sprintf("Linux %s, %s, %s", h.Kernel, h.Go, day))
	c.text("small soft", x, y+44, 0, d.File+"  sha256 "+d.SHA256)
	return y + 50
}

// Total is how many calls there are of all verbs.
func Total(calls map[string]int) (n int) {
	for _, k := range calls {
		n += k
	}
	return n
}

// drawCounts draws how many calls a request takes, alone and in the burst.
func drawCounts(c *canvas, t *trace.Trace, x, y float64) float64 {
	if len(CallsOf(t, trace.MarkSend)) == 0 {
		return y
	}
	c.text("lane", x, y, 0, "System calls for")
	y = drawCalls(c, "one request alone", CallsOf(t, trace.MarkSend), 1, x, y+24)
	if calls := CallsOf(t, trace.MarkBurst); len(calls) > 0 && t.Header.Burst > 0 {
		n := t.Header.Burst
		y = drawCalls(c, fmt.Sprintf("each of %d at once", n), calls, float64(n), x, y+24)
	}
	if n := t.Header.Folded; n > 0 {
		y += 26
		c.text("small soft", x, y, 0, fmt.Sprintf("%d more calls found nothing, again and again; they are left out", n))
	}
	return y + 22
}

// drawCalls draws a bar of calls, by verb; per is how many requests they served.
func drawCalls(c *canvas, name string, calls map[string]int, per, x, y float64) float64 {
	c.text("small", x, y+3, 0, name)
	at := x + 124
	for _, v := range Verbs() {
		n := float64(calls[v.Name]) / per
		if n == 0 {
			continue
		}
		w := max(46*n, 4)
		c.put(`<g class="%s"><title>%s: %.2f</title>`, v.Name, v.Means, n)
		c.badge(v.Letter, at, y-10, w-1.5, 18)
		c.put(`</g>`)
		at += w
	}
	c.text("small", at+8, y+3, 0, fmt.Sprintf("%.2f", float64(Total(calls))/per))
	return y
}

// folded returns the scene with one lane for all of the server, and without the runtime's own.
func (s *Scene) folded() *Scene {
	out := *s
	out.Lanes = []Lane{{Client, "client", "", 94}, {Kernel, "kernel", "", 100}}
	if s.looksInside() {
		out.Lanes[1].Width += 64
	}
	if s.barsIn() == Emulation {
		out.Lanes = append(out.Lanes, Lane{Emulation, "pending", "", 6 + s.slots()*slotWidth})
	} else {
		out.Lanes[1].Width += s.slots() * slotWidth
	}
	out.Lanes = append(out.Lanes, Lane{Thread, "server", "", 190})
	to := func(lane int) int {
		switch s.Lanes[lane].Kind {
		case Client:
			return 0
		case Kernel:
			return 1
		case Wire, Noise:
			return -1
		}
		return len(out.Lanes) - 1
	}
	out.Items = nil
	for _, i := range s.Items {
		if i.Lane = to(i.Lane); i.Lane >= 0 {
			out.Items = append(out.Items, i)
		}
	}
	// Calls that last lie behind what happens meanwhile.
	slices.SortStableFunc(out.Items, func(a, b Item) int { return (b.To - b.From) - (a.To - a.From) })
	return &out
}

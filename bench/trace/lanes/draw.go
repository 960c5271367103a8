package lanes

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// Sizes, in pixels.
const (
	rowHeight  = 25.0
	boxHeight  = 20.0
	badgeWidth = 18.0
	gutter     = 62.0 // of the times
	headHeight = 40.0 // of the lanes' names
	margin     = 18.0
	slotWidth  = 20.0
)

// widths of the lanes by kind.
func (k Kind) width() float64 {
	switch k {
	case Client:
		return 104
	case Wire:
		return 84
	case Kernel:
		return 150
	case Emulation:
		return 40
	case Noise:
		return 150
	}
	return 204
}

// grid is where the lanes of a scene stand.
type grid struct {
	left, top float64
	x, width  []float64 // by lane
	total     float64
}

func newGrid(s *Scene, left, top float64, times bool) grid {
	g := grid{left: left, top: top}
	x := left
	if times {
		x += gutter
	}
	for _, l := range s.Lanes {
		g.x, g.width = append(g.x, x), append(g.width, l.Width)
		x += l.Width
	}
	g.total = x - left
	return g
}

// barsIn is the lane in which operations are pending: the kernel's, unless the program only plays it.
func (s *Scene) barsIn() Kind {
	for _, l := range s.Lanes {
		if l.Kind == Emulation {
			return Emulation
		}
	}
	return Kernel
}

// looksInside reports whether the kernel's own tracepoints are in the scene.
func (s *Scene) looksInside() bool {
	return slices.ContainsFunc(s.Items, func(i Item) bool { return i.Verb.Name == "inside" })
}

func (s *Scene) slots() float64 {
	most := 0
	for _, b := range s.Bars {
		most = max(most, b.Slot+1)
	}
	return float64(most)
}

// y is the top of a row's boxes. Row -1 is above the first.
func (g grid) y(row int) float64 { return g.top + headHeight + float64(row)*rowHeight + 2.5 }

func (g grid) bottom(s *Scene) float64 { return g.y(len(s.Rows)) + 4 }

// drawScene draws the lanes of a scene, without a head.
func drawScene(c *canvas, s *Scene, g grid, times bool) {
	for i, l := range s.Lanes {
		class := "band"
		if i%2 == 1 {
			class = "paper"
		}
		c.put(`<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, px(g.x[i]), px(g.top),
			px(g.width[i]), px(g.bottom(s)-g.top))
		c.text("lane", g.x[i]+7, g.top+15, g.width[i]-8, l.Name)
		c.text("about", g.x[i]+7, g.top+29, g.width[i]-8, l.About)
	}
	c.put(`<path class="rule" d="M%s %sh%s"/>`, px(g.left), px(g.top+headHeight-4), px(g.total))
	for r, row := range s.Rows {
		c.put(`<g class="row" data-row="%d">`, r)
		c.put(`<rect class="now" x="%s" y="%s" width="%s" height="%s"/>`,
			px(g.left), px(g.y(r)-2.5), px(g.total), px(rowHeight))
		if times {
			c.text("micros", g.left+gutter-8, g.y(r)+14, 0, micros(row.Micros))
		}
		if n := len(s.Lanes) - 1; len(row.Noise) > 0 && s.Lanes[n].Kind == Noise {
			c.text("noise", g.x[n]+7, g.y(r)+14, g.width[n]-8, counted(row.Noise))
		}
		for _, i := range s.Items {
			if max(i.From, 0) == r {
				drawItem(c, s, g, i)
			}
		}
		for _, b := range s.Bars {
			if max(b.From, 0) == r {
				drawBar(c, s, g, b)
			}
		}
		c.put(`</g>`)
	}
}

// micros writes a time.
func micros(us float64) string {
	if us < 10000 {
		return fmt.Sprintf("%.0f µs", us)
	}
	return fmt.Sprintf("%.1f ms", us/1000)
}

// counted writes "futex ×3, nanosleep".
func counted(names []string) string {
	var order []string
	count := map[string]int{}
	for _, n := range names {
		if count[n]++; count[n] == 1 {
			order = append(order, n)
		}
	}
	for i, n := range order {
		if count[n] > 1 {
			order[i] = fmt.Sprintf("%s ×%d", n, count[n])
		}
	}
	return strings.Join(order, ", ")
}

// drawItem draws a box, or a word. A box that began before has no upper edge, and one that goes on
// no lower one; the label of a long one stands where it ends, for only then is the result known.
func drawItem(c *canvas, s *Scene, g grid, i Item) {
	x, w := g.x[i.Lane]+4, g.width[i.Lane]-8
	if s.Lanes[i.Lane].Kind == s.barsIn() {
		x, w = x+s.slots()*slotWidth, w-s.slots()*slotWidth
	}
	if i.Verb.Name == "" {
		drawWord(c, s, g, i)
		return
	}
	top, bottom := g.y(i.From), g.y(i.To)+boxHeight
	if i.From < 0 {
		top = g.y(0) - 3
	}
	if i.Open {
		bottom += 4
	}
	class := i.Verb.Name
	if i.Vain {
		class += " vain"
	}
	c.put(`<g class="%s" data-to="%d"><title>%s: %s</title>`,
		class, i.To, i.Verb.Means, html.EscapeString(i.Label))
	c.put(`<path class="box" d="%s"/>`, outline(x, top, w, bottom-top, i.From < 0, i.Open))
	at := g.y(i.To)
	if i.Open {
		at = g.y(max(i.From, 0))
	}
	c.badge(i.Verb.Letter, x, at, badgeWidth, boxHeight)
	class = "call"
	if k := s.Lanes[i.Lane].Kind; k == Client {
		class = "plain"
	}
	c.text(class, x+badgeWidth+5, at+14, w-badgeWidth-6, i.Label)
	c.put(`</g>`)
}

// outline is a box whose upper or lower edge may be open.
func outline(x, y, w, h float64, openTop, openBottom bool) string {
	switch {
	case openTop && openBottom:
		return fmt.Sprintf("M%s %sv%sM%s %sv%s", px(x), px(y), px(h), px(x+w), px(y), px(h))
	case openTop:
		return fmt.Sprintf("M%s %sv%sh%sv%s", px(x), px(y), px(h), px(w), px(-h))
	case openBottom:
		return fmt.Sprintf("M%s %sv%sh%sv%s", px(x), px(y+h), px(-h), px(w), px(h))
	}
	return fmt.Sprintf("M%s %sh%sv%sh%sz", px(x), px(y), px(w), px(h), px(-w))
}

// drawWord writes what was concluded, at the side it goes to.
func drawWord(c *canvas, s *Scene, g grid, i Item) {
	x, w := g.x[i.Lane]+6, g.width[i.Lane]-12
	if s.Lanes[i.Lane].Kind == s.barsIn() {
		x, w = x+s.slots()*slotWidth, w-s.slots()*slotWidth
	}
	if strings.HasSuffix(i.Label, "▶") {
		c.put(`<text class="word" text-anchor="end" x="%s" y="%s">%s</text>`,
			px(x+w), px(g.y(i.From)+14), html.EscapeString(i.Label))
		return
	}
	c.text("word", x, g.y(i.From)+14, w, i.Label)
}

// drawBar draws an operation that is under way. A dashed one holds no memory of the program yet.
func drawBar(c *canvas, s *Scene, g grid, b Bar) {
	lane := slices.IndexFunc(s.Lanes, func(l Lane) bool { return l.Kind == s.barsIn() })
	top, bottom := g.y(b.From)+3, g.y(b.To)+boxHeight-3
	if b.From < 0 {
		top = g.y(0) - 3
	}
	class, what := "bar", fmt.Sprintf("%s: %d B are out of hand until it has completed", b.Label, b.Bytes)
	if b.Bytes == 0 {
		class, what = "bar pool", b.Label+": is pending, and holds no buffer of the program"
	}
	x := g.x[lane] + 5 + float64(b.Slot)*slotWidth
	c.put(`<rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="2"><title>%s</title></rect>`, class,
		px(x), px(top), px(slotWidth-4), px(bottom-top), html.EscapeString(what))
	if label := b.within(bottom - top); label != "" {
		c.put(`<text class="along" transform="translate(%s %s) rotate(90)">%s</text>`,
			px(x+4.5), px(top+5), html.EscapeString(label))
	}
}

// within is what fits along a bar.
func (b Bar) within(length float64) string {
	whole := b.Label
	switch {
	case b.Bytes > 0:
		whole = fmt.Sprintf("%s: %d B", b.Label, b.Bytes)
	case b.Pool:
		whole += ": no buffer yet"
	}
	for _, label := range []string{whole, b.Label, strings.SplitN(b.Label, "(", 2)[0]} {
		if 6*float64(len(label))+8 < length {
			return label
		}
	}
	return ""
}

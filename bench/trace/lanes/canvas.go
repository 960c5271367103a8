package lanes

import (
	_ "embed"
	"fmt"
	"html"
	"strings"
)

//go:embed style.css
var style string

// CSS is the style sheet of all pictures; a page that has them inline needs it once.
func CSS() string { return style }

// canvas collects the elements of a picture.
type canvas struct{ strings.Builder }

func (c *canvas) put(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

// text writes at the baseline x, y. It is cut to what fits a width; 0: all of it.
func (c *canvas) text(class string, x, y, width float64, text string) {
	short := text
	if most := int(width / glyphWidth(class)); width > 0 && len([]rune(text)) > most && most > 1 {
		short = string([]rune(text)[:most-1]) + "…"
	}
	title := ""
	if short != text {
		title = "<title>" + html.EscapeString(text) + "</title>"
	}
	c.put(`<text class="%s" x="%s" y="%s">%s%s</text>`, class, px(x), px(y), title, html.EscapeString(short))
}

// badge draws a letter on its colour, which is that of the group it is in.
func (c *canvas) badge(letter string, x, y, width, height float64) {
	c.put(`<rect class="badge" x="%s" y="%s" width="%s" height="%s" rx="3"/>`, px(x), px(y), px(width), px(height))
	if width >= 14 {
		c.put(`<text class="letter" x="%s" y="%s">%s</text>`, px(x+width/2), px(y+height/2+4.3), letter)
	}
}

// glyphWidth is about how wide a letter is.
func glyphWidth(class string) float64 {
	switch {
	case strings.Contains(class, "call"):
		return 7
	case strings.Contains(class, "word"), strings.Contains(class, "about"), strings.Contains(class, "noise"):
		return 5.6
	}
	return 6.3
}

// px writes a coordinate with at most one digit behind the point.
func px(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

// svg wraps a picture. digests are those of the traces it is drawn from, by file.
func svg(width, height float64, title, describes string, digests []Digest, inline bool, body string) string {
	var c canvas
	sheet := ""
	if !inline {
		sheet = "<style>" + style + "</style>"
	}
	c.put(`<svg xmlns="http://www.w3.org/2000/svg" class="lanes" viewBox="0 0 %s %s" width="%s" height="%s" role="img">`,
		px(width), px(height), px(width), px(height))
	c.put(`<title>%s</title><desc>%s</desc>`, html.EscapeString(title), html.EscapeString(describes))
	for _, d := range digests {
		c.put(`<metadata data-trace="%s" data-sha256="%s"/>`, html.EscapeString(d.File), d.SHA256)
	}
	c.put(`%s<rect class="paper" width="100%%" height="100%%"/>`, sheet)
	c.WriteString(body)
	c.WriteString("</svg>\n")
	return c.String()
}

// Digest names a trace file and what was in it.
type Digest struct{ File, SHA256 string }

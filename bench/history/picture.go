package history

import (
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The sizes of the two small pictures, in CSS pixels.
const (
	sparkWidth, sparkHeight = 320, 64
	badgeHeight             = 20
	letter                  = 6.6 // mean width of a letter at 11 px
	margin                  = 6
	labelWidth              = 64 // of the last ratio, at the end of the line
)

// Sparkline draws the ratios of a series as a small SVG: the line, the band of the intervals,
// a dot at the last point with its ratio, and a mark at the change that was found, if any. The
// axis of ratios is logarithmic. Points that are not sound are left out.
func Sparkline(key Key, points []Point) []byte {
	var sound []Point
	for _, p := range points {
		if p.Sound() && p.Cell.Lo > 0 {
			sound = append(sound, p)
		}
	}
	title := fmt.Sprintf("%s, %s over that of the baseline, %s: %s", key.Model, key.Metric, key.Place, spoken(sound))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n",
		sparkWidth, sparkHeight)
	fmt.Fprintf(&b, "<title>%s</title>\n", escaped(title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="4" fill="#fff"/>`+"\n", sparkWidth, sparkHeight)
	if len(sound) == 0 {
		b.WriteString(inkAt(margin, sparkHeight/2+4, "no campaign recorded yet"))
	} else {
		draw(&b, sound)
		if c, found := FindChange(sound); found {
			s := scaleOf(sound)
			fmt.Fprintf(&b, `<path d="M%.1f %d V%d" stroke="#d55e00" stroke-dasharray="3 2"/>`+"\n",
				s.x(c.At), margin, sparkHeight-margin)
		}
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// spoken says in words what the line shows, for those who cannot see it.
func spoken(points []Point) string {
	if len(points) == 0 {
		return "no campaign"
	}
	last := points[len(points)-1]
	return fmt.Sprintf("%d campaigns, the last of commit %s: %.2f, between %.2f and %.2f",
		len(points), last.Commit, last.Cell.Ratio, last.Cell.Lo, last.Cell.Hi)
}

// scale maps points to the picture.
type scale struct {
	n      int
	lo, hi float64 // logarithms
}

func scaleOf(points []Point) scale {
	s := scale{n: len(points), lo: math.Inf(1), hi: math.Inf(-1)}
	for _, p := range points {
		s.lo, s.hi = min(s.lo, math.Log(p.Cell.Lo)), max(s.hi, math.Log(p.Cell.Hi))
	}
	const least = 0.05 // of a ratio: noise must not fill the picture
	if grow := (least - (s.hi - s.lo)) / 2; grow > 0 {
		s.lo, s.hi = s.lo-grow, s.hi+grow
	}
	return s
}

func (s scale) x(i int) float64 {
	const width = sparkWidth - 2*margin - labelWidth
	if s.n == 1 {
		return margin + width/2
	}
	return margin + width*float64(i)/float64(s.n-1)
}

func (s scale) y(ratio float64) float64 {
	const height = sparkHeight - 2*margin
	return margin + height*(s.hi-math.Log(ratio))/(s.hi-s.lo)
}

func draw(b *strings.Builder, points []Point) {
	s := scaleOf(points)
	var line, upper, lower []string
	for i, p := range points {
		at := func(ratio float64) string { return fmt.Sprintf("%.1f %.1f", s.x(i), s.y(ratio)) }
		line, upper, lower = append(line, at(p.Cell.Ratio)), append(upper, at(p.Cell.Hi)), append(lower, at(p.Cell.Lo))
	}
	slices.Reverse(lower)
	last := points[len(points)-1].Cell
	x := s.x(len(points) - 1)
	if len(points) > 1 {
		fmt.Fprintf(b, `<path d="M%s Z" fill="#0072b2" fill-opacity="0.16"/>`+"\n", strings.Join(append(upper, lower...), " L"))
		fmt.Fprintf(b, `<path d="M%s" fill="none" stroke="#0072b2" stroke-width="1.6"/>`+"\n", strings.Join(line, " L"))
	}
	fmt.Fprintf(b, `<path d="M%.1f %.1f V%.1f" stroke="#0072b2" stroke-width="1.2"/>`+"\n", x, s.y(last.Hi), s.y(last.Lo))
	fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="#0072b2"/>`+"\n", x, s.y(last.Ratio))
	b.WriteString(inkAt(int(x)+10, int(s.y(last.Ratio))+4, fmt.Sprintf("%.2f ×", last.Ratio)))
}

func inkAt(x, y int, text string) string {
	return fmt.Sprintf(`<text x="%d" y="%d" font-family="Liberation Sans, Arial, Helvetica, sans-serif" `+
		`font-size="12" fill="#222">%s</text>`+"\n", x, y, escaped(text))
}

// Badge draws the last ratio of a series beside its name, as a small SVG. It is green where
// nothing moved, and amber where a change was found: advice to look, and no verdict.
func Badge(key Key, baseline string, points []Point) []byte {
	label, value, colour := fmt.Sprintf("%s / %s, %s", key.Model, baseline, key.Metric), "no data", "#777"
	if i := lastSound(points); i >= 0 {
		value, colour = fmt.Sprintf("%.2f ×", points[i].Cell.Ratio), "#1f7a4d"
		if _, found := FindChange(points); found {
			value, colour = value+", moved", "#a85b00"
		}
	}
	left, right := badgePart(label), badgePart(value)
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" role="img">
<title>%s: %s</title>
<rect width="%d" height="%d" rx="3" fill="#444"/>
<path d="M%d 0 h%d a3 3 0 0 1 3 3 v%d a3 3 0 0 1 -3 3 h-%d z" fill="%s"/>
<g fill="#fff" font-family="Liberation Sans, Verdana, Arial, sans-serif" font-size="11" text-anchor="middle">
<text x="%d" y="14">%s</text>
<text x="%d" y="14">%s</text>
</g>
</svg>
`, left+right, badgeHeight, escaped(label), escaped(value), left+right, badgeHeight,
		left, right-3, badgeHeight-6, right-3, colour, left/2, escaped(label), left+right/2, escaped(value))
}

func badgePart(text string) int { return int(letter*float64(len([]rune(text)))) + 2*margin }

func lastSound(points []Point) int {
	for i := len(points) - 1; i >= 0; i-- {
		if points[i].Sound() && points[i].Cell.Ratio > 0 {
			return i
		}
	}
	return -1
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}
